package org.apache.nifi.processors.elasticsearch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.idemflow.elasticsearch.AuthenticatingProxy;
import io.idemflow.elasticsearch.FaultyServer;
import io.idemflow.elasticsearch.put.Routing;
import java.io.InputStream;
import java.net.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedKeyManager;
import javax.net.ssl.X509TrustManager;
import org.apache.nifi.controller.AbstractControllerService;
import org.apache.nifi.proxy.ProxyConfiguration;
import org.apache.nifi.proxy.ProxyConfigurationService;
import org.apache.nifi.ssl.SSLContextProvider;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** HTTPS through a proxy that wants a password. */
class PutElasticsearchJsonProxyTest extends PutElasticsearchJsonFixture {

    private static final char[] PASSWORD = "changeit".toCharArray();

    @TempDir
    private Path folder;
    private SSLContext certificates;

    @BeforeEach
    void makeCertificates() throws Exception {
        final Path file = folder.resolve("localhost.p12");
        final Process keytool = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair", "-keystore", file.toString(), "-storepass", new String(PASSWORD), "-keyalg", "EC",
                "-dname", "CN=localhost", "-ext", "san=ip:127.0.0.1").redirectErrorStream(true).start();
        final String said = new String(keytool.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, keytool.waitFor(), said);
        final KeyStore store = KeyStore.getInstance("PKCS12");
        try (InputStream stream = Files.newInputStream(file)) {
            store.load(stream, PASSWORD);
        }
        final KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(store, PASSWORD);
        final KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("localhost", store.getCertificate("mykey"));
        final TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        certificates = SSLContext.getInstance("TLS");
        certificates.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
    }

    @Test
    void httpsGoesThroughTheTunnelOfAnAuthenticatingProxy() throws Exception {
        try (FaultyServer secure = new FaultyServer(FaultyServer::createdEach, "https", certificates.getServerSocketFactory());
                AuthenticatingProxy proxy = new AuthenticatingProxy("Basic YWRhOm9wZW4gc2VzYW1l")) {
            useProxy(secure, proxy, "open sesame");
            enqueue("1", "{\"a\":1}");
            runner.run();
            assertTransferred(Map.of(Routing.REL_ORIGINAL, 1, Routing.REL_SUCCESSFUL, 1));
            assertEquals(List.of(secure.address().substring("https://".length())), proxy.tunnels());
            assertTrue(secure.requests().getFirst().headers().lines().noneMatch(line -> line.startsWith("Proxy-Authorization")));
        }
    }

    @Test
    void aProxyThatRefusesThePasswordMeansRetry() throws Exception {
        try (FaultyServer secure = new FaultyServer(FaultyServer::createdEach, "https", certificates.getServerSocketFactory());
                AuthenticatingProxy proxy = new AuthenticatingProxy("Basic YWRhOm9wZW4gc2VzYW1l")) {
            useProxy(secure, proxy, "wrong");
            enqueue("1", "{\"a\":1}");
            runner.run();
            assertTransferred(Map.of(Routing.REL_RETRY, 1));
            final String said = runner.getFlowFilesForRelationship(Routing.REL_RETRY).getFirst().getAttribute(Routing.ATTRIBUTE_PUT_ERROR);
            assertTrue(said.contains("407") && said.contains("proxy"), said);
            assertEquals(List.of(), proxy.tunnels());
        }
    }

    private void useProxy(final FaultyServer target, final AuthenticatingProxy proxy, final String password) throws Exception {
        final ProxyConfiguration configuration = new ProxyConfiguration();
        configuration.setProxyType(Proxy.Type.HTTP);
        configuration.setProxyServerHost("127.0.0.1");
        configuration.setProxyServerPort(proxy.port());
        configuration.setProxyUserName("ada");
        configuration.setProxyUserPassword(password);
        runner.addControllerService("proxy", new FixedProxy(configuration));
        runner.enableControllerService(runner.getControllerService("proxy"));
        runner.addControllerService("certificates", new FixedCertificates(certificates));
        runner.enableControllerService(runner.getControllerService("certificates"));
        useService(Map.of("el-cs-http-hosts", target.address(), "proxy-configuration-service", "proxy",
                "el-cs-ssl-context-service", "certificates"));
    }

    private static final class FixedProxy extends AbstractControllerService implements ProxyConfigurationService {

        private final ProxyConfiguration configuration;

        FixedProxy(final ProxyConfiguration configuration) {
            this.configuration = configuration;
        }

        @Override
        public ProxyConfiguration getConfiguration() {
            return configuration;
        }
    }

    private static final class FixedCertificates extends AbstractControllerService implements SSLContextProvider {

        private final SSLContext certificates;

        FixedCertificates(final SSLContext certificates) {
            this.certificates = certificates;
        }

        @Override
        public SSLContext createContext() {
            return certificates;
        }

        @Override
        public Optional<X509ExtendedKeyManager> createKeyManager() {
            return Optional.empty();
        }

        @Override
        public X509TrustManager createTrustManager() {
            throw new UnsupportedOperationException();
        }
    }
}
