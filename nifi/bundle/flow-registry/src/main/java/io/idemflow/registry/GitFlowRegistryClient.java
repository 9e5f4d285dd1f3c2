package io.idemflow.registry;

import java.io.IOException;
import java.time.Instant;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.nifi.annotation.documentation.CapabilityDescription;
import org.apache.nifi.annotation.documentation.Tags;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.components.ValidationContext;
import org.apache.nifi.components.ValidationResult;
import org.apache.nifi.flow.VersionedFlowCoordinates;
import org.apache.nifi.flow.VersionedProcessGroup;
import org.apache.nifi.registry.flow.AbstractFlowRegistryClient;
import org.apache.nifi.registry.flow.BucketLocation;
import org.apache.nifi.registry.flow.FlowAlreadyExistsException;
import org.apache.nifi.registry.flow.FlowLocation;
import org.apache.nifi.registry.flow.FlowRegistryBranch;
import org.apache.nifi.registry.flow.FlowRegistryBucket;
import org.apache.nifi.registry.flow.FlowRegistryClientConfigurationContext;
import org.apache.nifi.registry.flow.FlowRegistryClientInitializationContext;
import org.apache.nifi.registry.flow.FlowRegistryException;
import org.apache.nifi.registry.flow.FlowVersionLocation;
import org.apache.nifi.registry.flow.NoSuchFlowException;
import org.apache.nifi.registry.flow.NoSuchFlowVersionException;
import org.apache.nifi.registry.flow.RegisterAction;
import org.apache.nifi.registry.flow.RegisteredFlow;
import org.apache.nifi.registry.flow.RegisteredFlowSnapshot;
import org.apache.nifi.registry.flow.RegisteredFlowSnapshotMetadata;
import org.eclipse.jgit.lib.ObjectId;

/**
 * Keeps versioned flows in a plain git repository.
 *
 * <p>A bucket is a folder, a flow is a JSON file in it, a version is a commit that changed the file; NiFi's version
 * identifier is the commit's hash. {@link FlowJson} defines the file, {@link FlowWriter} how a commit comes about.
 */
@Tags({"git", "flow", "registry", "version control"})
@CapabilityDescription("Keeps versions of process groups in a plain git repository on NiFi's machine, as JSON made for "
        + "review: a bucket is a folder, a flow is a file, a version is a commit. A git remote can be fetched and pushed.")
public class GitFlowRegistryClient extends AbstractFlowRegistryClient {

    static final String DEFAULT_BUCKET = "default";

    /** Flows that NiFi announced and has not committed yet: the first version makes the file. */
    private final Map<String, RegisteredFlow> announced = new ConcurrentHashMap<>();
    private final VersionCache versions = new VersionCache();
    private final FetchClock fetches = new FetchClock();
    private final Lock writing = new ReentrantLock();

    @Override
    public void initialize(final FlowRegistryClientInitializationContext context) {
        super.initialize(context);
        PrivateSystemReader.install();
    }

    @Override
    protected List<PropertyDescriptor> getSupportedPropertyDescriptors() {
        return ClientProperties.ALL;
    }

    @Override
    protected Collection<ValidationResult> customValidate(final ValidationContext context) {
        return ClientProperties.validate(context);
    }

    @Override
    public void onPropertyModified(final PropertyDescriptor descriptor, final String oldValue, final String newValue) {
        announced.clear();
        versions.clear();
        fetches.clear();
    }

    @Override
    public boolean isStorageLocationApplicable(final FlowRegistryClientConfigurationContext context, final String location) {
        if (location == null || !location.startsWith(FlowRepository.LOCATION_PREFIX)) {
            return false;
        }
        try (FlowRepository source = FlowRepository.open(ClientProperties.settings(context))) {
            return source.location().equals(location);
        } catch (final FlowRegistryException | RuntimeException e) {
            getLogger().debug("Cannot tell whether {} is kept here", location, e);
            return false;
        }
    }

    @Override
    public boolean isBranchingSupported(final FlowRegistryClientConfigurationContext context) {
        return true;
    }

    @Override
    public Set<FlowRegistryBranch> getBranches(final FlowRegistryClientConfigurationContext context) throws FlowRegistryException {
        return read(context, "list branches", source -> inOrder(source.branches().stream().map(Models::branch)));
    }

