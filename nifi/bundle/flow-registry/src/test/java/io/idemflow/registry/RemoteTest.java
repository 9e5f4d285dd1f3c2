package io.idemflow.registry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.nifi.registry.flow.FlowRegistryBranch;
import org.apache.nifi.registry.flow.FlowRegistryException;
import org.apache.sshd.common.config.keys.KeyUtils;
import org.apache.sshd.common.config.keys.PublicKeyEntry;
import org.apache.sshd.common.config.keys.writer.openssh.OpenSSHKeyEncryptionContext;
import org.apache.sshd.common.config.keys.writer.openssh.OpenSSHKeyPairResourceWriter;
import org.apache.sshd.common.keyprovider.KeyPairProvider;
import org.apache.sshd.common.util.security.SecurityUtils;
import org.apache.sshd.server.SshServer;
import org.apache.sshd.server.shell.ProcessShellFactory;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Two NiFis and a person, each with a clone of one remote. */
class RemoteTest {

    private static final String FILE = "flows/default/People.json";

    @TempDir
    private Path folder;
    private TestRepository origin;
    private TestRepository here;
    private TestRepository there;
    private TestClient nifi;
    private TestClient other;
    private String first;

    @BeforeEach
    void makeClones() throws Exception {
        origin = TestRepository.init(folder.resolve("origin.git"), "--bare");
        origin.git("config", "http.receivepack", "true");
        here = TestRepository.cloneOf(origin, folder.resolve("here"));
        there = TestRepository.cloneOf(origin, folder.resolve("there"));
        nifi = client(here);
        other = client(there);
        first = nifi.start("default", "People", TestFlows.plain("1"));
    }

    private static TestClient client(final TestRepository clone) {
        return new TestClient(clone.path()).with(ClientProperties.REMOTE, "origin").with(ClientProperties.FETCH_INTERVAL, "0 sec");
    }

    @Test
    void fetchesBeforeReadsAndPushesCommits() throws Exception {
        assertEquals(first, origin.git("rev-parse", "main"));
        assertEquals(first, other.latest("default", "People"));
        assertEquals("1", TestFlows.processor(other.contents("default", "People", first).getFlowContents(), "p").getProperties().get("Value"));
        final String second = other.commit("default", "People", TestFlows.plain("2"), first, "Two");
        assertEquals(second, origin.git("rev-parse", "main"));
        assertEquals(second, nifi.latest("default", "People"));
        // This clone is behind: it is left alone until a person pulls.
        assertEquals(first, here.git("rev-parse", "HEAD"));
        assertEquals("", here.status());
        final String third = nifi.commit("default", "People", TestFlows.plain("3"), second, "Three");
        assertEquals(List.of(third, second, first), origin.git("log", "--format=%H", "main").lines().toList());
        here.git("pull", "-q", "--ff-only");
        assertEquals(third, here.git("rev-parse", "HEAD"));
        final String fourth = nifi.commit("default", "People", TestFlows.plain("4"), third, "Four");
        assertEquals(fourth, here.git("rev-parse", "HEAD"));
        assertEquals("", here.status());
        there.git("fetch", "-q");
        there.git("push", "-q", "origin", "origin/main:refs/heads/dev");
        assertTrue(nifi.client.getBranches(nifi).stream().map(FlowRegistryBranch::getName).toList().containsAll(List.of("dev", "main")));
        assertEquals(nifi.client.isStorageLocationApplicable(other, "git+" + origin.path()), true);
    }

    @Test
    void reportsAConflictAtTheRemote() throws Exception {
        final String second = other.commit("default", "People", TestFlows.plain("2"), first, "Two");
        final String message = assertThrows(FlowRegistryException.class,
                () -> nifi.commit("default", "People", TestFlows.plain("x"), first, "Mine")).getMessage();
        assertTrue(message.contains("changed in git since version"), message);
        assertEquals(second, origin.git("rev-parse", "main"));
        assertEquals("", here.status());
    }

    @Test
    void losesNoCommitOfTwoNodesAtOnce() throws Exception {
        try (ExecutorService pool = Executors.newFixedThreadPool(2)) {
            final var mine = pool.submit(() -> series(nifi, "Mine"));
            final var theirs = pool.submit(() -> series(other, "Theirs"));
            mine.get();
            theirs.get();
        }
        assertEquals(11, origin.git("log", "--format=%H", "main").lines().count());
        assertEquals("", origin.git("fsck", "--strict", "--no-dangling"));
        assertEquals("", here.status());
        assertEquals("", there.status());
    }

