package org.apache.nifi.processors.script;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.GZIPOutputStream;
import org.apache.nifi.util.LogMessage;
import org.apache.nifi.util.TestRunner;
import org.apache.nifi.util.TestRunners;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The recipes of ExecuteScript that read and write content in Jython, done in the same way here. */
class ExecuteScriptContentExamplesTest {

    @TempDir
    private Path directory;

    private TestRunner runner;

    @BeforeEach
    void createRunner() {
        runner = TestRunners.newTestRunner(ExecuteScript.class);
        runner.setProperty("Script Engine", "python");
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
