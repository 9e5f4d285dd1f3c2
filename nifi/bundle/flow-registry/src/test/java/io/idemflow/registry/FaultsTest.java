package io.idemflow.registry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.nifi.registry.flow.FlowAlreadyExistsException;
import org.apache.nifi.registry.flow.FlowLocation;
import org.apache.nifi.registry.flow.FlowRegistryException;
import org.apache.nifi.registry.flow.RegisterAction;
import org.apache.nifi.registry.flow.RegisteredFlow;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Others at work in the same repository, and a repository that is not as it should be. */
class FaultsTest {

    private static final String FILE = "flows/default/People.json";

    @TempDir
    private Path folder;
    private TestRepository repository;
    private TestClient nifi;
    private String first;

    @BeforeEach
    void makeRepository() throws Exception {
        repository = TestRepository.init(folder.resolve("repository"));
        nifi = new TestClient(repository.path());
        first = nifi.start("default", "People", TestFlows.plain("1"));
    }

    @Test
    void putsACommitOnTopOfWhatAPersonCommitted() throws Exception {
        final String human = repository.commit("README.md", "Hello", "By hand");
        final String second = nifi.commit("default", "People", TestFlows.plain("2"), first, "Two");
        assertEquals(List.of(second, human, first), repository.log("%H"));
        assertEquals("", repository.status());
        assertTrue(Files.exists(repository.path().resolve("README.md")));
    }

    @Test
    void reportsAConflictAndLosesNothing() throws Exception {
        final Path file = repository.path().resolve(FILE);
        final String human = repository.commit(FILE, Files.readString(file).replace("\"1\"", "\"by hand\""), "By hand");
        final String message = refused(first);
        assertTrue(message.contains("changed in git since version " + first) && message.contains("force"), message);
        assertEquals(List.of(human, first), repository.log("%H"));
        final String forced = nifi.register(TestFlows.snapshot(TestFlows.plain("2")), "main", "default", "People", first, "Forced",
                RegisterAction.FORCE_COMMIT).getSnapshotMetadata().getVersion();
        assertEquals(List.of(forced, human, first), repository.log("%H"));
        assertEquals("", repository.status());
    }

    @Test
    void takesARebasedHistoryForWhatItIs() throws Exception {
        repository.git("commit", "-q", "--amend", "-m", "Other words");
        nifi.commit("default", "People", TestFlows.plain("2"), first, "Two");
        assertEquals(List.of("Two", "Other words"), repository.log("%s"));
    }

    @Test
    void losesNoCommitOfManyAtOnce() throws Exception {
        final int clients = 4;
        final int each = 8;
        final List<TestClient> nodes = new ArrayList<>();
        for (int i = 0; i < clients; i++) {
            nodes.add(new TestClient(repository.path()));
        }
        final Set<String> made = new HashSet<>();
        try (ExecutorService pool = Executors.newFixedThreadPool(clients)) {
            final List<Future<List<String>>> results = new ArrayList<>();
            for (int i = 0; i < clients; i++) {
                final int number = i;
                results.add(pool.submit(() -> {
                    final List<String> versions = new ArrayList<>();
                    String seen = null;
                    for (int j = 0; j < each; j++) {
                        seen = nodes.get(number).commit("default", "Flow " + number, TestFlows.plain("v" + j), seen, "Version " + j);
                        versions.add(seen);
                    }
                    return versions;
                }));
            }
            for (final Future<List<String>> result : results) {
                made.addAll(result.get());
            }
        }
        final Set<String> expected = new HashSet<>(made);
        expected.add(first);
        assertEquals(clients * each + 1, expected.size());
        assertEquals(expected, new HashSet<>(repository.log("%H")));
        assertEquals("", repository.status());
        assertEquals("", repository.git("fsck", "--strict", "--no-dangling"));
    }

    @Test
    void letsOneOfTwoNodesMakeAFlow() throws Exception {
        final TestClient other = new TestClient(repository.path());
        final RegisteredFlow flow = new RegisteredFlow();
        flow.setIdentifier("New");
        flow.setBucketIdentifier("default");
        flow.setBranch("main");
        nifi.client.registerFlow(nifi, flow);
        other.client.registerFlow(other, flow);
        final String made = other.commit("default", "New", TestFlows.plain("other"), null, "Of the other");
        assertThrows(FlowAlreadyExistsException.class, () -> nifi.commit("default", "New", TestFlows.plain("mine"), null, "Mine"));
        // NiFi takes its announcement back then; the other's flow must stay.
        nifi.client.deregisterFlow(nifi, new FlowLocation("main", "default", "New"));
        assertEquals(made, nifi.latest("default", "New"));
        assertThrows(FlowAlreadyExistsException.class, () -> nifi.start("default", "new", TestFlows.plain("1")));
    }

