package org.apache.nifi.processors.elasticsearch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.idemflow.elasticsearch.FaultyServer;
import io.idemflow.elasticsearch.put.Routing;
import java.util.Map;
import org.apache.nifi.util.MockFlowFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Hosts, compression, credentials. */
class PutElasticsearchJsonConnectionTest extends PutElasticsearchJsonFixture {

    @Test
    void theNextHostIsAskedWhereOneCannotBeReached() throws Exception {
        useService(Map.of("el-cs-http-hosts", "http://127.0.0.1:" + unusedPort() + ", " + server.address()));
        for (int i = 0; i < 4; i++) {
            enqueue(String.valueOf(i), "{\"a\":1}");
            runner.run();
        }
        runner.assertTransferCount(Routing.REL_SUCCESSFUL, 4);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 500, 502, 503, 504})
    void aRequestThatMayHaveBeenCarriedOutIsNotSentToAnotherHost(final int status) throws Exception {
        server.behave(request -> status == 0 ? null : FaultyServer.http(status, ""));
        try (FaultyServer other = new FaultyServer(FaultyServer::createdEach)) {
            useService(Map.of("el-cs-http-hosts", server.address() + "," + other.address()));
            for (int i = 0; i < 4; i++) {
                enqueue(String.valueOf(i), "{\"a\":1}");
                runner.run();
            }
            assertTrue(server.requests().size() > 0);
            runner.assertTransferCount(Routing.REL_RETRY, server.requests().size());
            runner.assertTransferCount(Routing.REL_SUCCESSFUL, other.requests().size());
            assertEquals(4, server.requests().size() + other.requests().size());
        }
    }

    @Test
    void requestsAndRepliesAreCompressedOnDemand() throws Exception {
        useService(Map.of("el-cs-enable-compression", "true"));
        enqueue("1", "{\"a\":1}");
        server.behave(request -> FaultyServer.created(1));
        runner.run();
        assertTrue(server.requests().getFirst().headers().contains("Content-Encoding: gzip"));
        runner.assertTransferCount(Routing.REL_SUCCESSFUL, 1);
    }

    @Test
    void secretsAreInNoMessage() throws Exception {
        server.behave(request -> FaultyServer.http(401, ""));
        useService(Map.of("authorization-scheme", "BASIC", "el-cs-username", "ada", "el-cs-password", "open sesame"));
        enqueue("1", "{\"a\":1}");
        runner.run();
        assertTrue(server.requests().getFirst().headers().contains("Authorization: Basic YWRhOm9wZW4gc2VzYW1l"));
        final MockFlowFile flowFile = runner.getFlowFilesForRelationship(Routing.REL_RETRY).getFirst();
        final String said = flowFile.getAttributes() + runner.getLogger().getErrorMessages().toString();
        assertFalse(said.contains("sesame"), said);
        assertTrue(said.contains("credentials"), said);
        assertNull(flowFile.getAttribute(Routing.ATTRIBUTE_BULK_ERROR));
    }
}
