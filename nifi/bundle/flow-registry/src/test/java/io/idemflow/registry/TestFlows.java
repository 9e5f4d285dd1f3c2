package io.idemflow.registry;

import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.nifi.flow.Bundle;
import org.apache.nifi.flow.ConnectableComponent;
import org.apache.nifi.flow.ConnectableComponentType;
import org.apache.nifi.flow.ControllerServiceAPI;
import org.apache.nifi.flow.ExternalControllerServiceReference;
import org.apache.nifi.flow.Position;
import org.apache.nifi.flow.ScheduledState;
import org.apache.nifi.flow.VersionedComponent;
import org.apache.nifi.flow.VersionedConnection;
import org.apache.nifi.flow.VersionedControllerService;
import org.apache.nifi.flow.VersionedFlowCoordinates;
import org.apache.nifi.flow.VersionedLabel;
import org.apache.nifi.flow.VersionedParameter;
import org.apache.nifi.flow.VersionedParameterContext;
import org.apache.nifi.flow.VersionedProcessGroup;
import org.apache.nifi.flow.VersionedProcessor;
import org.apache.nifi.flow.VersionedPropertyDescriptor;
import org.apache.nifi.flow.VersionedRemoteProcessGroup;
import org.apache.nifi.registry.flow.RegisteredFlowSnapshot;

/** A process group with everything that travels, and with secrets where they could hide. */
final class TestFlows {

    static final String SECRET = "s3cr3t-of-the-flow";
    static final String SCRIPT = "import json\n\nfor record in records:\n    emit(record)\r\n\tend = \"ü\"\n";

    private TestFlows() {
    }

    /** NiFi hands over subclasses like this one. */
    static final class Instantiated extends VersionedProcessor {

        @Override
        public String getInstanceIdentifier() {
            return "instance-of-processor";
        }

        public String getInstanceGroupId() {
            return "instance-of-group";
        }

        public String getAnythingElse() {
            return "of-one-nifi";
        }
    }

    static VersionedProcessGroup people(final String groupId, final String script) {
        final VersionedProcessGroup group = group(groupId, "People");
        group.setPosition(new Position(432.5, -17));
        group.setParameterContextName("people");
        final VersionedProcessor collect = processor("b-collect", groupId, Map.of("Script Body", script, "Script Engine", "python"));
        property(collect, "Password", SECRET, true);
        property(collect, "Token", "#{api token}", true);
        final VersionedProcessor load = processor("a-load", groupId, Map.of("Index", "people", "Client Service", "c-service"));
        load.getPropertyDescriptors().get("Client Service").setIdentifiesControllerService(true);
        group.setProcessors(set(collect, load));

        final VersionedControllerService service = new VersionedControllerService();
        identify(service, "c-service", groupId, "Elasticsearch");
        service.setType("org.apache.nifi.elasticsearch.ElasticSearchClientServiceImpl");
        service.setBundle(new Bundle("io.idemflow", "idemflow-elasticsearch-nar", "0.1.0"));
        service.setScheduledState(ScheduledState.DISABLED);
        service.setProperties(new HashMap<>(Map.of("HTTP Hosts", "https://localhost:9200")));
        service.setPropertyDescriptors(new HashMap<>(Map.of("HTTP Hosts", descriptor("HTTP Hosts", false))));
        service.getProperties().put("API Key", SECRET);
        service.getPropertyDescriptors().put("API Key", descriptor("API Key", true));
        service.setControllerServiceApis(List.of(api("z.First"), api("a.Second")));
        group.setControllerServices(set(service));

        final VersionedConnection connection = new VersionedConnection();
        identify(connection, "d-connection", groupId, "");
        connection.setSource(end("b-collect", groupId));
        connection.setDestination(end("a-load", groupId));
        connection.setSelectedRelationships(set("success", "failure"));
        connection.setPrioritizers(List.of("z.First", "a.Second"));
        connection.setBends(List.of(new Position(3, 4), new Position(1, 2)));
        connection.setzIndex(1L);
        connection.setLabelIndex(0);
        group.setConnections(set(connection));

        final VersionedLabel label = new VersionedLabel();
        identify(label, "e-label", groupId, null);
        label.setLabel("one\ntwo");
        label.setStyle(Map.of("font-size", "12px", "background-color", "#ffffff"));
        group.setLabels(set(label));

        final VersionedRemoteProcessGroup remote = new VersionedRemoteProcessGroup();
        identify(remote, "f-remote", groupId, "Other NiFi");
        remote.setTargetUris("https://other:8443/nifi");
        remote.setProxyUser("proxy");
        remote.setProxyPassword(SECRET);
        group.setRemoteProcessGroups(set(remote));

        final VersionedProcessGroup inner = group("g-inner", "Inner");
        inner.setGroupIdentifier(groupId);
        inner.setProcessors(set(processor("h-deep", "g-inner", Map.of("Script Body", "a\nb"))));
        property(inner.getProcessors().iterator().next(), "Deep Secret", SECRET, true);
        final VersionedProcessGroup nested = group("i-nested", "Nested flow");
        nested.setGroupIdentifier(groupId);
        final VersionedFlowCoordinates coordinates = new VersionedFlowCoordinates();
        coordinates.setRegistryId("one-nifi-only");
        coordinates.setBranch("main");
        coordinates.setBucketId("shared");
        coordinates.setFlowId("clean");
        coordinates.setVersion("0123456789012345678901234567890123456789");
        coordinates.setLatest(true);
        nested.setVersionedFlowCoordinates(coordinates);
        group.setProcessGroups(set(inner, nested));
        return group;
    }

