package org.apache.nifi.processors.script;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.nifi.components.state.Scope;
import org.apache.nifi.provenance.ProvenanceEventType;
import org.apache.nifi.util.LogMessage;
import org.apache.nifi.util.MockFlowFile;
import org.apache.nifi.util.TestRunner;
import org.apache.nifi.util.TestRunners;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the documentation and the well-known recipes of ExecuteScript do in Jython, done in the same way here. */
class ExecuteScriptExamplesTest {

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

    private String errors() {
        return runner.getLogger().getErrorMessages().stream().map(LogMessage::getMsg).collect(Collectors.joining("\n"));
    }
}
