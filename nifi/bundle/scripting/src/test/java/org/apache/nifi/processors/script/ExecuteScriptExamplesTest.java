package org.apache.nifi.processors.script;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.GZIPOutputStream;
import org.apache.nifi.components.state.Scope;
import org.apache.nifi.provenance.ProvenanceEventType;
import org.apache.nifi.util.LogMessage;
import org.apache.nifi.util.MockFlowFile;
import org.apache.nifi.util.TestRunner;
import org.apache.nifi.util.TestRunners;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the documentation and the well-known recipes of ExecuteScript do in Jython, done in the same way here. */
class ExecuteScriptExamplesTest {

    @TempDir
    private Path directory;

    private TestRunner runner;

    @BeforeEach
    void createRunner() {
        runner = TestRunners.newTestRunner(ExecuteScript.class);
        runner.setProperty("Script Engine", "python");
    }

    @Test
    void takesOneOrNone() {
        body("""
                flowFile = session.get()
                if (flowFile != None):
                    session.transfer(flowFile, REL_SUCCESS)
                """);
        runner.run();
        runner.assertTransferCount(ExecuteScript.REL_SUCCESS, 0);
        assertEquals("", errors());

        runner.enqueue("x");
        runner.run();
        runner.assertAllFlowFilesTransferred(ExecuteScript.REL_SUCCESS, 1);
    }

    @Test
    void takesAList() {
        body("""
                files = session.get(3)
                if not files.isEmpty():
                    for flowFile in files:
                        session.transfer(session.putAttribute(flowFile, 'of', str(files.size())), REL_SUCCESS)
                """);
        for (int i = 0; i < 5; i++) {
            runner.enqueue("x");
        }
        runner.run(3);

        assertEquals(List.of("3", "3", "3", "2", "2"), attributes("of"));
        assertEquals("", errors());
    }

    @Test
    void takesWhatAFilterOfItsOwnAccepts() {
        body("""
                from org.apache.nifi.processor import FlowFileFilter
                from org.apache.nifi.processor.FlowFileFilter import FlowFileFilterResult

                class Large(FlowFileFilter):
                    def filter(self, flowFile):
                        if flowFile.size > 2:
                            return FlowFileFilterResult.ACCEPT_AND_CONTINUE
                        return FlowFileFilterResult.REJECT_AND_CONTINUE

                session.transfer(session.get(Large()), REL_SUCCESS)
                """);
        List.of("abc", "a", "abcd").forEach(runner::enqueue);
        runner.run();

        runner.assertTransferCount(ExecuteScript.REL_SUCCESS, 2);
        assertEquals(1, runner.getQueueSize().getObjectCount());
    }

    @Test
    void makesChildrenThatInheritAttributes() {
        body("""
                parent = session.get()
                for n in range(2):
                    child = session.create(parent)
                    session.transfer(session.putAttribute(child, 'n', str(n)), REL_SUCCESS)
                session.remove(parent)
                """);
        runner.enqueue("x", Map.of("kind", "order"));
        runner.run();

        assertEquals(List.of("order", "order"), attributes("kind"));
        assertEquals(List.of("0", "1"), attributes("n"));
    }