    private static String series(final TestClient client, final String flow) throws FlowRegistryException {
        String seen = null;
        for (int i = 0; i < 5; i++) {
            seen = client.commit("default", flow, TestFlows.plain("v" + i), seen, flow + " " + i);
        }
        return seen;
    }

    @Test
    void commitsNothingThatIsNotPushed() throws Exception {
        final Path away = folder.resolve("away");
        Files.move(origin.path(), away);
        final String message = refused();
        assertTrue(message.contains("Cannot fetch from remote 'origin'") && message.contains("Nothing was committed"), message);
        assertEquals(first, here.git("rev-parse", "HEAD"));
        assertEquals("", here.status());
        assertEquals("1", TestFlows.processor(nifi.contents("default", "People", first).getFlowContents(), "p").getProperties().get("Value"),
                "a known version is read without the remote");
        assertThrows(FlowRegistryException.class, () -> nifi.latest("default", "People"));
        nifi.with(ClientProperties.FETCH_INTERVAL, "1 hour");
        assertThrows(FlowRegistryException.class, () -> nifi.latest("default", "People"));
        Files.move(away, origin.path());
        assertThrows(FlowRegistryException.class, () -> nifi.latest("default", "People"), "asked again within the interval");
        nifi.with(ClientProperties.FETCH_INTERVAL, "0 sec");
        nifi.commit("default", "People", TestFlows.plain("2"), first, "Two");
    }

    @Test
    void reportsBranchesThatHaveParted() throws Exception {
        here.commit("README.md", "mine", "Mine");
        final String pushed = other.commit("default", "People", TestFlows.plain("2"), first, "Two");
        String message = refused();
        assertTrue(message.contains("have parted") && message.contains("pull --rebase"), message);
        message = assertThrows(FlowRegistryException.class, () -> nifi.latest("default", "People")).getMessage();
        assertTrue(message.contains("have parted"), message);
        here.git("pull", "-q", "--rebase", "origin", "main");
        final String third = nifi.commit("default", "People", TestFlows.plain("3"), pushed, "Three");
        assertEquals(third, origin.git("rev-parse", "main"));
        assertEquals(4, origin.git("log", "--format=%H", "main").lines().count(), "what a person had committed here is pushed along");
    }

    @Test
    void refusesUnencryptedAndAbsentRemotes() throws Exception {
        here.git("remote", "set-url", "origin", "http://user:" + TestFlows.SECRET + "@example.org/flows.git");
        String message = refused();
        assertTrue(message.contains("unencrypted"), message);
        assertFalse(message.contains(TestFlows.SECRET), message);
        here.git("remote", "set-url", "origin", "https://user:" + TestFlows.SECRET + "@localhost:1/flows.git");
        message = refused();
        assertFalse(message.contains(TestFlows.SECRET), message);
        here.git("remote", "remove", "origin");
        message = refused();
        assertTrue(message.contains("has no remote 'origin'"), message);
    }

    @ParameterizedTest
    @ValueSource(strings = {"remote.origin.pushurl", "url.http://example.invalid/.pushInsteadOf", "url.http://example.invalid/.insteadOf",
        "url.git://example.invalid/.insteadOf"})
    void pushesNothingInTheClearWhateverTheConfigurationSays(final String key) throws Exception {
        nifi.with(ClientProperties.USERNAME, "jane").with(ClientProperties.PASSWORD, TestFlows.SECRET);
        here.git("config", key, key.endsWith("pushurl") ? "http://example.invalid/flows.git" : origin.path().getParent() + "/");
        final String message = refused();
        assertTrue(message.contains("unencrypted"), message);
        assertFalse(message.contains(TestFlows.SECRET), message);
        assertEquals(first, here.git("rev-parse", "HEAD"));
        assertEquals("", here.status());
    }

    @Test
    void refusesARemoteWhoseCertificateIsNotChecked() throws Exception {
        here.git("remote", "set-url", "origin", "https://localhost:1/flows.git");
        here.git("config", "http.sslVerify", "false");
        final String message = refused();
        assertTrue(message.contains("http.sslVerify"), message);
    }