    @Test
    void neverOverwritesUncommittedWork() throws Exception {
        final Path file = repository.path().resolve(FILE);
        final String committed = Files.readString(file);
        Files.writeString(file, "work of a person");
        String message = refused(first);
        assertTrue(message.contains("not committed") && message.contains("stash"), message);
        assertEquals("work of a person", Files.readString(file));
        repository.git("add", FILE);
        Files.writeString(file, committed);
        message = refused(first);
        assertTrue(message.contains("staged"), message);
        repository.git("checkout", "-q", "HEAD", "--", FILE);
        Files.delete(file);
        message = refused(first);
        assertTrue(message.contains("deleted in the working tree"), message);
        assertFalse(Files.exists(file));
        Files.createDirectories(file.getParent());
        Files.writeString(file.resolveSibling("Other.json"), "work of a person");
        message = assertThrows(FlowRegistryException.class, () -> nifi.start("default", "Other", TestFlows.plain("1"))).getMessage();
        assertTrue(message.contains("not under git's control"), message);
        assertEquals("work of a person", Files.readString(file.resolveSibling("Other.json")));
        // The way out that the message names.
        repository.git("checkout", "-q", "HEAD", "--", FILE);
        Files.writeString(file, "work of a person");
        repository.git("stash", "push", "-q", "--include-untracked", "--", FILE);
        nifi.commit("default", "People", TestFlows.plain("2"), first, "Two");
        assertEquals(2, repository.log("%H").size());
        assertTrue(repository.git("stash", "list").contains("stash@{0}"));
    }

    @Test
    void leavesOtherUncommittedWorkAlone() throws Exception {
        repository.commit("README.md", "Hello", "By hand");
        Files.writeString(repository.path().resolve("README.md"), "staged");
        repository.git("add", "README.md");
        Files.writeString(repository.path().resolve("README.md"), "unstaged");
        Files.writeString(repository.path().resolve("untracked.txt"), "x");
        final String before = repository.status();
        nifi.commit("default", "People", TestFlows.plain("2"), first, "Two");
        assertEquals(before, repository.status());
        assertEquals("flows/default/People.json", repository.git("show", "--format=", "--name-only", "HEAD"));
    }

    @Test
    void goesOnAfterAKill() throws Exception {
        // Killed after the file was written: the next commit of the same flow takes it along.
        final Path file = repository.path().resolve(FILE);
        final String old = Files.readString(file);
        Files.writeString(file, old.replace("\"1\"", "\"2\""));
        final String second = nifi.commit("default", "People", TestFlows.plain("2"), first, "Two");
        assertEquals("", repository.status());
        // Killed after the branch moved and before the index was written; a person removed the lock.
        repository.git("update-index", "--cacheinfo", "100644," + repository.git("rev-parse", first + ":" + FILE) + "," + FILE);
        assertFalse(repository.status().isEmpty());
        nifi.commit("default", "People", TestFlows.plain("3"), second, "Three");
        assertEquals("", repository.status());
    }

    @Test
    void findsTheCommitOfAKilledOneAndEndsIt() throws Exception {
        final String second = nifi.commit("default", "People", TestFlows.plain("2"), first, "Two");
        repository.git("update-index", "--cacheinfo", "100644," + repository.git("rev-parse", first + ":" + FILE) + "," + FILE);
        final Path lock = Files.createFile(repository.path().resolve(".git/index.lock"));
        final String message = refused(second);
        assertTrue(message.contains(lock.toRealPath().toString()) && message.contains("delete that file"), message);
        Files.delete(lock);
        assertEquals(second, nifi.commit("default", "People", TestFlows.plain("2"), second, "Two again"));
        assertEquals("", repository.status());
        assertEquals(second, repository.git("rev-parse", "HEAD"));
    }

    @Test
    void reportsLocks() throws Exception {
        for (final String lock : List.of("index.lock", "refs/heads/main.lock")) {
            final Path file = Files.createFile(repository.path().resolve(".git").resolve(lock));
            final long start = System.nanoTime();
            final String message = refused(first);
            assertTrue(message.contains(file.toRealPath().toString()) && message.contains("delete that file"), message);
            assertTrue(System.nanoTime() - start > 4_000_000_000L, "waits for a while");
            assertTrue(Files.exists(file));
            assertEquals("", repository.status());
            Files.delete(file);
        }
        nifi.commit("default", "People", TestFlows.plain("2"), first, "Two");
    }

    @Test
    void reportsAnUnfinishedMerge() throws Exception {
        repository.git("checkout", "-q", "-b", "side");
        repository.commit(FILE, "side", "Side");
        repository.git("checkout", "-q", "main");
        repository.commit(FILE, "main", "Main");
        assertThrows(IOException.class, () -> repository.git("merge", "side"));
        final String message = refused(repository.git("rev-parse", "main"));
        assertTrue(message.contains("in the middle of something"), message);
    }

    @Test
    void reportsAMissingRepository() throws Exception {
        Files.move(repository.path(), folder.resolve("away"));
        assertTrue(refused(first).contains("does not exist"));
        Files.createDirectories(repository.path());
        assertTrue(refused(first).contains("is no git repository"));
        Files.delete(repository.path());
        Files.move(folder.resolve("away"), repository.path());
        nifi.commit("default", "People", TestFlows.plain("2"), first, "Two");
    }

    @Test
    void reportsUnknownBranches() throws Exception {
        final String message = assertThrows(FlowRegistryException.class,
                () -> nifi.client.getLatestVersion(nifi, new FlowLocation("dev", "default", "People"))).getMessage();
        assertTrue(message.contains("no branch 'dev', but main") && message.contains("branch dev"), message);
    }

