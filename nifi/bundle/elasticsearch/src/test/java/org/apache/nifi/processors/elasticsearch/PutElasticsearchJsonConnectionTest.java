package org.apache.nifi.processors.elasticsearch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.idemflow.elasticsearch.FaultyServer;
import io.idemflow.elasticsearch.put.Routing;
import java.util.Map;
import org.apache.nifi.components.ConfigVerificationResult;
import org.apache.nifi.components.ConfigVerificationResult.Outcome;
import org.apache.nifi.elasticsearch.ElasticSearchClientServiceImpl;
import org.apache.nifi.util.MockFlowFile;
import org.apache.nifi.util.MockPropertyConfiguration;
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

    @Test
    void namesOfLaterVersionsAreUnderstood() {
        final MockPropertyConfiguration config = new MockPropertyConfiguration(Map.of("Connect Timeout", "1234", "Read Timeout", "2345"));
        new ElasticSearchClientServiceImpl().migrateProperties(config);
        assertEquals("1234", config.getPropertyValue("el-cs-connect-timeout").orElse(null));
        assertEquals("2345", config.getPropertyValue("el-cs-socket-timeout").orElse(null));
        assertFalse(config.hasProperty("Connect Timeout"));
    }

    @Test
    void aDynamicPropertyOfThePrefixIsAHeader() {
        runner.setProperty("HEADER: X-Opaque-Id", "${id}");
        runner.setProperty("HEADER:X-Blank", "${absent}");
        runner.setProperty("refresh", "true");
        enqueue("one", "{\"a\":1}");
        runner.run();
        final FaultyServer.Request request = server.requests().getFirst();
        assertTrue(request.headers().contains("X-Opaque-Id: one"), request.headers());
        assertFalse(request.headers().contains("X-Blank"), request.headers());
        assertTrue(request.line().contains("refresh=true"), request.line());
        assertFalse(request.line().contains("HEADER"), request.line());
        runner.setProperty("HEADER: a b", "x");
        runner.assertNotValid();
    }

    @ParameterizedTest
    @ValueSource(ints = {400, 404, 405, 500})
    void verifyFailsWithTheReason(final int status) throws Exception {
        server.behave(request -> FaultyServer.http(status, "no handler found"));
        final ConfigVerificationResult result = verifyService().getLast();
        assertEquals(Outcome.FAILED, result.getOutcome());
        assertTrue(result.getExplanation().contains("HTTP " + status), result.getExplanation());
        assertTrue(result.getExplanation().contains("no handler found"), result.getExplanation());
    }

    @Test
    void verifyTakesAClusterWithoutSecurity() throws Exception {
        server.behave(request -> request.line().contains("_security") ? FaultyServer.http(400, "no handler found for uri")
                : FaultyServer.http(200, "{\"version\":{\"number\":\"8.17.4\"},\"tagline\":\"You Know, for Search\"}"));
        final ConfigVerificationResult result = verifyService().getLast();
        assertEquals(Outcome.SUCCESSFUL, result.getOutcome());
        assertTrue(result.getExplanation().contains("no security"), result.getExplanation());
        server.behave(request -> request.line().contains("_security") ? FaultyServer.http(404, "") : FaultyServer.http(200, "<html>"));
        assertEquals(Outcome.FAILED, verifyService().getLast().getOutcome());
    }
}