    @Override
    public FlowRegistryBranch getDefaultBranch(final FlowRegistryClientConfigurationContext context) {
        return Models.branch(ClientProperties.settings(context).branch());
    }

    @Override
    public Set<FlowRegistryBucket> getBuckets(final FlowRegistryClientConfigurationContext context, final String branch)
            throws FlowRegistryException {
        return read(context, "list buckets", source -> {
            final SortedSet<String> names = source.names(source.tip(branch(source, branch)), source.settings().directory(), true);
            names.removeIf(name -> !Names.isAllowed(name));
            // NiFi's canvas has no way to make one.
            if (source.settings().bucket() != null) {
                names.add(source.settings().bucket());
            } else if (names.isEmpty()) {
                names.add(DEFAULT_BUCKET);
            }
            return inOrder(names.stream().map(Models::bucket));
        });
    }

    @Override
    public FlowRegistryBucket getBucket(final FlowRegistryClientConfigurationContext context, final BucketLocation location)
            throws FlowRegistryException {
        return Models.bucket(Names.check(location.getBucketId(), "bucket"));
    }

    @Override
    public String generateFlowId(final String name) {
        return Names.encode(name);
    }

    @Override
    public RegisteredFlow registerFlow(final FlowRegistryClientConfigurationContext context, final RegisteredFlow flow)
            throws FlowRegistryException {
        return read(context, "register a flow", source -> {
            final Place place = place(source, flow.getBranch(), flow.getBucketIdentifier(), flow.getIdentifier());
            final ObjectId tip = source.tip(place.branch());
            for (final String name : source.names(tip, source.settings().folder(place.bucket()), false)) {
                // On some file systems the two would be one file.
                if (name.equalsIgnoreCase(place.flow() + Names.ENDING)) {
                    throw new FlowAlreadyExistsException("Bucket '" + place.bucket() + "' has a flow '" + Names.decode(
                            name.substring(0, name.length() - Names.ENDING.length())) + "' already. Choose another name, or import that flow and commit a version of it");
                }
            }
            final RegisteredFlow registered = Models.flow(place, flow.getDescription(), List.of());
            announced.put(place.key(), registered);
            return registered;
        });
    }

    @Override
    public RegisteredFlow deregisterFlow(final FlowRegistryClientConfigurationContext context, final FlowLocation location)
            throws FlowRegistryException {
        return read(context, "remove a flow", source -> {
            final Place place = place(source, location);
            final RegisteredFlow withdrawn = announced.remove(place.key());
            if (withdrawn != null) {
                // NiFi takes back a flow whose first version failed: whatever is in git now is somebody else's.
                return withdrawn;
            }
            final RegisteredFlow flow = flow(source, place);
            commit(context, source, place, null, "Remove " + place.title(), tip -> {
                if (source.blob(tip, place.file()) == null) {
                    throw missing(place);
                }
            });
            return flow;
        });
    }

    @Override
    public RegisteredFlow getFlow(final FlowRegistryClientConfigurationContext context, final FlowLocation location)
            throws FlowRegistryException {
        return read(context, "read a flow", source -> flow(source, place(source, location)));
    }

    @Override
    public Set<RegisteredFlow> getFlows(final FlowRegistryClientConfigurationContext context, final BucketLocation location)
            throws FlowRegistryException {
        return read(context, "list flows", source -> {
            final String bucket = Names.check(location.getBucketId(), "bucket");
            final ObjectId tip = source.tip(branch(source, location.getBranch()));
            final Set<RegisteredFlow> flows = new LinkedHashSet<>();
            for (final String name : source.names(tip, source.settings().folder(bucket), false)) {
                final String flow = name.endsWith(Names.ENDING) ? name.substring(0, name.length() - Names.ENDING.length()) : "";
                if (Names.isAllowed(flow)) {
                    final Place place = place(source, location.getBranch(), bucket, flow);
                    // Without its versions: each file's would take a walk through the whole history.
                    flows.add(Models.flow(place, FlowJson.description(source.content(source.blob(tip, place.file()))), List.of()));
                }
            }
            return flows;
        });
    }