    @Test
    void reportsDamagedObjects() throws Exception {
        final String blob = repository.git("rev-parse", "HEAD:" + FILE);
        final Path object = repository.path().resolve(".git/objects/" + blob.substring(0, 2) + "/" + blob.substring(2));
        object.toFile().setWritable(true);
        Files.writeString(object, "garbage");
        assertTrue(message(() -> nifi.contents("default", "People", first)).contains("fsck"));
        Files.delete(object);
        assertTrue(message(() -> nifi.contents("default", "People", first)).contains("fsck"));
    }

    @Test
    void reportsWhatIsInTheWay() throws Exception {
        repository.commit("flows/file", "x", "A file");
        assertTrue(message(() -> nifi.start("file", "x", TestFlows.plain("1"))).contains("flows/file is in the way"));
        Files.createSymbolicLink(repository.path().resolve("flows/link"), folder);
        repository.git("add", ".");
        repository.git("commit", "-q", "-m", "A link");
        assertTrue(message(() -> nifi.start("link", "x", TestFlows.plain("1"))).contains("flows/link is in the way"));
        Files.createDirectories(folder.resolve("outside"));
        Files.createSymbolicLink(repository.path().resolve("flows/hidden"), folder.resolve("outside"));
        assertTrue(message(() -> nifi.start("hidden", "x", TestFlows.plain("1"))).contains("is a link"));
        assertFalse(Files.exists(folder.resolve("outside/x.json")));
    }

    @Test
    void reportsAFullDisk() throws Exception {
        assumeTrue("root".equals(System.getProperty("user.name")), "only root can mount a small disk");
        final Path disk = Files.createDirectories(folder.resolve("disk"));
        try {
            TestRepository.run(List.of("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk.toString()));
        } catch (final IOException e) {
            assumeTrue(false, "no mounts here: " + e.getMessage());
        }
        try {
            final TestRepository small = TestRepository.init(disk.resolve("repository"));
            final TestClient there = new TestClient(small.path());
            there.start("default", "People", TestFlows.plain("1"));
            Files.write(disk.resolve("filler"), new byte[1 << 20]);
        } catch (final IOException e) {
            assertTrue(e.getMessage().contains("No space left"), e.getMessage());
        }
        try {
            final TestRepository small = new TestRepository(disk.resolve("repository"));
            final String before = small.git("rev-parse", "HEAD");
            final String message = message(() -> new TestClient(small.path()).commit("default", "People",
                    TestFlows.plain("x".repeat(100_000)), before, "Two"));
            assertTrue(message.contains("disk is full"), message);
            Files.delete(disk.resolve("filler"));
            assertEquals(before, small.git("rev-parse", "HEAD"));
            assertEquals("", small.status());
            assertEquals("", small.git("fsck", "--no-dangling"));
            new TestClient(small.path()).commit("default", "People", TestFlows.plain("2"), before, "Two");
        } finally {
            TestRepository.run(List.of("umount", disk.toString()));
        }
    }

    @Test
    void reportsAReadOnlyFileSystem() throws Exception {
        assumeTrue("root".equals(System.getProperty("user.name")), "only root can mount");
        final Path disk = Files.createDirectories(folder.resolve("disk"));
        try {
            TestRepository.run(List.of("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk.toString()));
        } catch (final IOException e) {
            assumeTrue(false, "no mounts here: " + e.getMessage());
        }
        try {
            final TestRepository frozen = TestRepository.init(disk.resolve("repository"));
            final TestClient there = new TestClient(frozen.path());
            final String version = there.start("default", "People", TestFlows.plain("1"));
            TestRepository.run(List.of("mount", "-o", "remount,ro", disk.toString()));
            assertEquals(version, there.latest("default", "People"));
            final String message = message(() -> there.commit("default", "People", TestFlows.plain("2"), version, "Two"));
            assertTrue(message.contains("read-only"), message);
            assertEquals("", frozen.status());
        } finally {
            TestRepository.run(List.of("umount", disk.toString()));
        }
    }

    @Test
    void reportsMissingRights() throws Exception {
        assumeFalse("root".equals(System.getProperty("user.name")), "root may write everywhere");
        final Path objects = repository.path().resolve(".git/objects");
        TestRepository.run(List.of("chmod", "-R", "a-w", objects.toString()));
        try {
            assertTrue(refused(first).contains("may not read or write"));
        } finally {
            TestRepository.run(List.of("chmod", "-R", "u+w", objects.toString()));
        }
    }

    private interface Action {
        void run() throws Exception;
    }

    private static String message(final Action action) {
        final String message = assertThrows(FlowRegistryException.class, action::run).getMessage();
        assertTrue(message.matches("(?s).*\\b(with|again|correct|Rename|fetch|Move|Choose|Put|may)\\b.*"), "no advice: " + message);
        return message;
    }

    private String refused(final String seen) throws Exception {
        return message(() -> nifi.commit("default", "People", TestFlows.plain("2"), seen, "Two"));
    }
}
