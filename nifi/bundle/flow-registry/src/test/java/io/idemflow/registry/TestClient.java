package io.idemflow.registry;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.components.PropertyValue;
import org.apache.nifi.flow.VersionedProcessGroup;
import org.apache.nifi.logging.ComponentLog;
import org.apache.nifi.registry.flow.FlowLocation;
import org.apache.nifi.registry.flow.FlowRegistryClientConfigurationContext;
import org.apache.nifi.registry.flow.FlowRegistryClientInitializationContext;
import org.apache.nifi.registry.flow.FlowRegistryException;
import org.apache.nifi.registry.flow.FlowVersionLocation;
import org.apache.nifi.registry.flow.RegisterAction;
import org.apache.nifi.registry.flow.RegisteredFlow;
import org.apache.nifi.registry.flow.RegisteredFlowSnapshot;
import org.apache.nifi.registry.flow.RegisteredFlowSnapshotMetadata;
import org.apache.nifi.util.MockComponentLog;
import org.apache.nifi.util.MockPropertyValue;

/** A client as NiFi calls it, for one user. */
final class TestClient implements FlowRegistryClientConfigurationContext {

    final GitFlowRegistryClient client = new GitFlowRegistryClient();
    private final Map<PropertyDescriptor, String> properties = new HashMap<>();
    private String user = "admin";

    TestClient(final Path repository) {
        client.initialize(new FlowRegistryClientInitializationContext() {
            @Override
            public String getIdentifier() {
                return "client";
            }

            @Override
            public ComponentLog getLogger() {
                return new MockComponentLog("client", client);
            }

            @Override
            public Optional<SSLContext> getSystemSslContext() {
                return Optional.empty();
            }
        });
        with(ClientProperties.REPOSITORY, repository.toString());
    }

    TestClient with(final PropertyDescriptor property, final String value) {
        properties.put(property, value);
        client.onPropertyModified(property, null, value);
        return this;
    }

    TestClient as(final String identity) {
        user = identity;
        return this;
    }

    /** Start version control, as NiFi's canvas does it. */
    String start(final String bucket, final String name, final VersionedProcessGroup group) throws Exception {
        final RegisteredFlow flow = new RegisteredFlow();
        flow.setIdentifier(client.generateFlowId(name));
        flow.setName(name);
        flow.setDescription("What " + name + " is for");
        flow.setBucketIdentifier(bucket);
        flow.setBranch("main");
        client.registerFlow(this, flow);
        return commit(bucket, flow.getIdentifier(), group, null, "First version of " + name);
    }

    String commit(final String bucket, final String flow, final VersionedProcessGroup group, final String seen, final String comment)
            throws FlowRegistryException {
        return register(TestFlows.snapshot(group), "main", bucket, flow, seen, comment, RegisterAction.COMMIT)
                .getSnapshotMetadata().getVersion();
    }

    RegisteredFlowSnapshot register(final RegisteredFlowSnapshot snapshot, final String branch, final String bucket, final String flow,
            final String seen, final String comment, final RegisterAction action) throws FlowRegistryException {
        final RegisteredFlowSnapshotMetadata metadata = new RegisteredFlowSnapshotMetadata();
        metadata.setBranch(branch);
        metadata.setBucketIdentifier(bucket);
        metadata.setFlowIdentifier(flow);
        metadata.setVersion(seen);
        metadata.setComments(comment);
        metadata.setAuthor(user);
        metadata.setTimestamp(System.currentTimeMillis());
        snapshot.setSnapshotMetadata(metadata);
        return client.registerFlowSnapshot(this, snapshot, action);
    }

    RegisteredFlowSnapshot contents(final String bucket, final String flow, final String version) throws FlowRegistryException {
        return client.getFlowContents(this, new FlowVersionLocation("main", bucket, flow, version));
    }

    String latest(final String bucket, final String flow) throws FlowRegistryException {
        return client.getLatestVersion(this, new FlowLocation("main", bucket, flow)).orElse(null);
    }

    @Override
    public PropertyValue getProperty(final PropertyDescriptor descriptor) {
        return new MockPropertyValue(properties.getOrDefault(descriptor, descriptor.getDefaultValue()));
    }

    @Override
    public Map<String, String> getAllProperties() {
        final Map<String, String> all = new HashMap<>();
        properties.forEach((descriptor, value) -> all.put(descriptor.getName(), value));
        return all;
    }

    @Override
    public Optional<String> getNiFiUserIdentity() {
        return Optional.ofNullable(user);
    }
}
