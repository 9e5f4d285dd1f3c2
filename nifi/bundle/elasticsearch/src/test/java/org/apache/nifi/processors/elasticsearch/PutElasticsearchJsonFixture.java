package org.apache.nifi.processors.elasticsearch;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.idemflow.elasticsearch.FaultyServer;
import io.idemflow.elasticsearch.bulk.Operation;
import io.idemflow.elasticsearch.client.ClientProperties;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.List;
import java.util.Map;
import org.apache.nifi.components.ConfigVerificationResult;
import org.apache.nifi.elasticsearch.ElasticSearchClientServiceImpl;
import org.apache.nifi.processor.Relationship;
import org.apache.nifi.reporting.InitializationException;
import org.apache.nifi.util.MockConfigurationContext;
import org.apache.nifi.util.MockFlowFile;
import org.apache.nifi.util.TestRunner;
import org.apache.nifi.util.TestRunners;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** A processor with its client service, before a server that misbehaves as no real Elasticsearch can be made to. */
abstract class PutElasticsearchJsonFixture {

    FaultyServer server;
    TestRunner runner;
    private ElasticSearchClientServiceImpl service;

    @BeforeEach
    void start() throws Exception {
        server = new FaultyServer(request -> FaultyServer.created(request.operations()));
        runner = TestRunners.newTestRunner(PutElasticsearchJson.class);
        runner.setProperty("el-rest-fetch-index", "people");
        runner.setProperty("put-es-json-id-attr", "id");
        runner.setProperty("el-rest-client-service", "client");
        useService(Map.of());
    }

    @AfterEach
    void stop() throws IOException {
        runner.disableControllerService(service);
        server.close();
    }

    final void useService(final Map<String, String> properties) throws InitializationException {
        if (service != null) {
            runner.disableControllerService(service);
            runner.removeControllerService(service);
        }
        service = new ElasticSearchClientServiceImpl();
        runner.addControllerService("client", service);
        runner.setProperty(service, "el-cs-http-hosts", server.address());
        runner.setProperty(service, "authorization-scheme", "NONE");
        properties.forEach((name, value) -> runner.setProperty(service, name, value));
        runner.enableControllerService(service);
    }

    /** What *Verify* of the service says. */
    final List<ConfigVerificationResult> verifyService() {
        return service.verify(new MockConfigurationContext(service, Map.of(ClientProperties.HTTP_HOSTS, server.address(),
                ClientProperties.AUTHORIZATION_SCHEME, "NONE"), null, Map.of()), runner.getLogger(), Map.of());
    }

    /** Takes FlowFiles of many records, with their ids, versions and operations in fields of their own. */
    final void useRecords(final String format) {
        runner.setProperty("Input Content Format", format);
        runner.removeProperty("put-es-json-id-attr");
        runner.setProperty("Identifier Field", "_id");
        runner.setProperty("Retain Identifier Field", "false");
        runner.setProperty("Version Field", "_version");
        runner.setProperty("Operation Field", "_op");
    }

    /** The FlowFiles of a relationship, as their texts. */
    final List<String> contents(final Relationship relationship) {
        return runner.getFlowFilesForRelationship(relationship).stream().map(MockFlowFile::getContent).toList();
    }

    final void enqueue(final String id, final String content) {
        runner.enqueue(content, Map.of("id", id));
    }

    final void assertTransferred(final Map<Relationship, Integer> expected) {
        for (final Relationship relationship : runner.getProcessor().getRelationships()) {
            assertEquals(expected.getOrDefault(relationship, 0), runner.getFlowFilesForRelationship(relationship).size(), relationship.getName());
        }
    }

    static int unusedPort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    static void sleep(final long millis) {
        try {
            Thread.sleep(millis);
        } catch (final InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
