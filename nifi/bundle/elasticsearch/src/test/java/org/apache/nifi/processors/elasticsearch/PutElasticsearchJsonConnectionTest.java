package org.apache.nifi.processors.elasticsearch;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.idemflow.elasticsearch.FaultyServer;
import java.util.Map;
import org.apache.nifi.util.MockFlowFile;
import org.junit.jupiter.api.Test;

/** Hosts, compression, credentials. */
class PutElasticsearchJsonConnectionTest extends PutElasticsearchJsonFixture {

    @Test
    void theNextHostIsAskedWhereOneCannotBeReached() throws Exception {
        useService(Map.of("el-cs-http-hosts", "http://127.0.0.1:" + unusedPort() + ", " + server.address()));
        for (int i = 0; i < 4; i++) {
            enqueue(String.valueOf(i), "{\"a\":1}");
            runner.run();
        }
        runner.assertTransferCount(PutElasticsearchJson.REL_SUCCESSFUL, 4);
    }

    @Test
    void sniffedNodesAreAsked() throws Exception {
        try (FaultyServer other = new FaultyServer(request -> FaultyServer.created(request.operations()))) {
            final String nodes = "{\"nodes\":{\"a\":{\"http\":{\"publish_address\":\"" + other.address().substring("http://".length()) + "\"}}}}";
            server.behave(request -> request.line().startsWith("GET /_nodes/http")
                    ? FaultyServer.http(200, nodes) : FaultyServer.created(request.operations()));
            useService(Map.of("el-cs-sniff-cluster-nodes", "true", "el-cs-sniffer-interval", "50 millis"));
            // Each try sends one document; the first ones may go before the answer to the sniffer is there.
            for (int i = 0; i < 500 && other.requests().isEmpty(); i++) {
                enqueue(String.valueOf(i), "{\"a\":1}");
                runner.run();
            }
            assertTrue(other.requests().stream().anyMatch(request -> request.line().startsWith("POST /_bulk")));
        }
    }

    @Test
    void requestsAndRepliesAreCompressedOnDemand() throws Exception {
        useService(Map.of("el-cs-enable-compression", "true"));
        enqueue("1", "{\"a\":1}");
        server.behave(request -> FaultyServer.created(1));
        runner.run();
        assertTrue(server.requests().getFirst().headers().contains("Content-Encoding: gzip"));
        runner.assertTransferCount(PutElasticsearchJson.REL_SUCCESSFUL, 1);
    }

    @Test
    void secretsAreInNoMessage() throws Exception {
        server.behave(request -> FaultyServer.http(401, ""));
        useService(Map.of("authorization-scheme", "BASIC", "el-cs-username", "ada", "el-cs-password", "open sesame"));
        enqueue("1", "{\"a\":1}");
        runner.run();
        assertTrue(server.requests().getFirst().headers().contains("Authorization: Basic YWRhOm9wZW4gc2VzYW1l"));
        final MockFlowFile flowFile = runner.getFlowFilesForRelationship(PutElasticsearchJson.REL_RETRY).getFirst();
        final String said = flowFile.getAttributes() + runner.getLogger().getErrorMessages().toString();
        assertFalse(said.contains("sesame"), said);
        assertTrue(said.contains("credentials"), said);
        assertNull(flowFile.getAttribute(Routing.ATTRIBUTE_BULK_ERROR));
    }
}
