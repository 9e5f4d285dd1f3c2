package io.idemflow.registry;

import java.util.List;
import java.util.Map;
import org.apache.nifi.registry.flow.FlowRegistryBranch;
import org.apache.nifi.registry.flow.FlowRegistryBucket;
import org.apache.nifi.registry.flow.FlowRegistryPermissions;
import org.apache.nifi.registry.flow.RegisteredFlow;
import org.apache.nifi.registry.flow.RegisteredFlowSnapshot;
import org.apache.nifi.registry.flow.RegisteredFlowSnapshotMetadata;

/** Makes NiFi's objects of what git knows. */
final class Models {

    private Models() {
    }

    static FlowRegistryBranch branch(final String name) {
        final FlowRegistryBranch branch = new FlowRegistryBranch();
        branch.setName(name);
        return branch;
    }

    static FlowRegistryBucket bucket(final String name) {
        final FlowRegistryBucket bucket = new FlowRegistryBucket();
        bucket.setIdentifier(name);
        bucket.setName(name);
        bucket.setPermissions(everything());
        return bucket;
    }

    /**
     * @param place where the flow is
     * @param description its description, or null
     * @param versions its versions, newest first
     * @return the flow
     */
    static RegisteredFlow flow(final Place place, final String description, final List<FlowRepository.Version> versions) {
        final RegisteredFlow flow = new RegisteredFlow();
        flow.setIdentifier(place.flow());
        flow.setName(Names.decode(place.flow()));
        flow.setDescription(description);
        flow.setBranch(place.branch());
        flow.setBucketIdentifier(place.bucket());
        flow.setBucketName(place.bucket());
        flow.setPermissions(everything());
        flow.setVersionCount(versions.size());
        if (!versions.isEmpty()) {
            flow.setCreatedTimestamp(versions.getLast().millis());
            flow.setLastModifiedTimestamp(versions.getFirst().millis());
        }
        return flow;
    }

    /**
     * @param place where the flow is
     * @param version the version
     * @param tags names of tags by version; they stand before the comment
     * @return what the list of versions shows
     */
    static RegisteredFlowSnapshotMetadata metadata(final Place place, final FlowRepository.Version version,
            final Map<String, List<String>> tags) {
        final RegisteredFlowSnapshotMetadata metadata = new RegisteredFlowSnapshotMetadata();
        metadata.setBranch(place.branch());
        metadata.setBucketIdentifier(place.bucket());
        metadata.setFlowIdentifier(place.flow());
        metadata.setVersion(version.id());
        metadata.setAuthor(version.author());
        metadata.setTimestamp(version.millis());
        final List<String> names = tags.getOrDefault(version.id(), List.of());
        metadata.setComments(names.isEmpty() ? version.comment() : "[" + String.join(", ", names) + "] " + version.comment());
        return metadata;
    }

    /** Says of a snapshot where it is kept, and as which of the flow's versions, newest first. */
    static void describe(final RegisteredFlowSnapshot snapshot, final Place place, final String description,
            final FlowRepository.Version version, final List<FlowRepository.Version> history) {
        snapshot.setFlow(flow(place, description, history));
        snapshot.setBucket(bucket(place.bucket()));
        snapshot.setSnapshotMetadata(metadata(place, version, Map.of()));
        snapshot.setLatest(!history.isEmpty() && history.getFirst().id().equals(version.id()));
    }

    /** What NiFi's user may do is for the file system and the remote to say, with a message that names the cause. */
    private static FlowRegistryPermissions everything() {
        final FlowRegistryPermissions permissions = new FlowRegistryPermissions();
        permissions.setCanRead(true);
        permissions.setCanWrite(true);
        permissions.setCanDelete(true);
        return permissions;
    }
}