    @Test
    void putsOneAttributeOrMany() {
        body("""
                from java.util import HashMap
                flowFile = session.get()
                flowFile = session.putAttribute(flowFile, 'one', 'a')
                flowFile = session.putAllAttributes(flowFile, {'two': 'b', 'three': str(3)})
                other = HashMap()
                other['four'] = 'd'
                flowFile = session.putAllAttributes(flowFile, other)
                flowFile = session.removeAttribute(flowFile, 'gone')
                session.transfer(flowFile, REL_SUCCESS)
                """);
        runner.enqueue("x", Map.of("gone", "x"));
        runner.run();

        final MockFlowFile made = runner.getFlowFilesForRelationship(ExecuteScript.REL_SUCCESS).getFirst();
        assertEquals("abd3", made.getAttribute("one") + made.getAttribute("two") + made.getAttribute("four")
                + made.getAttribute("three"));
        made.assertAttributeNotExists("gone");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "sorted(k + '=' + v for k, v in attributes.iteritems()) | ['a=1', 'b=2']",
            "sorted(k + '=' + v for k, v in attributes.items()) | ['a=1', 'b=2']",
            "sorted(attributes.iterkeys()), sorted(attributes.itervalues()) | (['a', 'b'], ['1', '2'])",
            "sorted(attributes.keySet()), sorted(attributes.values()) | (['a', 'b'], ['1', '2'])",
            "sorted(e.getKey() + e.value for e in attributes.entrySet()) | ['a1', 'b2']",
            "attributes.has_key('a'), 'c' in attributes, attributes.get('c', 'none') | (True, False, 'none')",
            "attributes['a'], attributes.get('b'), attributes.get('c') | ('1', '2', None)",
            "len(attributes), dict(attributes)['b'] | (2, '2')",
    })
    void readsAttributesAsAMap(final String expression, final String expected) {
        body("""
                from java.util import HashMap
                flowFile = session.get()
                attributes = HashMap(flowFile.getAttributes())
                for name in ('uuid', 'filename', 'path'):
                    attributes.remove(name)
                session.transfer(session.putAttribute(flowFile, 'seen', str((%s))), REL_SUCCESS)
                """.formatted(expression));
        runner.enqueue("x", Map.of("a", "1", "b", "2"));
        runner.run();

        assertEquals("", errors());
        assertEquals(List.of(expected), attributes("seen"));
    }

    @Test
    void logsWithPlaceholdersAndExceptions() {
        body("""
                from java.lang import Object
                from jarray import array
                log.warn('Found {} {} {}', array(['Hello', 1, True], Object))
                try:
                    {}['key']
                except Exception as e:
                    log.error('Something went wrong', e)
                """);
        runner.run();

        assertTrue(runner.getLogger().getWarnMessages().stream().anyMatch(
                message -> message.getMsg().endsWith("Found Hello 1 true")), runner.getLogger().getWarnMessages().toString());
        assertTrue(runner.getLogger().getErrorMessages().stream().anyMatch(
                message -> String.valueOf(message.getThrowable()).contains("KeyError: 'key'")));
    }

    @Test
    void readsWithACallbackAndWithAStream() {
        body("""
                from java.nio.charset import StandardCharsets
                from org.apache.commons.io import IOUtils
                from org.apache.nifi.processor.io import InputStreamCallback

                class Keep(InputStreamCallback):
                    def __init__(self):
                        self.text = ''
                    def process(self, inputStream):
                        self.text = IOUtils.toString(inputStream, StandardCharsets.UTF_8)

                flowFile = session.get()
                keep = Keep()
                session.read(flowFile, keep)
                stream = session.read(flowFile)
                again = IOUtils.toString(stream, 'UTF-8')
                stream.close()
                session.transfer(session.putAttribute(flowFile, 'both', keep.text + again), REL_SUCCESS)
                """);
        runner.enqueue("Zo\u00eb \uD83D\uDE00;");
        runner.run();

        assertEquals(List.of("Zo\u00eb \uD83D\uDE00;Zo\u00eb \uD83D\uDE00;"), attributes("both"));
    }

    @Test
    void overwritesAndAppends() {
        body("""
                from java.nio.charset import StandardCharsets
                from org.apache.commons.io import IOUtils
                from org.apache.nifi.processor.io import OutputStreamCallback, StreamCallback

                class Reverse(StreamCallback):
                    def process(self, inputStream, outputStream):
                        text = IOUtils.toString(inputStream, StandardCharsets.UTF_8)
                        outputStream.write(bytearray(text[::-1].encode('utf-8')))

                class Line(OutputStreamCallback):
                    def process(self, outputStream):
                        IOUtils.write('!', outputStream, StandardCharsets.UTF_8)

                flowFile = session.write(session.get(), Reverse())
                session.transfer(session.append(flowFile, Line()), REL_SUCCESS)
                """);
        runner.enqueue("abc\u00e9");
        runner.run();

        content("\u00e9cba!");
    }

    @Test
    void readsIntoABufferThatIsUsedAgain() {
        body("""
                from jarray import zeros
                from org.apache.nifi.processor.io import StreamCallback

                class Copy(StreamCallback):
                    def process(self, inputStream, outputStream):
                        buffer = zeros(7, 'b')
                        while True:
                            count = inputStream.read(buffer)
                            if count == -1:
                                break
                            outputStream.write(buffer, 0, count)

                session.transfer(session.write(session.get(), Copy()), REL_SUCCESS)
                """);
        final String text = IntStream.range(0, 100).mapToObj(String::valueOf).collect(Collectors.joining(" \u00ff"));
        runner.enqueue(text);
        runner.run();

        content(text);
    }

    @Test
    void compressesAsATextOfBytes() throws IOException {
        body("""
                import bz2
                from jarray import zeros
                from org.apache.nifi.processor.io import StreamCallback
                from org.python.core.util import StringUtil

                class Through(StreamCallback):
                    def __init__(self, codec, last):
                        self.codec, self.last = codec, last
                    def process(self, inputStream, outputStream):
                        part = zeros(64, 'b')
                        count = inputStream.read(part)
                        while count != -1:
                            outputStream.write(self.codec(StringUtil.fromBytes(part, 0, count)))
                            count = inputStream.read(part)
                        outputStream.write(self.last())

                packer = bz2.BZ2Compressor()
                flowFile = session.write(session.get(), Through(packer.compress, packer.flush))
                flowFile = session.putAttribute(flowFile, 'packed', str(flowFile.size))
                flowFile = session.write(flowFile, Through(bz2.BZ2Decompressor().decompress, bytes))
                session.transfer(flowFile, REL_SUCCESS)
                """);
        runner.enqueue("again and ".repeat(200));
        runner.run();

        content("again and ".repeat(200));
        assertTrue(Integer.parseInt(attributes("packed").getFirst()) < 200);
    }

    @Test
    void readsLinesOfACompressedFile() throws IOException {
        body("""
                from java.io import BufferedReader, InputStreamReader
                from java.util.zip import GZIPInputStream
                from org.apache.nifi.processor.io import InputStreamCallback

                class Lines(InputStreamCallback):
                    def __init__(self):
                        self.lines = []
                    def process(self, inputStream):
                        reader = BufferedReader(InputStreamReader(GZIPInputStream(inputStream), 'UTF-8'))
                        line = reader.readLine()
                        while line != None:
                            self.lines.append(line)
                            line = reader.readLine()

                flowFile, lines = session.get(), Lines()
                session.read(flowFile, lines)
                session.transfer(session.putAttribute(flowFile, 'lines', '|'.join(lines.lines)), REL_SUCCESS)
                """);
        final ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(packed)) {
            out.write("a\nb\n\nc".getBytes(StandardCharsets.UTF_8));
        }
        runner.enqueue(packed.toByteArray());
        runner.run();

        assertEquals(List.of("a|b||c"), attributes("lines"));
    }

    @Test
    void splitsJsonIntoFlowFiles() {
        body("""
                import json
                from java.nio.charset import StandardCharsets
                from org.apache.commons.io import IOUtils
                from org.apache.nifi.processor.io import InputStreamCallback, OutputStreamCallback

                class Write(OutputStreamCallback):
                    def __init__(self, record):
                        self.record = record
                    def process(self, outputStream):
                        outputStream.write(bytearray(json.dumps(self.record, sort_keys=True).encode('utf-8')))

                class Split(InputStreamCallback):
                    def __init__(self, parent):
                        self.parent = parent
                    def process(self, inputStream):
                        self.records = json.loads(IOUtils.toString(inputStream, StandardCharsets.UTF_8))

                parent = session.get()
                split = Split(parent)
                session.read(parent, split)
                for index, record in enumerate(split.records):
                    child = session.write(session.create(parent), Write(record))
                    session.transfer(session.putAttribute(child, 'fragment.index', str(index)), REL_SUCCESS)
                session.remove(parent)
                """);
        runner.enqueue("[{\"n\": 1}, {\"n\": 2}]");
        runner.run();

        runner.assertAllFlowFilesTransferred(ExecuteScript.REL_SUCCESS, 2);
        content("{\"n\": 1}");
    }

    @Test
    void keepsState() throws IOException {
        body("""
                from org.apache.nifi.components.state import Scope
                manager = context.stateManager
                old = manager.getState(Scope.LOCAL).toMap()
                new = {'count': str(int(old.get('count', '0')) + 1)}
                if manager.getState(Scope.LOCAL).getStateVersion().isEmpty():
                    manager.setState(new, Scope.LOCAL)
                else:
                    manager.replace(manager.getState(Scope.LOCAL), new, Scope.LOCAL)
                """);
        runner.run(3);

        assertEquals("", errors());
        assertEquals("3", runner.getStateManager().getState(Scope.LOCAL).get("count"));
    }

    @Test
    void readsPropertiesInTheirTypes() {
        runner.setValidateExpressionUsage(false);
        runner.setProperty("rows", "7");
        runner.setProperty("wait", "2 mins");
        runner.setProperty("who", "${name:toUpper()}");
        body("""
                from java.util.concurrent import TimeUnit
                flowFile = session.get()
                seen = [rows.asInteger() + 1, wait.asTimePeriod(TimeUnit.SECONDS), rows.isSet(),
                        who.evaluateAttributeExpressions(flowFile).value]
                session.transfer(session.putAttribute(flowFile, 'seen', str(seen)), REL_SUCCESS)
                """);
        runner.enqueue("x", Map.of("name", "ada"));
        runner.run();

        assertEquals(List.of("[8, 120, True, 'ADA']"), attributes("seen"));
    }

    @Test
    void countsAndReportsToProvenance() {
        body("""
                flowFile = session.get()
                session.adjustCounter('seen', 2, False)
                session.getProvenanceReporter().route(flowFile, REL_FAILURE, 'by hand')
                session.transfer(session.penalize(flowFile), REL_FAILURE)
                """);
        runner.enqueue("x");
        runner.run();

        assertEquals(2L, runner.getCounterValue("seen"));
        assertTrue(runner.getProvenanceEvents().stream().anyMatch(
                event -> event.getEventType() == ProvenanceEventType.ROUTE && "by hand".equals(event.getDetails())));
        runner.assertTransferCount(ExecuteScript.REL_FAILURE, 1);
    }

    @Test
    void usesTheClassItself() {
        body("""
                from org.apache.nifi.processors.script import ExecuteScript
                session.transfer(session.get(), ExecuteScript.REL_FAILURE)
                """);
        runner.enqueue("x");
        runner.run();

        runner.assertTransferCount(ExecuteScript.REL_FAILURE, 1);
    }

    @Test
    void handlesItsErrors() {
        body("""
                import sys, traceback
                from java.lang import Integer, NumberFormatException
                flowFile = session.get()
                try:
                    try:
                        Integer.parseInt(flowFile.getAttribute('n'))
                        session.transfer(flowFile, REL_SUCCESS)
                    except:
                        traceback.print_exc(file=sys.stdout)
                        raise
                except NumberFormatException as e:
                    log.error('No number', e)
                    session.transfer(flowFile, REL_FAILURE)
                """);
        runner.enqueue("x", Map.of("n", "seven"));
        runner.enqueue("x", Map.of("n", "7"));
        runner.run(2);

        runner.assertTransferCount(ExecuteScript.REL_FAILURE, 1);
        runner.assertTransferCount(ExecuteScript.REL_SUCCESS, 1);
    }

    @Test
    void importsCallbacksOfAPackage() throws IOException {
        Files.createDirectories(directory.resolve("callbacks"));
        Files.writeString(directory.resolve("callbacks/__init__.py"), "from .first import First\n");
        Files.writeString(directory.resolve("callbacks/first.py"), """
                from java.io import BufferedReader, InputStreamReader
                from org.apache.nifi.processor.io import InputStreamCallback

                class First(InputStreamCallback):
                    line = None
                    def process(self, stream):
                        self.line = BufferedReader(InputStreamReader(stream)).readLine()
                    def getLine(self):
                        return self.line
                """);
        runner.setProperty("Module Directory", directory.toString());
        body("""
                from callbacks import First
                flowFile, first = session.get(), First()
                session.read(flowFile, first)
                session.transfer(session.putAttribute(flowFile, 'first', first.getLine()), REL_SUCCESS)
                """);
        runner.enqueue("head\nrest");
        runner.run();

        assertEquals(List.of("head"), attributes("first"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "print 'x' | SyntaxError: Missing parentheses in call to 'print'",
            "{}.iteritems() | AttributeError: 'dict' object has no attribute 'iteritems'",
            "unicode('x') | NameError: name 'unicode' is not defined",
            "from org.python.core import PyString | ImportError: org.python.core.PyString is a part of Jython",
            "import jarray; jarray.zeros(1, 'x') | ValueError: jarray knows no type 'x'",
            "session.write(session.create()).write(u'text') | TypeError: Java method write does not take",
            "from org.python.core.util import StringUtil; StringUtil.toBytes('\u20ac') | UnicodeEncodeError",
            "from java.io import InputStream; type('Mine', (InputStream,), {}) | TypeError: class Mine cannot derive",
    })
    void saysWhatAPython2ScriptHasToChange(final String script, final String expected) {
        body(script);
        runner.run();

        assertTrue(errors().contains("Script Body:1: " + expected), errors());
    }

    private void body(final String script) {
        runner.setProperty("Script Body", script);
    }

    private List<String> attributes(final String name) {
        assertEquals("", errors());
        return runner.getFlowFilesForRelationship(ExecuteScript.REL_SUCCESS).stream()
                .map(flowFile -> flowFile.getAttribute(name)).toList();
    }

    private void content(final String expected) {
        assertEquals("", errors());
        runner.getFlowFilesForRelationship(ExecuteScript.REL_SUCCESS).getFirst().assertContentEquals(expected);
    }

    private String errors() {
        return runner.getLogger().getErrorMessages().stream().map(LogMessage::getMsg).collect(Collectors.joining("\n"));
    }
}
