package io.idemflow.registry;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.apache.nifi.flow.VersionedComponent;
import org.apache.nifi.flow.VersionedProcessGroup;
import org.apache.nifi.flow.VersionedProcessor;
import org.apache.nifi.registry.flow.FlowRegistryException;
import org.apache.nifi.registry.flow.RegisteredFlowSnapshot;
import org.apache.nifi.registry.flow.diff.ConciseEvolvingDifferenceDescriptor;
import org.apache.nifi.registry.flow.diff.FlowComparatorVersionedStrategy;
import org.apache.nifi.registry.flow.diff.FlowDifference;
import org.apache.nifi.registry.flow.diff.StandardComparableDataFlow;
import org.apache.nifi.registry.flow.diff.StandardFlowComparator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FlowJsonTest {

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void givesBackWhatNifiCompares(final boolean lines) throws FlowRegistryException {
        final VersionedProcessGroup original = TestFlows.people("group", TestFlows.SCRIPT);
        final RegisteredFlowSnapshot read = FlowJson.read(write(lines, original), "people.json");
        final VersionedProcessGroup contents = read.getFlowContents();

        // What NiFi itself leaves out of a flow that it maps for a registry.
        final VersionedProcessGroup mapped = TestFlows.people("group", TestFlows.SCRIPT);
        TestFlows.processor(mapped, "b-collect").getProperties().remove("Password");
        mapped.getControllerServices().iterator().next().getProperties().remove("API Key");
        mapped.getProcessGroups().forEach(inner -> inner.getProcessors().forEach(one -> one.getProperties().remove("Deep Secret")));
        assertEquals(Set.of(), differences(contents, mapped));

        assertEquals(TestFlows.SCRIPT, TestFlows.processor(contents, "b-collect").getProperties().get("Script Body"));
        assertEquals("#{api token}", TestFlows.processor(contents, "b-collect").getProperties().get("Token"));
        assertEquals(List.of("z.First", "a.Second"), contents.getConnections().iterator().next().getPrioritizers());
        assertEquals(3.0, contents.getConnections().iterator().next().getBends().getFirst().getX());
        assertEquals(List.of("z", "a"), read.getParameterContexts().get("people").getInheritedParameterContexts());
        assertEquals(4, read.getParameterContexts().get("people").getParameters().size());
        assertEquals("Outside", read.getExternalControllerServices().get("outside").getName());
        assertEquals("1.0", read.getFlowEncodingVersion());
        assertTrue(TestFlows.processor(contents, "a-load").getPropertyDescriptors().get("Client Service").getIdentifiesControllerService());
        assertTrue(TestFlows.processor(contents, "b-collect").getPropertyDescriptors().get("Password").isSensitive());
    }

    @ParameterizedTest
    @ValueSource(strings = {"\n", "a\n", "\n\na", "a\r\nb\rc\n", "[\"a\"]", "", "\t\"\\\u2028\u0001", "x\n\uD83D\uDE00"})
    void keepsEveryText(final String text) throws FlowRegistryException {
        for (final boolean lines : new boolean[] {true, false}) {
            final VersionedProcessGroup read = FlowJson.read(write(lines, TestFlows.plain(text)), "x").getFlowContents();
            assertEquals(text, TestFlows.processor(read, "p").getProperties().get("Value"));
        }
    }

    @Test
    void writesTheSameBytesWhateverTheOrderAndTheInstance() throws FlowRegistryException {
        final byte[] one = write(true, TestFlows.people("group", TestFlows.SCRIPT));
        final VersionedProcessGroup other = TestFlows.people("imported-elsewhere", TestFlows.SCRIPT);
        final List<VersionedProcessor> reversed = new ArrayList<>(other.getProcessors());
        Collections.reverse(reversed);
        other.setProcessors(new LinkedHashSet<>(reversed));
        other.getControllerServices().forEach(service -> service.setControllerServiceApis(service.getControllerServiceApis().reversed()));
        other.setInstanceIdentifier("another");
        assertEquals(text(one), text(write(true, other)));

        final byte[] again = new FlowJson(true).write(FlowJson.read(one, "x"), "What it is for");
        assertArrayEquals(one, again);
    }

    @Test
    void changesOneLineForOneProperty() throws FlowRegistryException {
        final VersionedProcessGroup changed = TestFlows.people("group", TestFlows.SCRIPT.replace("emit(record)", "emit(clean(record))"));
        assertEquals(List.of("emit(record)"), changedLines(TestFlows.people("group", TestFlows.SCRIPT), changed));
        final VersionedProcessGroup tasks = TestFlows.people("group", TestFlows.SCRIPT);
        TestFlows.processor(tasks, "a-load").setConcurrentlySchedulableTaskCount(4);
        assertEquals(List.of("\"concurrentlySchedulableTaskCount\": 1,"), changedLines(TestFlows.people("group", TestFlows.SCRIPT), tasks));
    }

    @Test
    void leavesOutSecretsAndNoise() throws FlowRegistryException {
        final String text = text(write(true, TestFlows.people("group", TestFlows.SCRIPT)));
        for (final String unwanted : List.of(TestFlows.SECRET, "instance", "of-one-nifi", "\"latest\"", "registryId", "null",
                ": \"group\"", "snapshotMetadata", "timestamp", "432.5")) {
            assertFalse(text.contains(unwanted), unwanted + " in\n" + text);
        }
        assertTrue(text.contains("\"description\": \"What it is for\""), text);
        assertTrue(text.endsWith("}\n"));
        assertTrue(text.contains("ü"), "not escaped");
    }

    @Test
    void keepsSecretsOutWhateverTheirForm() throws FlowRegistryException {
        final VersionedProcessGroup group = TestFlows.people("group", TestFlows.SCRIPT);
        for (final String value : List.of("enc{" + TestFlows.SECRET + "}", "#{a}" + TestFlows.SECRET, TestFlows.SECRET + "\n#{a}",
                "#{a}\n" + TestFlows.SECRET, "#{" + TestFlows.SECRET + "\n}#{b}")) {
            TestFlows.processor(group, "b-collect").getProperties().put("Password", value);
            assertFalse(text(write(true, group)).contains(TestFlows.SECRET), value);
            assertFalse(text(write(false, group)).contains(TestFlows.SECRET), value);
        }
    }

    @Test
    void leavesTheSnapshotAsItWas() throws FlowRegistryException {
        final VersionedProcessGroup group = TestFlows.people("group", TestFlows.SCRIPT);
        write(true, group);
        assertEquals("group", group.getIdentifier());
        assertEquals(432.5, group.getPosition().getX());
        assertEquals(TestFlows.SECRET, TestFlows.processor(group, "b-collect").getProperties().get("Password"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "[]", "{}", "nothing", "{\"flowContents\": 1}", "{\"flowContents\": {\"name\": [\"a\", 1]}}",
        "{\"flowContents\": {\"name\": \"a\"", "null", "<<<<<<< HEAD\n{}"})
    void saysWhatIsWrongWithAFile(final String text) {
        final Exception error = assertThrows(FlowRegistryException.class,
                () -> FlowJson.read(text.getBytes(StandardCharsets.UTF_8), "flows/a/b.json"));
        assertTrue(error.getMessage().startsWith("flows/a/b.json"), error.getMessage());
        assertNull(FlowJson.description(text.getBytes(StandardCharsets.UTF_8)));
    }

    @Test
    void refusesHalfACharacter() {
        final Exception error = assertThrows(FlowRegistryException.class, () -> write(true, TestFlows.plain("a\uD83D")));
        assertTrue(error.getMessage().contains("surrogate"), error.getMessage());
    }

    private static Set<FlowDifference> differences(final VersionedProcessGroup one, final VersionedProcessGroup other) {
        return new StandardFlowComparator(new StandardComparableDataFlow("one", one), new StandardComparableDataFlow("other", other),
                Set.of(), new ConciseEvolvingDifferenceDescriptor(), Function.identity(), VersionedComponent::getIdentifier,
                FlowComparatorVersionedStrategy.SHALLOW).compare().getDifferences();
    }

    private static List<String> changedLines(final VersionedProcessGroup one, final VersionedProcessGroup other) throws FlowRegistryException {
        final List<String> before = text(write(true, one)).lines().toList();
        final List<String> after = text(write(true, other)).lines().toList();
        assertEquals(before.size(), after.size());
        final List<String> changed = new ArrayList<>();
        for (int i = 0; i < before.size(); i++) {
            if (!before.get(i).equals(after.get(i))) {
                changed.add(before.get(i).strip().replaceAll("^\"    (.*)\\\\r\",$", "$1"));
            }
        }
        return changed;
    }

    private static byte[] write(final boolean lines, final VersionedProcessGroup group) throws FlowRegistryException {
        return new FlowJson(lines).write(TestFlows.snapshot(group), "What it is for");
    }

    private static String text(final byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }
}