    static VersionedProcessGroup plain(final String value) {
        final VersionedProcessGroup group = group("plain", "Plain");
        group.setProcessors(set(processor("p", "plain", Map.of("Value", value))));
        return group;
    }

    static RegisteredFlowSnapshot snapshot(final VersionedProcessGroup group) {
        final VersionedParameterContext context = new VersionedParameterContext();
        context.setName("people");
        context.setInheritedParameterContexts(List.of("z", "a"));
        context.setParameters(set(parameter("zone", "eu", false), parameter("api token", SECRET, true),
                parameter("empty", "", false), parameter("absent", null, false)));
        final ExternalControllerServiceReference reference = new ExternalControllerServiceReference();
        reference.setIdentifier("outside");
        reference.setName("Outside");
        final RegisteredFlowSnapshot snapshot = new RegisteredFlowSnapshot();
        snapshot.setFlowContents(group);
        snapshot.setParameterContexts(new HashMap<>(Map.of("people", context)));
        snapshot.setExternalControllerServices(new HashMap<>(Map.of("outside", reference)));
        snapshot.setParameterProviders(new HashMap<>());
        snapshot.setFlowEncodingVersion("1.0");
        return snapshot;
    }

    private static ControllerServiceAPI api(final String type) {
        final ControllerServiceAPI api = new ControllerServiceAPI();
        api.setType(type);
        api.setBundle(new Bundle("org.apache.nifi", "nifi-standard-services-api-nar", "2.3.0"));
        return api;
    }

    static VersionedProcessor processor(final VersionedProcessGroup group, final String identifier) {
        return group.getProcessors().stream().filter(one -> identifier.equals(one.getIdentifier())).findFirst().orElseThrow();
    }

    private static VersionedProcessGroup group(final String identifier, final String name) {
        final VersionedProcessGroup group = new VersionedProcessGroup();
        identify(group, identifier, null, name);
        group.setFlowFileConcurrency("UNBOUNDED");
        group.setFlowFileOutboundPolicy("STREAM_WHEN_AVAILABLE");
        group.setDefaultBackPressureObjectThreshold(10_000L);
        return group;
    }

    private static VersionedProcessor processor(final String identifier, final String groupId, final Map<String, String> properties) {
        final VersionedProcessor processor = new Instantiated();
        identify(processor, identifier, groupId, "Processor " + identifier);
        processor.setType("org.apache.nifi.processors.script.ExecuteScript");
        processor.setBundle(new Bundle("io.idemflow", "idemflow-scripting-nar", "0.1.0"));
        processor.setConcurrentlySchedulableTaskCount(1);
        processor.setAutoTerminatedRelationships(set("success", "failure"));
        processor.setRetriedRelationships(set());
        processor.setScheduledState(ScheduledState.ENABLED);
        processor.setStyle(new HashMap<>());
        processor.setRunDurationMillis(0L);
        processor.setProperties(new HashMap<>());
        processor.setPropertyDescriptors(new HashMap<>());
        properties.forEach((key, value) -> property(processor, key, value, false));
        property(processor, "Not set", null, false);
        return processor;
    }

    private static void property(final VersionedProcessor processor, final String name, final String value, final boolean sensitive) {
        processor.getProperties().put(name, value);
        processor.getPropertyDescriptors().put(name, descriptor(name, sensitive));
    }

    private static VersionedPropertyDescriptor descriptor(final String name, final boolean sensitive) {
        final VersionedPropertyDescriptor descriptor = new VersionedPropertyDescriptor();
        descriptor.setName(name);
        descriptor.setDisplayName(name);
        descriptor.setSensitive(sensitive);
        return descriptor;
    }

    private static VersionedParameter parameter(final String name, final String value, final boolean sensitive) {
        final VersionedParameter parameter = new VersionedParameter();
        parameter.setName(name);
        parameter.setValue(value);
        parameter.setSensitive(sensitive);
        parameter.setDescription("");
        return parameter;
    }

    private static ConnectableComponent end(final String identifier, final String groupId) {
        final ConnectableComponent end = new ConnectableComponent();
        end.setId(identifier);
        end.setInstanceIdentifier("instance-" + identifier);
        end.setGroupId(groupId);
        end.setName(identifier);
        end.setType(ConnectableComponentType.PROCESSOR);
        return end;
    }

    private static void identify(final VersionedComponent component, final String identifier, final String groupId, final String name) {
        component.setIdentifier(identifier);
        component.setInstanceIdentifier("instance-" + identifier);
        component.setGroupIdentifier(groupId);
        component.setName(name);
        component.setComments("");
        component.setPosition(new Position(1, 2));
    }

    @SafeVarargs
    private static <T> Set<T> set(final T... elements) {
        return new LinkedHashSet<>(List.of(elements));
    }
}
