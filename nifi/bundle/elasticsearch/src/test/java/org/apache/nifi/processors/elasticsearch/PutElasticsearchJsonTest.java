package org.apache.nifi.processors.elasticsearch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.idemflow.elasticsearch.FaultyServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.apache.nifi.elasticsearch.ElasticSearchClientServiceImpl;
import org.apache.nifi.processor.Relationship;
import org.apache.nifi.provenance.ProvenanceEventRecord;
import org.apache.nifi.provenance.ProvenanceEventType;
import org.apache.nifi.reporting.InitializationException;
import org.apache.nifi.util.MockFlowFile;
import org.apache.nifi.util.MockProcessContext;
import org.apache.nifi.util.TestRunner;
import org.apache.nifi.util.TestRunners;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Routing, against a server that misbehaves as no real Elasticsearch can be made to. */
class PutElasticsearchJsonTest {

    private FaultyServer server;
    private TestRunner runner;
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
        server.close();
    }

    @Test
    void sendsDocumentsInOrderOnOneLineEach() {
        enqueue("1", "{\n  \"name\": \"Ada\",\r\n  \"age\": 1.10\n}");
        enqueue("2", "{\"name\":\"Grace\"}");
        runner.run();
        assertEquals(List.of(
                "{\"index\":{\"_index\":\"people\",\"_id\":\"1\"}}", "{   \"name\": \"Ada\",    \"age\": 1.10 }",
                "{\"index\":{\"_index\":\"people\",\"_id\":\"2\"}}", "{\"name\":\"Grace\"}"), server.requests().getFirst().lines());
        assertTransferred(Map.of(PutElasticsearchJson.REL_ORIGINAL, 2, PutElasticsearchJson.REL_SUCCESSFUL, 2));
        final List<ProvenanceEventRecord> sent = runner.getProvenanceEvents().stream()
                .filter(event -> event.getEventType() == ProvenanceEventType.SEND).toList();
        assertEquals(2, sent.size());
        assertEquals(server.address() + "/people", sent.getFirst().getTransitUri());
        assertEquals(2L, runner.getCounterValue("Documents created"));
    }

    @ParameterizedTest
    @ValueSource(ints = {401, 403, 404, 405, 408, 429, 500, 502, 503, 504, 301})
    void anyAnswerThatSaysNothingAboutDocumentsGoesToRetry(final int status) {
        server.behave(request -> FaultyServer.http(status, "<html>gone</html>"));
        enqueue("1", "{\"a\":1}");
        enqueue("2", "{\"a\":2}");
        runner.run();
        assertTransferred(Map.of(PutElasticsearchJson.REL_RETRY, 2));
        final MockFlowFile flowFile = runner.getFlowFilesForRelationship(PutElasticsearchJson.REL_RETRY).getFirst();
        assertTrue(flowFile.isPenalized());
        assertTrue(flowFile.getAttribute(Routing.ATTRIBUTE_PUT_ERROR).contains("HTTP " + status));
        assertEquals(1, runner.getLogger().getErrorMessages().size());
        assertTrue(((MockProcessContext) runner.getProcessContext()).isYieldCalled());
    }

    @Test
    void aResetConnectionGoesToRetry() {
        server.behave(request -> null);
        enqueue("1", "{\"a\":1}");
        runner.run();
        assertTransferred(Map.of(PutElasticsearchJson.REL_RETRY, 1));
    }

    @Test
    void aRefusedConnectionGoesToRetryAndSucceedsOnceTheServerIsBack() throws Exception {
        final String address = server.address();
        useService(Map.of("el-cs-http-hosts", "http://127.0.0.1:" + unusedPort()));
        enqueue("1", "{\"a\":1}");
        runner.run();
        assertTransferred(Map.of(PutElasticsearchJson.REL_RETRY, 1));
        final MockFlowFile retried = runner.getFlowFilesForRelationship(PutElasticsearchJson.REL_RETRY).getFirst();
        assertTrue(retried.getAttribute(Routing.ATTRIBUTE_PUT_ERROR).contains("cannot be reached"));

        runner.clearTransferState();
        useService(Map.of("el-cs-http-hosts", address));
        runner.enqueue(retried);
        runner.run();
        assertTransferred(Map.of(PutElasticsearchJson.REL_ORIGINAL, 1, PutElasticsearchJson.REL_SUCCESSFUL, 1));
        final MockFlowFile successful = runner.getFlowFilesForRelationship(PutElasticsearchJson.REL_SUCCESSFUL).getFirst();
        successful.assertAttributeNotExists(Routing.ATTRIBUTE_PUT_ERROR);
    }

    @Test
    void aSilentServerGoesToRetry() throws Exception {
        useService(Map.of("el-cs-socket-timeout", "300"));
        server.behave(request -> {
            sleep(1_000);
            return FaultyServer.created(1);
        });
        enqueue("1", "{\"a\":1}");
        runner.run();
        assertTransferred(Map.of(PutElasticsearchJson.REL_RETRY, 1));
        assertTrue(runner.getFlowFilesForRelationship(PutElasticsearchJson.REL_RETRY).getFirst()
                .getAttribute(Routing.ATTRIBUTE_PUT_ERROR).contains("does not answer"));
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "", "null", "[]", "{}", "<html>", "{\"items\":[", "{\"items\":{}}", "{\"items\":[]}", "{\"items\":[1,2]}",
        "{\"items\":[{\"index\":{\"status\":201}}]}",
        "{\"items\":[{\"index\":{\"status\":201}},{\"index\":{\"status\":201}},{\"index\":{\"status\":201}}]}",
        "{\"items\":[{\"index\":{\"status\":201}},{\"index\":{}}]}",
        "{\"items\":[{\"index\":{\"status\":201}},{}]}",
        "{\"items\":[{\"index\":{\"status\":201}},{\"index\":{\"status\":\"201\"}}]}"})
    void aReplyThatDoesNotMatchTheRequestGoesToRetry(final String reply) {
        server.behave(request -> FaultyServer.http(200, reply));
        enqueue("1", "{\"a\":1}");
        enqueue("2", "{\"a\":2}");
        runner.run();
        assertTransferred(Map.of(PutElasticsearchJson.REL_RETRY, 2));
    }

    @Test
    void aTruncatedReplyGoesToRetry() {
        server.behave(request -> FaultyServer.truncated(FaultyServer.items("{\"index\":{\"status\":201}}", 1)));
        enqueue("1", "{\"a\":1}");
        runner.run();
        assertTransferred(Map.of(PutElasticsearchJson.REL_RETRY, 1));
    }

    @ParameterizedTest
    @CsvSource({"400,errors", "404,errors", "409,errors", "401,retry", "403,retry", "408,retry", "429,retry", "500,retry", "503,retry"})
    void anItemIsRoutedByItsStatus(final int status, final String relationship) {
        final String item = "{\"_index\":\"people\",\"_id\":\"2\",\"status\":" + status
                + ",\"error\":{\"type\":\"version_conflict_engine_exception\",\"reason\":\"why\"}}";
        server.behave(request -> FaultyServer.http(200, "{\"errors\":true,\"items\":[{\"index\":{\"result\":\"updated\",\"status\":200}},"
                + "{\"index\":" + item + "},{\"index\":{\"result\":\"created\",\"status\":201}}]}"));
        enqueue("1", "{\"a\":1}");
        enqueue("2", "{\"a\":2}");
        enqueue("3", "{\"a\":3}");
        runner.run();
        runner.assertTransferCount(PutElasticsearchJson.REL_SUCCESSFUL, 2);
        runner.assertTransferCount(PutElasticsearchJson.REL_ORIGINAL, "errors".equals(relationship) ? 3 : 2);
        final MockFlowFile refused = runner.getFlowFilesForRelationship(relationship).getFirst();
        refused.assertAttributeEquals("id", "2");
        assertEquals(item, refused.getAttribute("errors".equals(relationship)
                ? Routing.ATTRIBUTE_BULK_ERROR : Routing.ATTRIBUTE_PUT_ERROR));
        assertEquals(status == 409 ? 1L : null, runner.getCounterValue("Documents refused as stale"));
    }

    @Test
    void aRequestThatIsTooLargeIsSplitUntilTheCulpritStandsAlone() {
        server.behave(request -> request.body().contains("culprit")
                ? FaultyServer.http(413, "\"<b>\"") : FaultyServer.created(request.operations()));
        for (int i = 0; i < 9; i++) {
            enqueue(String.valueOf(i), i == 5 ? "{\"a\":\"culprit\"}" : "{\"a\":1}");
        }
        runner.run();
        assertTransferred(Map.of(PutElasticsearchJson.REL_ORIGINAL, 9, PutElasticsearchJson.REL_SUCCESSFUL, 8, PutElasticsearchJson.REL_ERRORS, 1));
        final MockFlowFile refused = runner.getFlowFilesForRelationship(PutElasticsearchJson.REL_ERRORS).getFirst();
        refused.assertAttributeEquals("id", "5");
        refused.assertAttributeEquals(Routing.ATTRIBUTE_BULK_ERROR, "{\"status\":413,\"error\":{\"type\":\"http_413\","
                + "\"reason\":\"The document is too large for Elasticsearch. \\\"<b>\\\"\"}}");
    }

    @Test
    void aRequestThatIsMalformedForOneDocumentIsSplit() {
        final String said = "{\"error\":{\"type\":\"illegal_argument_exception\"},\"status\":400}";
        server.behave(request -> request.body().contains("culprit")
                ? FaultyServer.http(400, said) : FaultyServer.created(request.operations()));
        enqueue("1", "{\"a\":1}");
        enqueue("culprit", "{\"a\":1}");
        enqueue("3", "{\"a\":1}");
        runner.run();
        assertTransferred(Map.of(PutElasticsearchJson.REL_ORIGINAL, 3, PutElasticsearchJson.REL_SUCCESSFUL, 2, PutElasticsearchJson.REL_ERRORS, 1));
        runner.getFlowFilesForRelationship(PutElasticsearchJson.REL_ERRORS).getFirst()
                .assertAttributeEquals(Routing.ATTRIBUTE_BULK_ERROR, said);
    }

    @Test
    void anOutageWhileARequestIsSplitKeepsTheRestForRetry() {
        server.behave(request -> request.operations() > 2 ? FaultyServer.http(413, "")
                : request.body().contains("outage") ? null : FaultyServer.created(request.operations()));
        for (final String content : List.of("a", "b", "outage", "d")) {
            enqueue(content, "{\"a\":\"" + content + "\"}");
        }
        runner.run();
        assertTransferred(Map.of(PutElasticsearchJson.REL_ORIGINAL, 2, PutElasticsearchJson.REL_SUCCESSFUL, 2, PutElasticsearchJson.REL_RETRY, 2));
    }

    @Test
    void aLargeBatchGoesInSeveralRequestsAndAnOutageStopsTheRest() {
        runner.setProperty("Max Batch Size", "1 KB");
        server.behave(request -> request.body().contains("outage") ? null : FaultyServer.created(request.operations()));
        for (int i = 0; i < 6; i++) {
            enqueue(i == 2 ? "outage" : String.valueOf(i), "{\"a\":\"" + "x".repeat(1024) + "\"}");
        }
        runner.run();
        assertEquals(3, server.requests().size());
        assertTransferred(Map.of(PutElasticsearchJson.REL_ORIGINAL, 2, PutElasticsearchJson.REL_SUCCESSFUL, 2, PutElasticsearchJson.REL_RETRY, 4));
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "", " ", "nonsense", "[]", "[{\"a\":1}]", "\"text\"", "1", "null", "true", "{\"a\":1", "{\"a\":1}{\"b\":2}", "{\"a\":1}\n{\"b\":2}",
        "{\"a\":1} x", "{'a':1}", "{\"a\":\"line\nend\"}", "{\"a\":NaN}", "{\"a\":01}", "{\"a\":1,}"})
    void contentThatIsNotOneObjectGoesToFailureAlone(final String content) {
        enqueue("1", "{\"a\":1}");
        enqueue("2", content);
        enqueue("3", "{\"a\":3}");
        runner.run();
        assertTransferred(Map.of(PutElasticsearchJson.REL_ORIGINAL, 2, PutElasticsearchJson.REL_SUCCESSFUL, 2, PutElasticsearchJson.REL_FAILURE, 1));
        final MockFlowFile failed = runner.getFlowFilesForRelationship(PutElasticsearchJson.REL_FAILURE).getFirst();
        failed.assertAttributeEquals("id", "2");
        failed.assertContentEquals(content);
        assertTrue(failed.getAttribute(Routing.ATTRIBUTE_PUT_ERROR).contains("not one JSON object"));
        assertEquals(4, server.requests().getFirst().lines().size());
    }

    @Test
    void malformedUtf8AndForeignEncodingsGoToFailure() {
        runner.enqueue(new byte[] {'{', '"', 'a', '"', ':', '"', (byte) 0xC3, '(', '"', '}'}, Map.of("id", "1"));
        runner.enqueue("{\"a\":1}".getBytes(StandardCharsets.UTF_16LE), Map.of("id", "2"));
        runner.run();
        assertTransferred(Map.of(PutElasticsearchJson.REL_FAILURE, 2));
        assertTrue(server.requests().isEmpty());
    }

    @Test
    void anotherEncodingIsConverted() {
        runner.setProperty("put-es-json-charset", "${charset}");
        runner.enqueue("{\"a\":\"\u00e4\"}".getBytes(StandardCharsets.ISO_8859_1), Map.of("id", "1", "charset", "ISO-8859-1"));
        runner.enqueue("\ufeff{\"a\":\"\u00f6\"}".getBytes(StandardCharsets.UTF_8), Map.of("id", "2", "charset", "UTF-8"));
        runner.enqueue("{}", Map.of("id", "3", "charset", "no such"));
        runner.run();
        assertEquals("{\"a\":\"\u00e4\"}", server.requests().getFirst().lines().get(1));
        assertEquals("{\"a\":\"\u00f6\"}", server.requests().getFirst().lines().get(3).strip());
        runner.assertTransferCount(PutElasticsearchJson.REL_FAILURE, 1);
    }

    @Test
    void aStringThatIsTooLongGoesToFailure() {
        runner.setProperty("Max JSON Field String Length", "1 KB");
        enqueue("1", "{\"a\":\"" + "x".repeat(1025) + "\"}");
        enqueue("2", "{\"a\":\"" + "x".repeat(1000) + "\",\"b\":\"" + "x".repeat(1000) + "\"}");
        runner.run();
        runner.getFlowFilesForRelationship(PutElasticsearchJson.REL_FAILURE).getFirst().assertAttributeEquals("id", "1");
        runner.getFlowFilesForRelationship(PutElasticsearchJson.REL_SUCCESSFUL).getFirst().assertAttributeEquals("id", "2");
    }

    @ParameterizedTest
    @ValueSource(strings = {"index", "create", "update", "upsert", "delete"})
    void aBlankIdGoesToFailure(final String operation) {
        runner.setProperty("put-es-record-index-op", operation);
        enqueue(" ", "{\"a\":1}");
        runner.enqueue("{\"a\":1}");
        runner.run();
        assertTransferred(Map.of(PutElasticsearchJson.REL_FAILURE, 2));
        assertTrue(server.requests().isEmpty());
    }

    @Test
    void aBlankIdIsGeneratedWhereAllowed() {
        runner.setProperty("Allow Generated Identifiers", "true");
        runner.removeProperty("put-es-json-id-attr");
        enqueue("1", "{\"a\":1}");
        runner.run();
        assertEquals("{\"index\":{\"_index\":\"people\"}}", server.requests().getFirst().lines().getFirst());
        runner.setProperty("put-es-record-index-op", "delete");
        enqueue("1", "{\"a\":1}");
        runner.run();
        runner.assertTransferCount(PutElasticsearchJson.REL_FAILURE, 1);
    }

    @Test
    void anIdentifierAttributeIsNeededUnlessIdsAreGenerated() {
        runner.removeProperty("put-es-json-id-attr");
        runner.assertNotValid();
        runner.setProperty("Allow Generated Identifiers", "true");
        runner.assertValid();
        runner.setProperty("filter_path", "took");
        runner.assertNotValid();
    }

    @Test
    void attributesCannotBreakOutOfTheActionLine() {
        runner.setProperty("BULK:routing", "${routing}");
        final String nasty = "1\"}}\n{\"delete\":{\"_id\":\"2\\";
        runner.enqueue("{}", Map.of("id", nasty, "routing", "\"\u0001\n"));
        runner.run();
        assertEquals(2, server.requests().getFirst().lines().size());
        assertEquals("{\"index\":{\"_index\":\"people\",\"_id\":\"1\\\"}}\\n{\\\"delete\\\":{\\\"_id\\\":\\\"2\\\\\",\"routing\":\"\\\"\\u0001\\n\"}}",
                server.requests().getFirst().lines().getFirst());
    }

    @Test
    void anIdThatIsNotUnicodeGoesToFailure() {
        enqueue("\ud800", "{}");
        runner.run();
        assertTransferred(Map.of(PutElasticsearchJson.REL_FAILURE, 1));
    }

    @Test
    void dynamicPropertiesGoToTheActionLineAndTheUrl() {
        runner.setProperty("BULK:version", "${version}");
        runner.setProperty("BULK:version_type", "external");
        runner.setProperty("BULK:_id", "overridden");
        runner.setProperty("BULK:routing", "${missing}");
        runner.setProperty("refresh", "${refresh}");
        runner.setProperty("timeout", "${missing}");
        runner.enqueue("{}", Map.of("id", "1", "version", "7", "refresh", "wait for&x=\u00e4"));
        runner.run();
        assertTrue(server.requests().getFirst().line().endsWith("&refresh=wait%20for%26x%3D%C3%A4 HTTP/1.1"));
        assertEquals("{\"index\":{\"_index\":\"people\",\"_id\":\"1\",\"version\":\"7\",\"version_type\":\"external\"}}",
                server.requests().getFirst().lines().getFirst());
    }

    @Test
    void updatesAreWrapped() {
        runner.setProperty("put-es-record-index-op", "${operation}");
        runner.setProperty("put-es-json-script", "${script}");
        runner.setProperty("put-es-json-scripted-upsert", "${scripted}");
        runner.setProperty("put-es-json-dynamic_templates", "${templates}");
        final String script = "{\n\"source\":\"ctx\"}";
        runner.enqueue("{\"a\":1}", Map.of("id", "1", "operation", "update"));
        runner.enqueue("{\"a\":1}", Map.of("id", "1", "operation", "UPSERT"));
        runner.enqueue("{\"a\":1}", Map.of("id", "1", "operation", "update", "script", script));
        runner.enqueue("{\"a\":1}", Map.of("id", "1", "operation", "upsert", "script", script, "scripted", "true"));
        runner.enqueue("{\"a\":1}", Map.of("id", "1", "operation", "create", "templates", "{\"a\":\"t\"}"));
        runner.enqueue("{\"a\":1}", Map.of("id", "1", "operation", "index", "templates", "not json"));
        runner.enqueue("{\"a\":1}", Map.of("id", "1", "operation", "remove"));
        server.behave(request -> FaultyServer.created(5));
        runner.run();
        final String update = "{\"update\":{\"_index\":\"people\",\"_id\":\"1\"}}";
        assertEquals(List.of(
                update, "{\"doc\":{\"a\":1}}",
                update, "{\"doc\":{\"a\":1},\"doc_as_upsert\":true}",
                update, "{\"script\":{ \"source\":\"ctx\"}}",
                update, "{\"script\":{ \"source\":\"ctx\"},\"scripted_upsert\":true,\"upsert\":{\"a\":1}}",
                "{\"create\":{\"_index\":\"people\",\"_id\":\"1\",\"dynamic_templates\":{\"a\":\"t\"}}}", "{\"a\":1}"),
                server.requests().getFirst().lines());
        runner.assertTransferCount(PutElasticsearchJson.REL_FAILURE, 2);
    }

    @Test
    void deletesNeedNoContent() {
        runner.setProperty("put-es-record-index-op", "delete");
        server.behave(request -> FaultyServer.http(200,
                "{\"errors\":false,\"items\":[{\"delete\":{\"_id\":\"1\",\"result\":\"not_found\",\"status\":404}}]}"));
        enqueue("1", "");
        runner.run();
        assertEquals(List.of("{\"delete\":{\"_index\":\"people\",\"_id\":\"1\"}}"), server.requests().getFirst().lines());
        assertTransferred(Map.of(PutElasticsearchJson.REL_ORIGINAL, 1, PutElasticsearchJson.REL_SUCCESSFUL, 1));

        runner.clearTransferState();
        runner.setProperty("put-es-not_found-is-error", "false");
        enqueue("1", "");
        runner.run();
        assertTransferred(Map.of(PutElasticsearchJson.REL_ORIGINAL, 1, PutElasticsearchJson.REL_ERRORS, 1));
    }

    @Test
    void nullsAreKeptUnlessSuppressed() throws Exception {
        final String document = "{\"a\":null,\"b\":\"\",\"c\":[],\"d\":{},\"e\":{\"f\":{\"g\":null}},\"h\":[null,\"\",{},{\"i\":null},[]],"
                + "\"j\":{\"k\":null,\"l\":{\"m\":0}},\"n\":false,\"o\":1.10}";
        enqueue("1", document);
        runner.run();
        assertEquals(document, server.requests().getFirst().lines().get(1));
        useService(Map.of("el-cs-suppress-nulls", "always-suppress"));
        enqueue("1", document);
        runner.run();
        assertEquals("{\"h\":[null,\"\",{},{},[]],\"j\":{\"l\":{\"m\":0}},\"n\":false,\"o\":1.10}", server.requests().get(1).lines().get(1));
    }

    @Test
    void errorResponsesAreOutput() {
        runner.setProperty("put-es-output-error-responses", "true");
        runner.setProperty("put-es-record-log-error-responses", "true");
        final String error = "{\"status\":400,\"error\":{\"type\":\"mapper_parsing_exception\"}}";
        server.behave(request -> FaultyServer.http(200, FaultyServer.items("{\"index\":" + error + "}", 2)));
        enqueue("1", "{\"a\":1}");
        enqueue("2", "{\"a\":1}");
        runner.run();
        final MockFlowFile responses = runner.getFlowFilesForRelationship("error_responses").getFirst();
        responses.assertContentEquals("[" + error + "," + error + "]");
        responses.assertAttributeEquals(Routing.ATTRIBUTE_ERROR_COUNT, "2");
        assertEquals(1, runner.getLogger().getErrorMessages().size());
    }

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

    private void useService(final Map<String, String> properties) throws InitializationException {
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

    private void enqueue(final String id, final String content) {
        runner.enqueue(content, Map.of("id", id));
    }

    private void assertTransferred(final Map<Relationship, Integer> expected) {
        for (final Relationship relationship : runner.getProcessor().getRelationships()) {
            assertEquals(expected.getOrDefault(relationship, 0), runner.getFlowFilesForRelationship(relationship).size(), relationship.getName());
        }
    }

    private static int unusedPort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private static void sleep(final long millis) {
        try {
            Thread.sleep(millis);
        } catch (final InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
