package io.idemflow.registry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.apache.nifi.registry.flow.FlowRegistryException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A NiFi that is killed while it commits. */
class KillTest {

    private static final int KILLS = 3;
    private static final int WIDEST_PAUSE_NANOS = 20_000_000;

    @TempDir
    private Path folder;

    /** Commits versions until it is killed, and says each one that NiFi would have been told of. */
    public static final class Committer {

        public static void main(final String[] arguments) throws Exception {
            final TestClient nifi = new TestClient(Path.of(arguments[0]));
            String seen = arguments[1];
            // Nobody listens any more once the test itself was killed.
            for (int number = Integer.parseInt(arguments[2]); !System.out.checkError(); number++) {
                seen = nifi.commit("default", "People", TestFlows.plain("value " + number), seen, "Version " + number);
                System.out.println("committed " + seen);
            }
        }
    }

    @Test
    void losesNoVersionThatNifiWasToldOf() throws Exception {
        final TestRepository repository = TestRepository.init(folder.resolve("repository"));
        String last = new TestClient(repository.path()).start("default", "People", TestFlows.plain("0"));
        final Random random = new Random(5);
        int locks = 0;
        for (int kill = 0; kill < KILLS; kill++) {
            final List<String> told = commitUntilKilled(repository.path(), last, kill * 1000, random.nextLong(WIDEST_PAUSE_NANOS));
            assertTrue(repository.log("%H").containsAll(told), "a version is lost");
            assertEquals("", repository.git("fsck", "--strict", "--no-dangling"));

            // What the killed one left is reported, and gone once a person did what the message says.
            final TestClient nifi = new TestClient(repository.path());
            final String newest = nifi.latest("default", "People");
            final String value = "after kill " + kill;
            try {
                last = nifi.commit("default", "People", TestFlows.plain(value), newest, value);
            } catch (final FlowRegistryException e) {
                assertTrue(e.getMessage().contains("delete that file"), e.getMessage());
                locks++;
                deleteLocks(repository.path());
                last = commitOrTakeAlong(nifi, repository, newest, value);
            }
            assertEquals("", repository.status());
            assertEquals(last, nifi.latest("default", "People"));
        }
        assertTrue(locks > 0, "no kill hit a commit: this test shows nothing");
    }

    /** A change that a killed NiFi had written and not committed is a person's to keep or to drop, like any other. */
    private static String commitOrTakeAlong(final TestClient nifi, final TestRepository repository, final String newest, final String value)
            throws Exception {
        try {
            return nifi.commit("default", "People", TestFlows.plain(value), newest, value);
        } catch (final FlowRegistryException e) {
            assertTrue(e.getMessage().contains("stash"), e.getMessage());
            repository.git("stash", "push", "-q", "--include-untracked", "--", "flows/default/People.json");
            return nifi.commit("default", "People", TestFlows.plain(value), newest, value);
        }
    }

    private static List<String> commitUntilKilled(final Path repository, final String seen, final int start, final long pause) throws Exception {
        final Process process = new ProcessBuilder(ProcessHandle.current().info().command().orElse("java"), "-XX:TieredStopAtLevel=1",
                "-cp", System.getProperty("java.class.path"), Committer.class.getName(), repository.toString(), seen, String.valueOf(start))
                .redirectError(ProcessBuilder.Redirect.DISCARD).start();
        final List<String> told = new ArrayList<>();
        try (BufferedReader output = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            String line = output.readLine();
            while (line != null) {
                if (line.startsWith("committed ")) {
                    told.add(line.substring("committed ".length()));
                }
                if (told.size() == 3) {
                    final Path lock = repository.resolve(".git/index.lock");
                    final long end = System.nanoTime() + pause;
                    while (process.isAlive() && (System.nanoTime() < end || !Files.exists(lock))) {
                        Thread.onSpinWait();
                    }
                    process.toHandle().destroyForcibly();
                }
                line = output.readLine();
            }
        } finally {
            process.destroyForcibly().waitFor();
        }
        assertTrue(told.size() >= 3, "it did not commit: " + told);
        return told;
    }

    private static void deleteLocks(final Path repository) throws IOException {
        try (Stream<Path> files = Files.walk(repository.resolve(".git"))) {
            for (final Path file : files.filter(one -> one.toString().endsWith(".lock")).toList()) {
                Files.delete(file);
            }
        }
    }
}