    @Override
    public RegisteredFlowSnapshot getFlowContents(final FlowRegistryClientConfigurationContext context, final FlowVersionLocation location)
            throws FlowRegistryException {
        final GitSettings settings = ClientProperties.settings(context);
        try (FlowRepository source = FlowRepository.open(settings)) {
            final Place place = place(source, location);
            ObjectId commit = location.getVersion() == null ? null : source.resolve(location.getVersion());
            if (commit == null) {
                // Only what is not here yet needs the remote: a known version is read without a network.
                fetches.refresh(source, settings);
                commit = location.getVersion() == null ? source.tip(place.branch()) : source.resolve(location.getVersion());
            }
            final ObjectId blob = source.blob(commit, place.file());
            if (blob == null) {
                throw new NoSuchFlowVersionException(settings.repository() + " has no version '" + location.getVersion() + "' of "
                        + place.title() + ". Choose another with `git -C " + settings.repository() + " log -- " + place.file() + "`");
            }
            final RegisteredFlowSnapshot snapshot = FlowJson.read(source.content(blob), place.file());
            final FlowRepository.Version version = versions.of(source, commit, place.file()).getFirst();
            final List<FlowRepository.Version> history = versions.of(source, source.tip(place.branch()), place.file());
            final RegisteredFlow stored = snapshot.getFlow();
            Models.describe(snapshot, place, stored == null ? null : stored.getDescription(), version, history);
            locate(snapshot.getFlowContents(), source.location());
            return snapshot;
        } catch (final IOException e) {
            throw Faults.of(settings, "read a version", e);
        }
    }

    @Override
    public RegisteredFlowSnapshot registerFlowSnapshot(final FlowRegistryClientConfigurationContext context,
            final RegisteredFlowSnapshot snapshot, final RegisterAction action) throws FlowRegistryException {
        return read(context, "commit a flow", source -> {
            final RegisteredFlowSnapshotMetadata given = snapshot.getSnapshotMetadata();
            final Place place = place(source, given.getBranch(), given.getBucketIdentifier(), given.getFlowIdentifier());
            final RegisteredFlow announcement = announced.get(place.key());
            final ObjectId present = source.blob(source.tip(place.branch()), place.file());
            final String description = announcement != null ? announcement.getDescription()
                    : present == null ? null : FlowJson.description(source.content(present));
            final byte[] content = new FlowJson(source.settings().lines()).write(snapshot, description);
            final String comment = comment(given.getComments(), (present == null ? "Add " : "Change ") + place.title());
            final String id = commit(context, source, place, content, comment,
                    tip -> refuseConflict(source, place, tip, given.getVersion(), announcement != null && given.getVersion() == null, action));
            announced.remove(place.key());

            final List<FlowRepository.Version> history = versions.of(source, source.tip(place.branch()), place.file());
            final FlowRepository.Version version = history.stream().filter(one -> one.id().equals(id)).findFirst()
                    .orElseThrow(() -> new IOException("the commit " + id + " is not on branch " + place.branch()));
            Models.describe(snapshot, place, description, version, history);
            final VersionedFlowCoordinates coordinates = new VersionedFlowCoordinates();
            coordinates.setRegistryId(getIdentifier());
            coordinates.setStorageLocation(source.location());
            coordinates.setBranch(place.branch());
            coordinates.setBucketId(place.bucket());
            coordinates.setFlowId(place.flow());
            coordinates.setVersion(id);
            snapshot.getFlowContents().setVersionedFlowCoordinates(coordinates);
            return snapshot;
        });
    }

    @Override
    public Set<RegisteredFlowSnapshotMetadata> getFlowVersions(final FlowRegistryClientConfigurationContext context, final FlowLocation location)
            throws FlowRegistryException {
        return read(context, "list versions", source -> {
            final Place place = place(source, location);
            final Map<String, List<String>> tags = source.tags(place.file());
            return inOrder(versions.of(source, source.tip(place.branch()), place.file()).stream()
                    .map(version -> Models.metadata(place, version, tags)));
        });
    }

    @Override
    public Optional<String> getLatestVersion(final FlowRegistryClientConfigurationContext context, final FlowLocation location)
            throws FlowRegistryException {
        return read(context, "find the latest version", source -> {
            final Place place = place(source, location);
            return versions.of(source, source.tip(place.branch()), place.file()).stream().findFirst().map(FlowRepository.Version::id);
        });
    }

