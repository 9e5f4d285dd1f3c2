package org.apache.nifi.processors.script;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.idemflow.scripting.RunningScripts;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.nifi.util.LogMessage;
import org.apache.nifi.util.TestRunner;
import org.apache.nifi.util.TestRunners;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is said, and what becomes of a FlowFile, where a script does not end when its processor is stopped. */
class ExecuteScriptStopTest {

    @TempDir
    private Path directory;

    private TestRunner runner;

    @BeforeEach
    void createRunner() {
        System.setProperty(RunningScripts.GRACE_SECONDS_PROPERTY, "1");
        runner = TestRunners.newTestRunner(ExecuteScript.class, "people: collect");
        runner.setProperty("Script Engine", "python");
        runner.enqueue("x");
    }

    @AfterEach
    void clearGrace() {
        System.clearProperty(RunningScripts.GRACE_SECONDS_PROPERTY);
    }

    @Test
    void saysThatAScriptIsInterrupted() throws Exception {
        runAndStop("""
                while True:
                    time.sleep(9)
                """);

        final String warning = warnings().getFirst();
        assertTrue(warning.contains("people: collect: the script still runs 1 s after the processor was stopped, "
                + "and is interrupted now"), warning);
        final String error = runner.getLogger().getErrorMessages().getFirst().getMsg();
        assertTrue(error.matches(".*people: collect: Script Body:[567]: the script was stopped\\. "
                + "It was interrupted 1 s after the stop; its FlowFiles go back to their queue, penalized, "
                + "and are taken again after the next start; the session is rolled back"), error);
        assertEquals(1, runner.getQueueSize().getObjectCount());
        assertEquals(1, runner.getPenalizedFlowFiles().size());
    }

    @Test
    void saysThatAScriptStillRunsAfterIt() throws Exception {
        // What Python cannot interrupt: a call into C that waits.
        runAndStop("""
                import ctypes
                ctypes.CDLL(None).usleep(2500000)
                """);

        final String warning = warnings().getLast();
        assertTrue(warning.contains("the script still runs 1 s after it was interrupted"), warning);
        assertTrue(warning.contains("Terminate the processor"), warning);
    }

    @Test
    void saysNothingOfAScriptThatEndsInTime() throws Exception {
        runAndStop("time.sleep(0.1)");

        TimeUnit.MILLISECONDS.sleep(1200);
        assertEquals(List.of(), warnings());
        runner.assertAllFlowFilesTransferred(ExecuteScript.REL_SUCCESS, 1);
    }

    private void runAndStop(final String body) throws Exception {
        final Path begun = directory.resolve("begun");
        runner.setProperty("Script Body", """
                import time
                session.transfer(session.get(), REL_SUCCESS)
                open('%s', 'w').close()
                """.formatted(begun) + body);
        final CompletableFuture<Void> run = CompletableFuture.runAsync(() -> runner.run(1, false));
        while (!Files.exists(begun) && !run.isDone()) {
            Thread.onSpinWait();
        }
        ((ExecuteScript) runner.getProcessor()).unschedule(runner.getProcessContext());
        run.get(30, TimeUnit.SECONDS);
    }

    private List<String> warnings() {
        return runner.getLogger().getWarnMessages().stream().map(LogMessage::getMsg).toList();
    }
}
