package org.apache.nifi.processors.script;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.idemflow.scripting.ThrowingEngineFactory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.nifi.util.LogMessage;
import org.apache.nifi.util.TestRunner;
import org.apache.nifi.util.TestRunners;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever leaves a script: it is logged, the session is rolled back, the FlowFile penalized, the processor yields. */
class ExecuteScriptErrorsTest {

    private TestRunner runner;

    @BeforeEach
    void createRunner() {
        runner = TestRunners.newTestRunner(ExecuteScript.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {
            "java.lang.StackOverflowError",
            "java.lang.NoClassDefFoundError",
            "java.lang.IncompatibleClassChangeError",
            "java.lang.InternalError",
            "java.lang.IllegalStateException",
            "java.io.IOException",
            "java.lang.InterruptedException",
            "java.lang.Throwable",
    })
    void rollsBackWhateverAnEngineThrows(final String thrown) {
        throwing(thrown);

        runner.run();

        final LogMessage message = rolledBack().getFirst();
        assertTrue(message.getMsg().contains("The script failed, the session is rolled back"), message.getMsg());
        // NiFi's log has its stack trace, the bulletin its class and message.
        assertEquals(thrown + ": thrown", String.valueOf(message.getThrowable()));
    }

    @Test
    void leavesAFullHeapToNiFiAfterTheRollback() {
        throwing("java.lang.OutOfMemoryError");

        final AssertionError thrown = assertThrows(AssertionError.class, () -> runner.run());

        assertInstanceOf(OutOfMemoryError.class, thrown.getCause());
        rolledBack();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
            "raise StackOverflowError('deep') | java.lang.StackOverflowError: deep",
            "raise NoClassDefFoundError('a/B') | java.lang.NoClassDefFoundError: a/B",
            "ring = ArrayList(); ring.add(ring); ring.hashCode() | java.lang.StackOverflowError",
            "System.loadLibrary('none') | java.lang.UnsatisfiedLinkError: no none in java.library.path",
            "raise Throwable('other') | java.lang.Throwable: other",
    })
    void rollsBackTheErrorsOfJavaInAPythonScript(final String statement, final String expected) {
        runner.setProperty("Script Engine", "python");
        runner.setProperty("Script Body", """
                from java.lang import NoClassDefFoundError, StackOverflowError, System, Throwable
                from java.util import ArrayList
                session.transfer(session.get(), REL_SUCCESS)
                """ + statement);
        runner.enqueue("x");

        runner.run();

        final LogMessage message = rolledBack().getFirst();
        assertTrue(message.getMsg().contains("Script Body:4: " + expected), message.getMsg());
    }

    @Test
    void letsAPythonScriptCatchAnError() {
        runner.setProperty("Script Engine", "python");
        runner.setProperty("Script Body", """
                from java.lang import StackOverflowError
                from java.util import ArrayList
                ring = ArrayList()
                ring.add(ring)
                try:
                    ring.hashCode()
                except StackOverflowError:
                    session.transfer(session.get(), REL_FAILURE)
                """);
        runner.enqueue("x");

        runner.run();

        runner.assertTransferCount(ExecuteScript.REL_FAILURE, 1);
    }

    @Test
    void saysInALineThatAFileIsGone(@TempDir final Path directory) throws IOException {
        final Path file = Files.writeString(directory.resolve("step.py"), "import os\nos.remove(__file__)\n");
        runner.setProperty("Script Engine", "python");
        runner.setProperty("Script File", file.toString());

        runner.run(2);

        final List<LogMessage> errors = runner.getLogger().getErrorMessages();
        assertEquals(1, errors.size());
        assertTrue(errors.getFirst().getMsg().contains("Script File %s does not exist".formatted(file)));
        assertNull(errors.getFirst().getThrowable());
    }

    private void throwing(final String thrown) {
        runner.setProperty("Script Engine", ThrowingEngineFactory.LANGUAGE);
        runner.setProperty("Script Body", thrown);
        runner.enqueue("x");
    }

    private List<LogMessage> rolledBack() {
        assertEquals(1, runner.getQueueSize().getObjectCount());
        assertEquals(1, runner.getPenalizedFlowFiles().size());
        runner.assertTransferCount(ExecuteScript.REL_SUCCESS, 0);
        assertTrue(runner.isYieldCalled());
        return runner.getLogger().getErrorMessages();
    }
}