    private static <T> Set<T> inOrder(final Stream<T> elements) {
        return elements.collect(Collectors.toCollection(LinkedHashSet::new));
    }

    private interface Reading<T> {
        T from(FlowRepository source) throws FlowRegistryException, IOException;
    }

    private <T> T read(final FlowRegistryClientConfigurationContext context, final String doing, final Reading<T> reading)
            throws FlowRegistryException {
        final GitSettings settings = ClientProperties.settings(context);
        try (FlowRepository source = FlowRepository.open(settings)) {
            fetches.refresh(source, settings);
            return reading.from(source);
        } catch (final IOException e) {
            throw Faults.of(settings, doing, e);
        }
    }

    private String commit(final FlowRegistryClientConfigurationContext context, final FlowRepository source, final Place place,
            final byte[] content, final String message, final FlowWriter.Check check) throws FlowRegistryException {
        final String user = context.getNiFiUserIdentity().orElse(null);
        writing.lock();
        try {
            return new FlowWriter(source, getLogger()).commit(new FlowWriter.Change(place.branch(), place.file(), content, check,
                    Author.of(user, Instant.now()), message));
        } finally {
            writing.unlock();
        }
    }

    private static void refuseConflict(final FlowRepository source, final Place place, final ObjectId tip, final String seen,
            final boolean isNew, final RegisterAction action) throws FlowRegistryException, IOException {
        final ObjectId present = source.blob(tip, place.file());
        if (isNew && present != null) {
            throw new FlowAlreadyExistsException("Somebody else has just committed a flow " + place.title()
                    + ". Nothing was committed. Choose another name, or import that flow");
        }
        if (action == RegisterAction.FORCE_COMMIT || seen == null) {
            return;
        }
        final ObjectId commit = source.resolve(seen);
        if (commit == null || !Objects.equals(present, source.blob(commit, place.file()))) {
            throw new FlowRegistryException(place.title() + " changed in git since version " + seen + " on branch '" + place.branch()
                    + "'" + (present == null ? " (it was removed)" : "") + ". Nothing was committed and the canvas is as it was. "
                    + "Refresh the canvas, look at the newer version with `git -C " + source.settings().repository() + " log -p -- "
                    + place.file() + "`, then revert your changes and change to it, or commit again and choose to force");
        }
    }

    private RegisteredFlow flow(final FlowRepository source, final Place place) throws FlowRegistryException, IOException {
        final ObjectId tip = source.tip(place.branch());
        final ObjectId blob = source.blob(tip, place.file());
        if (blob == null) {
            throw missing(place);
        }
        return Models.flow(place, FlowJson.description(source.content(blob)), versions.of(source, tip, place.file()));
    }

    private static NoSuchFlowException missing(final Place place) {
        return new NoSuchFlowException("Branch '" + place.branch() + "' has no flow " + place.title() + " (" + place.file()
                + "). Bring the file back with git, or stop version control of the group");
    }

    private static Place place(final FlowRepository source, final FlowLocation location) throws FlowRegistryException {
        return place(source, location.getBranch(), location.getBucketId(), location.getFlowId());
    }

    private static Place place(final FlowRepository source, final String branch, final String bucket, final String flow)
            throws FlowRegistryException {
        Names.check(bucket, "bucket");
        Names.check(flow, "flow");
        return new Place(branch(source, branch), bucket, flow, source.settings().file(bucket, flow));
    }

    private static String branch(final FlowRepository source, final String branch) throws FlowRegistryException {
        return Names.checkBranch(branch == null || branch.isBlank() ? source.settings().branch() : branch);
    }

    private static String comment(final String given, final String otherwise) {
        final String clean = given == null ? "" : given.replace("\r\n", "\n").replace("\0", "").strip();
        return (clean.isEmpty() ? otherwise : clean) + "\n";
    }

    private static void locate(final VersionedProcessGroup group, final String location) {
        for (final VersionedProcessGroup child : new HashSet<>(group.getProcessGroups())) {
            final VersionedFlowCoordinates coordinates = child.getVersionedFlowCoordinates();
            if (coordinates != null && coordinates.getStorageLocation() == null) {
                coordinates.setStorageLocation(location);
            }
            locate(child, location);
        }
    }
}