    @Test
    void givesThePasswordToNoOtherHost() throws Exception {
        final List<String> told = new CopyOnWriteArrayList<>();
        final HttpServer thief = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        thief.createContext("/", exchange -> {
            told.add(String.valueOf(exchange.getRequestHeaders().getFirst("Authorization")));
            exchange.getResponseHeaders().add("WWW-Authenticate", "Basic realm=\"git\"");
            exchange.sendResponseHeaders(401, -1);
            exchange.close();
        });
        final HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            exchange.getResponseHeaders().add("Location", "http://127.0.0.1:" + thief.getAddress().getPort() + exchange.getRequestURI());
            exchange.sendResponseHeaders(302, -1);
            exchange.close();
        });
        thief.start();
        server.start();
        try {
            here.git("remote", "set-url", "origin", "http://localhost:" + server.getAddress().getPort() + "/origin.git");
            nifi.with(ClientProperties.USERNAME, "jane").with(ClientProperties.PASSWORD, TestFlows.SECRET);
            refused();
            assertTrue(told.stream().allMatch("null"::equals), told.toString());
            assertFalse(told.isEmpty(), "nobody followed: this test shows nothing");
        } finally {
            server.stop(0);
            thief.stop(0);
        }
    }

    @Test
    void runsNoProgramThatTheRepositoryNames() throws Exception {
        final Path ran = folder.resolve("ran");
        final Path program = Files.writeString(folder.resolve("program"), "#!/bin/sh\necho $0 >> " + ran + "\nexit 1\n");
        assertTrue(program.toFile().setExecutable(true));
        for (final String hook : List.of("pre-push", "pre-commit", "commit-msg", "post-commit", "prepare-commit-msg", "reference-transaction",
                "post-index-change")) {
            Files.copy(program, here.path().resolve(".git/hooks/" + hook), StandardCopyOption.COPY_ATTRIBUTES);
        }
        Files.writeString(here.path().resolve(".git/info/attributes"), "* filter=evil diff=evil merge=evil\n");
        for (final String key : List.of("remote.origin.receivepack", "remote.origin.uploadpack", "filter.evil.clean", "filter.evil.smudge",
                "diff.evil.command", "credential.helper", "core.sshCommand", "core.fsmonitor", "core.askPass", "core.editor", "gpg.program")) {
            here.git("config", key, program.toString());
        }
        here.git("config", "commit.gpgSign", "true");
        final String second = nifi.commit("default", "People", TestFlows.plain("2"), first, "Two");
        assertFalse(Files.exists(ran), () -> "ran: " + read(ran));
        assertEquals(second, origin.git("rev-parse", "main"));
        // The same hook in a folder of its own.
        Files.createDirectories(folder.resolve("hooks"));
        Files.copy(program, folder.resolve("hooks/pre-push"), StandardCopyOption.COPY_ATTRIBUTES);
        here.git("config", "core.hooksPath", folder.resolve("hooks").toString());
        nifi.commit("default", "People", TestFlows.plain("3"), second, "Three");
        assertFalse(Files.exists(ran), () -> "ran: " + read(ran));
    }

    private static String read(final Path file) {
        try {
            return Files.readString(file);
        } catch (final IOException e) {
            return e.toString();
        }
    }

    @Test
    void logsInOverHttp() throws Exception {
        final HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        final ExecutorService pool = Executors.newCachedThreadPool();
        server.setExecutor(pool);
        server.createContext("/", exchange -> serve(exchange, "Basic " + Base64.getEncoder()
                .encodeToString("jane:token".getBytes(StandardCharsets.UTF_8))));
        server.start();
        try {
            here.git("remote", "set-url", "origin", "http://localhost:" + server.getAddress().getPort() + "/origin.git");
            String message = refused();
            assertTrue(message.contains("Check user, password or token"), message);
            nifi.with(ClientProperties.USERNAME, "jane").with(ClientProperties.PASSWORD, "wrong");
            message = refused();
            assertTrue(message.contains("Check user, password or token"), message);
            assertFalse(message.contains("wrong"), message);
            nifi.with(ClientProperties.PASSWORD, "token");
            final Path hook = Files.writeString(origin.path().resolve("hooks/pre-receive"), "#!/bin/sh\nexit 1\n");
            assertTrue(hook.toFile().setExecutable(true));
            message = refused();
            assertTrue(message.contains("refused the commit on branch 'main': pre-receive hook declined"), message);
            assertEquals(first, here.git("rev-parse", "HEAD"));
            assertEquals("", here.status());
            Files.delete(hook);
            assertEquals(nifi.commit("default", "People", TestFlows.plain("2"), first, "Two"), origin.git("rev-parse", "main"));
        } finally {
            server.stop(0);
            pool.shutdownNow();
        }
    }

    /** What a git host does: git's own program for http, behind a login. */
    private void serve(final HttpExchange exchange, final String login) throws IOException {
        if (!login.equals(exchange.getRequestHeaders().getFirst("Authorization"))) {
            exchange.getResponseHeaders().add("WWW-Authenticate", "Basic realm=\"git\"");
            exchange.sendResponseHeaders(401, -1);
            exchange.close();
            return;
        }
        final ProcessBuilder builder = new ProcessBuilder("git", "http-backend");
        final Map<String, String> environment = builder.environment();
        environment.put("GIT_PROJECT_ROOT", folder.toString());
        environment.put("GIT_HTTP_EXPORT_ALL", "1");
        environment.put("PATH_INFO", exchange.getRequestURI().getPath());
        environment.put("QUERY_STRING", String.valueOf(exchange.getRequestURI().getRawQuery()));
        environment.put("REQUEST_METHOD", exchange.getRequestMethod());
        environment.put("REMOTE_USER", "jane");
        environment.put("CONTENT_TYPE", String.valueOf(exchange.getRequestHeaders().getFirst("Content-Type")));
        if ("gzip".equals(exchange.getRequestHeaders().getFirst("Content-Encoding"))) {
            environment.put("HTTP_CONTENT_ENCODING", "gzip");
        }
        final byte[] body = exchange.getRequestBody().readAllBytes();
        environment.put("CONTENT_LENGTH", String.valueOf(body.length));
        final Process process = builder.start();
        try (OutputStream input = process.getOutputStream()) {
            input.write(body);
        }
        final String answer = new String(process.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
        final int end = answer.indexOf("\r\n\r\n");
        int status = 200;
        for (final String header : answer.substring(0, end).split("\r\n")) {
            final String[] parts = header.split(": ", 2);
            if ("Status".equals(parts[0])) {
                status = Integer.parseInt(parts[1].substring(0, 3));
            } else {
                exchange.getResponseHeaders().add(parts[0], parts[1]);
            }
        }
        final byte[] content = answer.substring(end + 4).getBytes(StandardCharsets.ISO_8859_1);
        exchange.sendResponseHeaders(status, content.length == 0 ? -1 : content.length);
        exchange.getResponseBody().write(content);
        exchange.close();
    }

    @Test
    void logsInOverSsh() throws Exception {
        final KeyPairGenerator generator = SecurityUtils.getKeyPairGenerator("Ed25519");
        generator.initialize(256);
        final KeyPair user = generator.generateKeyPair();
        final KeyPair host = KeyUtils.generateKeyPair("ecdsa-sha2-nistp256", 256);
        final Path key = folder.resolve("id_ed25519");
        final OpenSSHKeyEncryptionContext encryption = new OpenSSHKeyEncryptionContext();
        encryption.setPassword("phrase");
        encryption.setCipherName("AES");
        encryption.setCipherMode("CTR");
        encryption.setCipherType("256");
        try (OutputStream output = Files.newOutputStream(key)) {
            OpenSSHKeyPairResourceWriter.INSTANCE.writePrivateKey(user, "test", encryption, output);
        }
        final SshServer server = SshServer.setUpDefaultServer();
        server.setHost("127.0.0.1");
        server.setKeyPairProvider(KeyPairProvider.wrap(host));
        server.setPublickeyAuthenticator((name, offered, session) -> "git".equals(name) && KeyUtils.compareKeys(offered, user.getPublic()));
        server.setCommandFactory((channel, command) -> new ProcessShellFactory(command, "sh", "-c", command).createShell(channel));
        server.start();
        try {
            here.git("remote", "set-url", "origin", "ssh://git@127.0.0.1:" + server.getPort() + origin.path());
            final Path known = Files.writeString(folder.resolve("known_hosts"), "");
            nifi.with(ClientProperties.PRIVATE_KEY, key.toString()).with(ClientProperties.KNOWN_HOSTS, known.toString())
                    .with(ClientProperties.PASSPHRASE, "phrase");
            String message = refused();
            assertTrue(message.contains("Known Hosts"), message);
            Files.writeString(known, "[127.0.0.1]:" + server.getPort() + " " + PublicKeyEntry.toString(host.getPublic()) + "\n");
            nifi.with(ClientProperties.PASSPHRASE, "wrong");
            message = refused();
            assertTrue(message.contains("ssh key"), message);
            assertFalse(message.contains("wrong"), message);
            nifi.with(ClientProperties.PASSPHRASE, "phrase");
            assertEquals(nifi.commit("default", "People", TestFlows.plain("2"), first, "Two"), origin.git("rev-parse", "main"));
        } finally {
            server.stop(true);
        }
    }

    private String refused() {
        final String message = assertThrows(FlowRegistryException.class,
                () -> nifi.commit("default", "People", TestFlows.plain("2"), first, "Two")).getMessage();
        assertFalse(message.isBlank());
        return message;
    }
}
