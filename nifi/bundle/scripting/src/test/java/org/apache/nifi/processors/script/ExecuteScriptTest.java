package org.apache.nifi.processors.script;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.nifi.components.AllowableValue;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.processor.Relationship;
import org.apache.nifi.processor.exception.FlowFileHandlingException;
import org.apache.nifi.util.LogMessage;
import org.apache.nifi.util.MockFlowFile;
import org.apache.nifi.util.PropertyMigrationResult;
import org.apache.nifi.util.TestRunner;
import org.apache.nifi.util.TestRunners;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ExecuteScriptTest {

    @TempDir
    private Path directory;

    private TestRunner runner;

    @BeforeEach
    void createRunner() {
        runner = TestRunners.newTestRunner(ExecuteScript.class);
        runner.setProperty("Script Engine", "python");
    }

    @Test
    void hasTheOfficialPropertiesAndRelationships() {
        final ExecuteScript processor = new ExecuteScript();
        final Set<String> properties = processor.getPropertyDescriptors().stream()
                .map(PropertyDescriptor::getDisplayName).collect(Collectors.toSet());

        assertEquals(Set.of("Script Engine", "Script File", "Script Body", "Module Directory"), properties);
        assertEquals(Set.of("success", "failure"), processor.getRelationships().stream()
                .map(Relationship::getName).collect(Collectors.toSet()));
    }

    @Test
    void needsExactlyOneOfFileAndBody() throws IOException {
        runner.assertNotValid();

        runner.setProperty("Script Body", "pass");
        runner.assertValid();

        runner.setProperty("Script File", file("script.py", "pass").toString());
        runner.assertNotValid();

        runner.removeProperty("Script Body");
        runner.assertValid();
    }

    @ParameterizedTest
    @ValueSource(strings = {"none.py", "."})
    void needsAFileThatIsThere(final String name) {
        runner.setProperty("Script File", directory.resolve(name).toString());

        runner.assertNotValid();
    }

    @Test
    void describesEachEngine() {
        final List<AllowableValue> engines = new ExecuteScript().getPropertyDescriptor("Script Engine").getAllowableValues();

        assertTrue(engines.stream().anyMatch(engine -> engine.getValue().equals("python")), engines.toString());
        engines.forEach(engine -> assertNotNull(engine.getDescription()));
    }

    @Test
    void takesTheEngineOfLaterFlows() {
        runner.clearProperties();
        runner.setProperty("Script Language", "python");
        final PropertyMigrationResult result = runner.migrateProperties();

        assertEquals(Map.of("Script Language", "Script Engine"), result.getPropertiesRenamed());
        assertEquals("python", runner.getProcessContext().getProperty("Script Engine").getValue());
    }

    @Test
    void keepsItsEngineWhereAFlowHasBothNames() {
        runner.setProperty("Script Language", "AWK");
        final PropertyMigrationResult result = runner.migrateProperties();

        assertEquals(Set.of("Script Language"), result.getPropertiesRemoved());
        assertEquals("python", runner.getProcessContext().getProperty("Script Engine").getValue());
    }

    @Test
    void knowsNoOtherEngine() {
        runner.setProperty("Script Body", "pass");
        runner.setProperty("Script Engine", "cobol");

        runner.assertNotValid();
    }

    @Test
    void bindsSessionContextLogRelationshipsAndDynamicProperties() {
        runner.setProperty("greeting", "hello ${name}");
        runner.setProperty("Script Body", """
                ff = session.get()
                ff = session.putAttribute(ff, 'greeting', greeting.evaluateAttributeExpressions(ff).getValue())
                ff = session.putAttribute(ff, 'body', context.getProperty('Script Engine').getValue())
                log.warn('seen')
                session.transfer(ff, REL_FAILURE if ff.getAttribute('name') == 'bad' else REL_SUCCESS)
                """);
        runner.enqueue("x", Map.of("name", "Ada"));
        runner.enqueue("x", Map.of("name", "bad"));

        runner.run(2);

        final MockFlowFile good = runner.getFlowFilesForRelationship(ExecuteScript.REL_SUCCESS).getFirst();
        good.assertAttributeEquals("greeting", "hello Ada");
        good.assertAttributeEquals("body", "python");
        runner.assertTransferCount(ExecuteScript.REL_FAILURE, 1);
        assertTrue(runner.getLogger().getWarnMessages().stream().anyMatch(m -> m.getMsg().endsWith("seen")));
    }

    @Test
    void rollsBackPenalizesAndYieldsAfterAnError() {
        runner.setProperty("Script Body", """
                ff = session.get()
                session.transfer(session.create(), REL_SUCCESS)
                raise KeyError('id')
                """);
        runner.enqueue("x");

        runner.run();

        assertEquals(1, runner.getQueueSize().getObjectCount());
        assertEquals(1, runner.getPenalizedFlowFiles().size());
        runner.assertTransferCount(ExecuteScript.REL_SUCCESS, 0);
        runner.assertTransferCount(ExecuteScript.REL_FAILURE, 0);
        assertTrue(runner.isYieldCalled());
        assertTrue(errors().contains("Script Body:3: KeyError: 'id'"), errors());
    }

    @Test
    void rollsBackWhatIsNeitherTransferredNorRemoved() {
        runner.setProperty("Script Body", "session.putAttribute(session.get(), 'a', 'b')");
        runner.enqueue("x");

        runner.run();

        assertEquals(1, runner.getQueueSize().getObjectCount());
        assertEquals(1, runner.getPenalizedFlowFiles().size());
        assertTrue(runner.isYieldCalled());
        assertTrue(runner.getLogger().getErrorMessages().stream().map(LogMessage::getThrowable)
                .anyMatch(FlowFileHandlingException.class::isInstance), errors());
    }

    @Test
    void putsANewFlowFileInThePlaceOfTheOldOne() {
        runner.setProperty("Script Body", """
                old = session.get()
                new = session.putAttribute(session.create(), 'filename', 'columns.txt')
                with session.read(old) as content:
                    lines = bytes(content.readAllBytes()).decode().splitlines()[1:]
                with session.write(new) as content:
                    content.write('\\n'.join(' '.join(line.split(',')[2:]).title() for line in lines).encode())
                session.remove(old)
                session.transfer(new, REL_SUCCESS)
                """);
        runner.enqueue("a,b,first,last\nf,ms,ada,lovelace\nm,mr,alan,turing");

        runner.run();

        assertEquals("", errors());
        assertEquals(1, runner.getRemovedCount());
        runner.assertAllFlowFilesTransferred(ExecuteScript.REL_SUCCESS, 1);
        final MockFlowFile made = runner.getFlowFilesForRelationship(ExecuteScript.REL_SUCCESS).getFirst();
        made.assertAttributeEquals("filename", "columns.txt");
        made.assertContentEquals("Ada Lovelace\nAlan Turing");
    }

    @Test
    void runsInTwoTasksAtOnce() {
        runner.setProperty("Script Body", """
                from java.lang import Thread
                import time
                time.sleep(0.01)
                flow_file = session.putAttribute(session.create(), 'thread', Thread.currentThread().getName())
                session.transfer(flow_file, REL_SUCCESS)
                """);
        runner.setThreadCount(2);

        runner.run(10);

        assertEquals("", errors());
        runner.assertAllFlowFilesTransferred(ExecuteScript.REL_SUCCESS, 10);
        assertEquals(2, runner.getFlowFilesForRelationship(ExecuteScript.REL_SUCCESS).stream()
                .map(flowFile -> flowFile.getAttribute("thread")).distinct().count());
    }

    @Test
    void runsAnotherFileAfterAnotherStart() throws IOException {
        final String script = "session.transfer(session.putAttribute(session.get(), 'v', '%s'), REL_SUCCESS)";
        for (final String greeting : List.of("hello", "good-bye")) {
            runner.setProperty("Script File", file(greeting + ".py", script.formatted(greeting)).toString());
            runner.enqueue("x");
            runner.run();
        }

        assertEquals("hello good-bye", runner.getFlowFilesForRelationship(ExecuteScript.REL_SUCCESS).stream()
                .map(flowFile -> flowFile.getAttribute("v")).collect(Collectors.joining(" ")));
    }

    @Test
    void readsAChangedFileAgain() throws IOException {
        final String script = "session.transfer(session.putAttribute(session.create(), 'v', '%s'), REL_SUCCESS)";
        final Path file = file("step.py", script.formatted("one"));
        runner.setProperty("Script File", file.toString());
        runner.run(1, false);
        Files.writeString(file, script.formatted("other"));
        runner.run(1, true, false);

        assertEquals("one other", runner.getFlowFilesForRelationship(ExecuteScript.REL_SUCCESS).stream()
                .map(flowFile -> flowFile.getAttribute("v")).collect(Collectors.joining(" ")));
    }

    @Test
    void importsFromModuleDirectory() throws IOException {
        Files.createDirectory(directory.resolve("modules"));
        final Path helper = file("modules/helper.py", "value = 'first'");
        runner.setProperty("Module Directory", directory.resolve("modules").toString());
        runner.setProperty("Script Body", """
                import helper
                session.transfer(session.putAttribute(session.create(), 'v', helper.value), REL_SUCCESS)
                """);
        runner.run(1, false);
        Files.writeString(helper, "value = 'changed'");
        runner.run(1, true, false);

        assertEquals("first changed", runner.getFlowFilesForRelationship(ExecuteScript.REL_SUCCESS).stream()
                .map(flowFile -> flowFile.getAttribute("v")).collect(Collectors.joining(" ")));
    }

    @Test
    void runsScriptsWrittenForJython() {
        runner.setProperty("Script Body", """
                import json
                from java.nio.charset import StandardCharsets
                from org.apache.commons.io import IOUtils
                from org.apache.nifi.processor.io import InputStreamCallback, OutputStreamCallback, StreamCallback

                class Read(InputStreamCallback):
                    def __init__(self):
                        self.text = None
                    def process(self, inputStream):
                        self.text = IOUtils.toString(inputStream, StandardCharsets.UTF_8)

                class Change(StreamCallback):
                    def process(self, inputStream, outputStream):
                        record = json.loads(IOUtils.toString(inputStream, StandardCharsets.UTF_8))
                        record['name'] = record['name'].upper()
                        outputStream.write(bytearray(json.dumps(record).encode('utf-8')))

                class Write(OutputStreamCallback):
                    def __init__(self, text):
                        self.text = text
                    def process(self, outputStream):
                        outputStream.write(self.text.encode('utf-8'))

                flowFile = session.get()
                if flowFile != None:
                    read = Read()
                    session.read(flowFile, read)
                    flowFile = session.write(flowFile, Change())
                    flowFile = session.putAllAttributes(flowFile, {'was': read.text, 'size': str(flowFile.size)})
                    copy = session.write(session.create(flowFile), Write('copy \\u00e9\\U0001F600'))
                    session.transfer([flowFile, copy], REL_SUCCESS)
                """);
        runner.enqueue("{\"name\": \"zo\u00eb\"}");

        runner.run();

        runner.assertTransferCount(ExecuteScript.REL_SUCCESS, 2);
        final MockFlowFile changed = runner.getFlowFilesForRelationship(ExecuteScript.REL_SUCCESS).getFirst();
        changed.assertContentEquals("{\"name\": \"ZO\\u00cb\"}");
        changed.assertAttributeEquals("was", "{\"name\": \"zo\u00eb\"}");
        runner.getFlowFilesForRelationship(ExecuteScript.REL_SUCCESS).get(1)
                .assertContentEquals("copy \u00e9\uD83D\uDE00");
    }

    private Path file(final String name, final String text) throws IOException {
        return Files.writeString(directory.resolve(name), text);
    }

    private String errors() {
        return runner.getLogger().getErrorMessages().stream().map(LogMessage::getMsg).collect(Collectors.joining("\n"));
    }
}
