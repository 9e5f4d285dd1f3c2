package org.apache.nifi.processors.elasticsearch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.idemflow.elasticsearch.FaultyServer;
import io.idemflow.elasticsearch.put.Routing;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.elasticsearch.ElasticSearchClientServiceImpl;
import org.apache.nifi.util.MockPropertyConfiguration;
import org.apache.nifi.util.NoOpProcessor;
import org.apache.nifi.util.TestRunner;
import org.apache.nifi.util.TestRunners;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The client service's properties: which are needed, what they do to requests, by which names they are known. */
class ClientServiceTest extends PutElasticsearchJsonFixture {

    @ParameterizedTest
    @CsvSource({
        "BASIC, el-cs-username, el-cs-password", "API_KEY, api-key-id, api-key", "JWT, jwt-shared-secret, el-cs-oauth2-token-provider",
        "PKI, el-cs-ssl-context-service, el-cs-ssl-context-service"})
    void aSchemeNeedsItsCredentials(final String scheme, final String first, final String second) throws Exception {
        final ElasticSearchClientServiceImpl service = new ElasticSearchClientServiceImpl();
        final TestRunner alone = TestRunners.newTestRunner(NoOpProcessor.class);
        alone.addControllerService("alone", service);
        alone.setProperty(service, "el-cs-http-hosts", "http://localhost:9200");
        alone.setProperty(service, "authorization-scheme", scheme);
        alone.assertNotValid(service);
        if ("BASIC".equals(scheme) || "API_KEY".equals(scheme)) {
            alone.setProperty(service, first, "ada");
            alone.assertNotValid(service);
            alone.setProperty(service, second, "secret");
            alone.assertValid(service);
            alone.removeProperty(service, first);
            alone.assertNotValid(service);
        }
        alone.setProperty(service, "authorization-scheme", "NONE");
        alone.assertValid(service);
    }

    @ParameterizedTest
    @ValueSource(strings = {"localhost:9200", "blah://invalid", "https://", "http://a b", "https://ada:secret@localhost:9200", ""})
    void whatIsNoAddressIsInvalid(final String hosts) throws Exception {
        final ElasticSearchClientServiceImpl service = new ElasticSearchClientServiceImpl();
        final TestRunner alone = TestRunners.newTestRunner(NoOpProcessor.class);
        alone.addControllerService("alone", service);
        alone.setProperty(service, "authorization-scheme", "NONE");
        alone.setProperty(service, "el-cs-http-hosts", hosts);
        alone.assertNotValid(service);
    }

    @ParameterizedTest
    @CsvSource({
        "BASIC, el-cs-username, el-cs-password, Basic YWRhOnNlY3JldA==", "API_KEY, api-key-id, api-key, ApiKey YWRhOnNlY3JldA=="})
    void credentialsGoInAHeader(final String scheme, final String first, final String second, final String header) throws Exception {
        useService(Map.of("authorization-scheme", scheme, first, "ada", second, "secret", "el-cs-run-as-user", "grace",
                "User-Agent", "NiFi", "X-Extra_header", "works"));
        final String headers = send().headers();
        assertTrue(headers.contains("Authorization: " + header), headers);
        assertTrue(headers.contains("es-security-runas-user: grace"), headers);
        assertTrue(headers.contains("User-Agent: NiFi"), headers);
        assertTrue(headers.contains("X-Extra_header: works"), headers);
    }

    @Test
    void theMetaHeaderCanBeLeftOut() throws Exception {
        assertTrue(send().headers().toLowerCase().contains("x-elastic-client-meta:"));
        useService(Map.of("el-cs-send-meta-header", "false"));
        assertFalse(send().headers().toLowerCase().contains("x-elastic-client-meta:"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"prefix", "/prefix", "/prefix/", "//prefix//"})
    void aPathPrecedesEachRequest(final String prefix) throws Exception {
        useService(Map.of("el-cs-path-prefix", prefix));
        assertTrue(send().line().startsWith("POST /prefix/_bulk?"), server.requests().getLast().line());
        assertEquals(server.address() + "/prefix/people", runner.getProvenanceEvents().getLast().getTransitUri());
    }

    @Test
    void whitespaceIsNoEmptyValue() throws Exception {
        useService(Map.of("el-cs-suppress-nulls", "always-suppress"));
        enqueue("1", "{\"a\":\" \",\"b\":\"\",\"c\":null,\"d\":{},\"e\":[]}");
        runner.run();
        assertEquals("{\"a\":\" \"}", server.requests().getLast().lines().getLast());
    }

    @Test
    void eachPropertyIsKnownByTheNamesOfLaterVersions() {
        final Map<String, String> later = new HashMap<>();
        final Map<String, String> names = new HashMap<>();
        for (final PropertyDescriptor property : new ElasticSearchClientServiceImpl().getPropertyDescriptors()) {
            final String name = switch (property.getDisplayName()) {
                case "Connect timeout" -> "Connect Timeout";
                case "Read timeout" -> "Read Timeout";
                case "Suppress Null/Empty Values" -> "Suppress Null and Empty Values";
                default -> property.getDisplayName();
            };
            later.put(name, name);
            names.put(name, property.getName());
        }
        final MockPropertyConfiguration config = new MockPropertyConfiguration(later);
        new ElasticSearchClientServiceImpl().migrateProperties(config);
        final Map<String, String> taken = config.getRawProperties();
        names.forEach((name, internal) -> assertEquals(name, taken.get(internal)));
        assertEquals(names.size(), taken.size(), () -> List.copyOf(taken.keySet()).toString());
    }

    private FaultyServer.Request send() {
        enqueue("1", "{\"a\":1}");
        runner.run();
        runner.assertTransferCount(Routing.REL_RETRY, 0);
        return server.requests().getLast();
    }
}
