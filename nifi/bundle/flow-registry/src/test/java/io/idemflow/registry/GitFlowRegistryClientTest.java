package io.idemflow.registry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.components.ValidationResult;
import org.apache.nifi.flow.VersionedFlowCoordinates;
import org.apache.nifi.flow.VersionedProcessGroup;
import org.apache.nifi.registry.flow.BucketLocation;
import org.apache.nifi.registry.flow.FlowLocation;
import org.apache.nifi.registry.flow.FlowRegistryBranch;
import org.apache.nifi.registry.flow.FlowRegistryBucket;
import org.apache.nifi.registry.flow.FlowRegistryException;
import org.apache.nifi.registry.flow.NoSuchFlowException;
import org.apache.nifi.registry.flow.NoSuchFlowVersionException;
import org.apache.nifi.registry.flow.RegisterAction;
import org.apache.nifi.registry.flow.RegisteredFlow;
import org.apache.nifi.registry.flow.RegisteredFlowSnapshot;
import org.apache.nifi.registry.flow.RegisteredFlowSnapshotMetadata;
import org.apache.nifi.util.MockProcessContext;
import org.apache.nifi.util.MockValidationContext;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GitFlowRegistryClientTest {

    @TempDir
    private Path folder;
    private TestRepository repository;
    private TestClient nifi;

    @BeforeEach
    void makeRepository() throws IOException {
        repository = TestRepository.init(folder.resolve("repository"));
        nifi = new TestClient(repository.path());
    }

    @Test
    void commitsVersionsThatGitAndNifiSeeAlike() throws Exception {
        final String first = nifi.start("default", "People", TestFlows.people("group", TestFlows.SCRIPT));
        final String second = nifi.as("CN=Jane Doe, OU=NiFi").commit("default", "People",
                TestFlows.people("group", TestFlows.SCRIPT.replace("emit(record)", "emit(record, 1)")), first, "Emit one\n\nWith a body");

        assertEquals(List.of(second + "|Jane Doe|jane.doe@nifi.local|Emit one", first + "|admin|admin@nifi.local|First version of People"),
                repository.log("%H|%an|%ae|%s"));
        assertEquals("Emit one\n\nWith a body", repository.git("log", "-1", "--format=%B"));
        assertEquals("", repository.status());
        assertEquals("flows/default/People.json", repository.git("ls-files"));
        assertEquals("", repository.git("fsck", "--strict"));
        final List<String> diff = repository.git("diff", "-U0", first, second).lines().filter(line -> line.matches("[+-] .*")).toList();
        assertEquals(2, diff.size(), diff.toString());
        assertFalse(repository.git("log", "-p").contains(TestFlows.SECRET));

        final FlowLocation location = new FlowLocation("main", "default", "People");
        final List<RegisteredFlowSnapshotMetadata> versions = List.copyOf(nifi.client.getFlowVersions(nifi, location));
        assertEquals(List.of(second, first), versions.stream().map(RegisteredFlowSnapshotMetadata::getVersion).toList());
        assertEquals(List.of("Jane Doe", "admin"), versions.stream().map(RegisteredFlowSnapshotMetadata::getAuthor).toList());
        // NiFi sorts by time: two commits in one second must keep their order.
        assertTrue(versions.get(0).getTimestamp() > versions.get(1).getTimestamp());
        assertEquals(second, nifi.latest("default", "People"));
        assertTrue(nifi.contents("default", "People", second).isLatest());
        final RegisteredFlowSnapshot old = nifi.contents("default", "People", first);
        assertFalse(old.isLatest());
        assertEquals(TestFlows.SCRIPT, TestFlows.processor(old.getFlowContents(), "b-collect").getProperties().get("Script Body"));
        assertEquals("What People is for", old.getFlow().getDescription());
        assertNull(old.getFlowContents().getVersionedFlowCoordinates());
        final RegisteredFlow flow = nifi.client.getFlow(nifi, location);
        assertEquals(2, flow.getVersionCount());
        assertEquals("What People is for", flow.getDescription());
    }

    @Test
    void answersWithWhatNifiKeepsInTheGroup() throws Exception {
        final String first = nifi.start("default", "A/B ü", TestFlows.plain("1"));
        final RegisteredFlowSnapshot answer = nifi.register(TestFlows.snapshot(TestFlows.plain("2")), "main", "default",
                nifi.client.generateFlowId("A/B ü"), first, " ", RegisterAction.COMMIT);
        final VersionedFlowCoordinates coordinates = answer.getFlowContents().getVersionedFlowCoordinates();
        assertEquals(repository.git("rev-parse", "HEAD"), coordinates.getVersion());
        assertEquals("client", coordinates.getRegistryId());
        assertEquals("A/B ü", answer.getFlow().getName());
        assertEquals("default", answer.getBucket().getIdentifier());
        assertTrue(answer.isLatest());
        assertTrue(nifi.client.isStorageLocationApplicable(nifi, coordinates.getStorageLocation()));
        assertFalse(nifi.client.isStorageLocationApplicable(nifi, null));
        assertFalse(nifi.client.isStorageLocationApplicable(nifi, "https://github.com/x/y"));
        assertEquals("Change default/A/B ü", repository.git("log", "-1", "--format=%s"));
        assertEquals("flows/default/A=2FB =C3=BC.json", repository.git("ls-files"));
    }

    @Test
    void showsFoldersBranchesAndFilesThatPeopleMade() throws Exception {
        assertEquals(Set.of("main"), branches());
        assertEquals(Set.of("default"), buckets("main"));
        repository.commit("flows/team a/.gitkeep", "", "A bucket");
        repository.commit("flows/.hidden/x.json", "{}", "Not a bucket");
        repository.commit("flows/readme.md", "", "Not a bucket either");
        repository.git("branch", "release/1");
        assertEquals(Set.of("main", "release/1"), branches());
        assertEquals(Set.of("team a"), buckets("main"));
        nifi.start("team a", "One", TestFlows.plain("1"));
        repository.commit("flows/team a/Aufträge.json", "{\"flowContents\": {\"name\": \"x\"}}", "By hand");
        repository.commit("flows/team a/broken.json", "{", "By hand");
        repository.commit("flows/team a/notes.txt", "", "By hand");
        repository.commit("flows/team a/why?.json", "{}", "A name that NiFi cannot use must not hide the others");
        repository.commit("flows/why?/x.json", "{}", "By hand");
        assertEquals(Set.of("One", "Aufträge", "broken"), flows("main", "team a"));
        assertEquals(Set.of("team a"), buckets("main"));
        assertEquals(Set.of(), flows("release/1", "team a"));
        assertEquals(Set.of(), flows("main", "no such bucket"));
        assertEquals("x", nifi.contents("team a", "Aufträge", null)
                .getFlowContents().getName());
    }

    @Test
    void offersTheBucketThatThePropertyNames() throws Exception {
        nifi.with(ClientProperties.BUCKET, "pipelines");
        assertEquals(Set.of("pipelines"), buckets("main"));
        repository.commit("flows/team a/.gitkeep", "", "A bucket");
        assertEquals(Set.of("pipelines", "team a"), buckets("main"));
        nifi.start("pipelines", "One", TestFlows.plain("1"));
        assertEquals(Set.of("pipelines", "team a"), buckets("main"));
    }

    @Test
    void readsTagsAndShortHashes() throws Exception {
        final String first = nifi.start("default", "People", TestFlows.plain("1"));
        repository.git("tag", "people@v1");
        repository.commit("other.txt", "x", "Something else");
        repository.git("tag", "-a", "-m", "Release", "release/1");
        final String second = nifi.commit("default", "People", TestFlows.plain("2"), first, "Two");
        final List<String> comments = nifi.client.getFlowVersions(nifi, new FlowLocation("main", "default", "People")).stream()
                .map(RegisteredFlowSnapshotMetadata::getComments).toList();
        assertEquals(List.of("Two", "[people@v1, release/1] First version of People"), comments);
        for (final String revision : List.of("people@v1", "release/1", first.substring(0, 8), first)) {
            final RegisteredFlowSnapshot read = nifi.contents("default", "People", revision);
            assertEquals(first, read.getSnapshotMetadata().getVersion(), revision);
            assertEquals("1", TestFlows.processor(read.getFlowContents(), "p").getProperties().get("Value"));
            assertFalse(read.isLatest());
        }
        assertEquals(second, nifi.contents("default", "People", null).getSnapshotMetadata().getVersion());
        for (final String revision : List.of("v9", "HEAD", "0".repeat(40), "--all", "")) {
            assertThrows(NoSuchFlowVersionException.class, () -> nifi.contents("default", "People", revision), revision);
        }
    }

    @Test
    void followsTheHistoryAsGitDoes() throws Exception {
        final String file = "flows/default/People.json";
        final String first = nifi.start("default", "People", TestFlows.plain("1"));
        repository.git("checkout", "-q", "-b", "side");
        final String side = new TestClient(repository.path()).register(TestFlows.snapshot(TestFlows.plain("2")), "side", "default",
                "People", first, "Side", RegisterAction.COMMIT).getSnapshotMetadata().getVersion();
        repository.git("checkout", "-q", "main");
        repository.commit("README.md", "x", "Main");
        repository.git("merge", "-q", "--no-edit", "side");
        assertEquals(List.of(side, first), versions());
        assertEquals(repository.git("log", "--format=%H", "--", file).lines().toList(), versions());
        // A merge that is neither side's file is a version of its own; clocks of the machines disagree.
        repository.git("checkout", "-q", "side");
        repository.commit(file, Files.readString(repository.path().resolve(file)).replace("\"2\"", "\"side\""), "Side");
        repository.git("-c", "user.name=Late", "commit", "-q", "--amend", "--no-edit", "--date=2031-01-01T00:00:00");
        repository.git("checkout", "-q", "main");
        repository.commit(file, Files.readString(repository.path().resolve(file)).replace("\"2\"", "\"main\""), "Main");
        assertThrows(IOException.class, () -> repository.git("merge", "-q", "side"));
        repository.commit(file, Files.readString(repository.path().resolve(file)).replaceAll("(?s)<<<<.*>>>> side\n", "          \"Value\": \"both\"\n"), "Merge");
        final List<String> found = versions();
        assertEquals(repository.git("rev-parse", "HEAD"), found.getFirst());
        assertEquals(Set.copyOf(repository.git("log", "--format=%H", "--", file).lines().toList()), Set.copyOf(found));
        assertEquals(5, found.size());
    }

    private List<String> versions() throws FlowRegistryException {
        return nifi.client.getFlowVersions(nifi, new FlowLocation("main", "default", "People")).stream()
                .map(RegisteredFlowSnapshotMetadata::getVersion).toList();
    }

    @Test
    void removesAFlowButNotItsHistory() throws Exception {
        final String first = nifi.start("default", "People", TestFlows.plain("1"));
        nifi.client.deregisterFlow(nifi, new FlowLocation("main", "default", "People"));
        assertEquals("", repository.git("ls-files"));
        assertEquals("Remove default/People", repository.git("log", "-1", "--format=%s"));
        assertFalse(Files.exists(repository.path().resolve("flows/default/People.json")));
        assertThrows(NoSuchFlowException.class, () -> nifi.client.getFlow(nifi, new FlowLocation("main", "default", "People")));
        assertThrows(NoSuchFlowException.class, () -> nifi.client.deregisterFlow(nifi, new FlowLocation("main", "default", "People")));
        assertEquals("1", TestFlows.processor(nifi.contents("default", "People", first).getFlowContents(), "p").getProperties().get("Value"));
        nifi.start("default", "People", TestFlows.plain("2"));
        assertEquals(3, repository.log("%H").size());
    }

    @Test
    void keepsOtherFilesAndAnyLayout() throws Exception {
        repository.commit("README.md", "Hello", "A readme");
        repository.commit("scripts/run.sh", "#!/bin/sh", "A script");
        repository.git("update-index", "--chmod=+x", "scripts/run.sh");
        repository.git("commit", "-q", "-m", "Executable");
        repository.git("checkout", "-q", "--", ".");
        nifi.with(ClientProperties.DIRECTORY, ".").start("default", "One", TestFlows.plain("1"));
        nifi.with(ClientProperties.DIRECTORY, "a/b").start("default", "Two", TestFlows.plain("1"));
        assertEquals(Set.of("README.md", "scripts/run.sh", "default/One.json", "a/b/default/Two.json"),
                Set.copyOf(repository.git("ls-files").lines().toList()));
        assertTrue(repository.git("ls-tree", "HEAD", "scripts/").startsWith("100755"));
        assertEquals("", repository.status());
        assertEquals(Set.of("a", "default", "scripts"), nifi.with(ClientProperties.DIRECTORY, ".").client.getBuckets(nifi, "main").stream()
                .map(FlowRegistryBucket::getName).collect(Collectors.toSet()));
    }

    @Test
    void worksOnBareRepositoriesBranchesAndLinkedWorkingTrees() throws Exception {
        final TestRepository bare = TestRepository.init(folder.resolve("bare.git"), "--bare");
        new TestClient(bare.path()).start("default", "People", TestFlows.plain("1"));
        assertEquals("flows/default/People.json", bare.git("ls-tree", "-r", "--name-only", "main"));

        repository.commit("README.md", "Hello", "A readme");
        repository.git("branch", "dev");
        repository.git("checkout", "-q", "--detach");
        nifi.start("default", "People", TestFlows.plain("1"));
        assertEquals("", repository.status());
        assertEquals("README.md", repository.git("ls-files"));
        assertEquals("flows/default/People.json", repository.git("ls-tree", "-r", "--name-only", "main", "flows"));

        final Path linked = folder.resolve("linked");
        repository.git("worktree", "add", "-q", linked.toString(), "dev");
        final TestClient there = new TestClient(linked).with(ClientProperties.BRANCH, "dev");
        final RegisteredFlowSnapshot snapshot = TestFlows.snapshot(TestFlows.plain("1"));
        there.register(snapshot, "dev", "default", "Two", null, "Two", RegisterAction.COMMIT);
        assertEquals("", new TestRepository(linked).status());
        assertTrue(Files.exists(linked.resolve("flows/default/Two.json")));
        final Exception error = assertThrows(FlowRegistryException.class, () -> nifi.register(
                TestFlows.snapshot(TestFlows.plain("2")), "dev", "default", "Two", null, "Two", RegisterAction.COMMIT));
        assertTrue(error.getMessage().contains("linked working tree " + linked), error.getMessage());
    }

    @Test
    void keepsTheCoordinatesOfNestedFlows() throws Exception {
        final VersionedProcessGroup group = TestFlows.people("group", TestFlows.SCRIPT);
        final VersionedFlowCoordinates nested = nested(group);
        final VersionedProcessGroup child = TestFlows.plain("child");
        final RegisteredFlowSnapshot committed = nifi.register(TestFlows.snapshot(child), "main", "shared", "clean", null, "Child",
                RegisterAction.COMMIT);
        nested.setStorageLocation(committed.getFlowContents().getVersionedFlowCoordinates().getStorageLocation());
        final String version = nifi.start("default", "People", group);
        assertFalse(repository.git("log", "-p").contains(repository.path().toString()), "the path of one machine");
        final VersionedFlowCoordinates read = nested(nifi.contents("default", "People", version).getFlowContents());
        assertEquals("clean", read.getFlowId());
        assertEquals("shared", read.getBucketId());
        assertEquals(nested.getVersion(), read.getVersion());
        assertEquals(nested.getStorageLocation(), read.getStorageLocation());
    }

    @ParameterizedTest
    @ValueSource(strings = {"../x", "/etc", ".git", "a/b", "..", "a\\b"})
    void refusesToLeaveTheRepository(final String name) throws Exception {
        assertThrows(FlowRegistryException.class, () -> nifi.start(name, "People", TestFlows.plain("1")));
        assertThrows(FlowRegistryException.class, () -> nifi.commit("default", name, TestFlows.plain("1"), null, "x"));
        assertThrows(FlowRegistryException.class, () -> nifi.contents(name, "x", "0".repeat(40)));
        assertThrows(FlowRegistryException.class, () -> nifi.client.getFlows(nifi, new BucketLocation("main", name)));
        assertEquals("", repository.git("branch"));
    }

    @Test
    void saysHowToCorrectTheProperties() throws Exception {
        assertEquals(List.of(), problems(ClientProperties.REPOSITORY, repository.path().toString()));
        Files.createDirectories(folder.resolve("plain"));
        problem(ClientProperties.REPOSITORY, "relative", "whole path");
        problem(ClientProperties.REPOSITORY, folder.resolve("absent").toString(), "git init -b main");
        problem(ClientProperties.REPOSITORY, folder.resolve("plain").toString(), "git init -b main");
        problem(ClientProperties.BRANCH, "a..b", "such as main");
        problem(ClientProperties.DIRECTORY, "../x", "inside the repository");
        problem(ClientProperties.DIRECTORY, "/x", "inside the repository");
        problem(ClientProperties.DIRECTORY, "a/.git", "inside the repository");
        problem(ClientProperties.BUCKET, "a/b", "a folder's name");
        problem(ClientProperties.FETCH_INTERVAL, "often", "such as 30 sec");
        problem(ClientProperties.PRIVATE_KEY, "/no/such/key", "cannot be read");
        problem(ClientProperties.PASSWORD, "x", "Username");
        for (final PropertyDescriptor property : List.of(ClientProperties.PASSWORD, ClientProperties.PASSPHRASE)) {
            assertTrue(property.isSensitive(), property.getName());
        }
        final String shown = ClientProperties.settings(nifi.with(ClientProperties.PASSWORD, TestFlows.SECRET)).toString();
        assertFalse(shown.contains(TestFlows.SECRET), shown);
    }

    private void problem(final PropertyDescriptor property, final String value, final String expected) {
        final Collection<ValidationResult> problems = problems(property, value);
        assertTrue(problems.stream().anyMatch(one -> one.getExplanation().contains(expected)), problems.toString());
    }

    private Collection<ValidationResult> problems(final PropertyDescriptor property, final String value) {
        final MockProcessContext context = new MockProcessContext(nifi.client);
        context.setProperty(ClientProperties.REPOSITORY, repository.path().toString());
        context.setProperty(ClientProperties.REMOTE, "origin");
        context.setProperty(property, value);
        return nifi.client.validate(new MockValidationContext(context));
    }

    private static VersionedFlowCoordinates nested(final VersionedProcessGroup group) {
        return group.getProcessGroups().stream().filter(one -> "i-nested".equals(one.getIdentifier())).findFirst().orElseThrow()
                .getVersionedFlowCoordinates();
    }

    @ParameterizedTest
    @ValueSource(strings = {"../../hooks/pre-commit", "../hooks/x", "../../../README.md", "/etc/x", "a/../../x", "x.lock", "x.lock/y", "a\nb",
        "a\u0001b", "-x", "a b", "a\\b", "a:b", "HEAD"})
    void refusesABranchThatCouldLeaveItsFolder(final String name) throws Exception {
        final TestRepository empty = TestRepository.init(folder.resolve("empty"));
        final TestClient there = new TestClient(empty.path());
        final String before = files(empty.path());
        final String message = assertThrows(FlowRegistryException.class, () -> there.register(
                TestFlows.snapshot(TestFlows.plain("1")), name, "default", "People", null, "One", RegisterAction.COMMIT)).getMessage();
        assertTrue(message.contains("branch") && message.contains("such as main"), message);
        assertFalse(message.contains("\n"), message);
        assertThrows(FlowRegistryException.class, () -> there.client.getBuckets(there, name));
        assertEquals(before, files(empty.path()));
    }

    private static String files(final Path path) throws IOException {
        try (Stream<Path> all = Files.walk(path)) {
            return all.sorted().toList().toString();
        }
    }

    @Test
    void listsFlowsWithoutAWalkThroughTheHistory() throws Exception {
        for (int i = 0; i < 3; i++) {
            nifi.start("default", "Flow " + i, TestFlows.plain("1"));
        }
        // An old commit that is damaged stops whoever walks the whole history.
        final String oldest = repository.git("rev-list", "--max-parents=0", "HEAD");
        final Path object = repository.path().resolve(".git/objects/" + oldest.substring(0, 2) + "/" + oldest.substring(2));
        assertTrue(object.toFile().setWritable(true));
        Files.writeString(object, "garbage");
        final TestClient fresh = new TestClient(repository.path());
        assertTrue(fresh.client.getFlows(fresh, new BucketLocation("main", "default")).size() >= 3);
    }

    private Set<String> branches() throws FlowRegistryException {
        return nifi.client.getBranches(nifi).stream().map(FlowRegistryBranch::getName).collect(Collectors.toSet());
    }

    private Set<String> buckets(final String branch) throws FlowRegistryException {
        return nifi.client.getBuckets(nifi, branch).stream().map(FlowRegistryBucket::getName).collect(Collectors.toSet());
    }

    private Set<String> flows(final String branch, final String bucket) throws FlowRegistryException {
        return nifi.client.getFlows(nifi, new BucketLocation(branch, bucket)).stream().map(RegisteredFlow::getName)
                .collect(Collectors.toCollection(TreeSet::new));
    }
}
