package org.apache.nifi.processors.elasticsearch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.idemflow.elasticsearch.FaultyServer;
import io.idemflow.elasticsearch.documents.Documents;
import io.idemflow.elasticsearch.put.Routing;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.apache.nifi.provenance.ProvenanceEventRecord;
import org.apache.nifi.provenance.ProvenanceEventType;
import org.apache.nifi.util.MockFlowFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What becomes of FlowFiles that Elasticsearch has answered for. */
class PutElasticsearchJsonRoutingTest extends PutElasticsearchJsonFixture {

    @Test
    void sendsDocumentsInOrderOnOneLineEach() {
        enqueue("1", "{\n  \"name\": \"Ada\",\r\n  \"age\": 1.10\n}");
        enqueue("2", "{\"name\":\"Grace\"}");
        runner.run();
        assertEquals(List.of(
                "{\"index\":{\"_index\":\"people\",\"_id\":\"1\"}}", "{   \"name\": \"Ada\",    \"age\": 1.10 }",
                "{\"index\":{\"_index\":\"people\",\"_id\":\"2\"}}", "{\"name\":\"Grace\"}"), server.requests().getFirst().lines());
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 2, Routing.REL_SUCCESSFUL, 2));
        final List<ProvenanceEventRecord> sent = runner.getProvenanceEvents().stream()
                .filter(event -> event.getEventType() == ProvenanceEventType.SEND).toList();
        assertEquals(2, sent.size());
        assertEquals(server.address() + "/people", sent.getFirst().getTransitUri());
        assertEquals(2L, runner.getCounterValue("Documents created"));
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
        runner.assertTransferCount(Routing.REL_SUCCESSFUL, 2);
        runner.assertTransferCount(Routing.REL_ORIGINAL, "errors".equals(relationship) ? 3 : 2);
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
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 9, Routing.REL_SUCCESSFUL, 8, Routing.REL_ERRORS, 1));
        final MockFlowFile refused = runner.getFlowFilesForRelationship(Routing.REL_ERRORS).getFirst();
        refused.assertAttributeEquals("id", "5");
        refused.assertAttributeEquals(Routing.ATTRIBUTE_BULK_ERROR, "{\"status\":413,\"error\":{\"type\":\"http_413\","
                + "\"reason\":\"The document is too large for Elasticsearch. \\\"<b>\\\"\"}}");
    }

    @Test
    void noRequestIsLargerThanElasticsearchTakes() {
        final int most = 100 * 1024 * 1024;
        runner.setProperty("Max Batch Size", "200 MB");
        server.behave(request -> request.body().length() > most ? FaultyServer.http(413, "") : FaultyServer.created(1));
        for (int i = 0; i < 2; i++) {
            final byte[] document = ("{\"a\":" + " ".repeat(60_000_000) + "1}").getBytes(StandardCharsets.US_ASCII);
            runner.enqueue(document, Map.of("id", String.valueOf(i)));
        }
        runner.run();
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 2, Routing.REL_SUCCESSFUL, 2));
        assertEquals(2, server.requests().size());
        assertTrue(server.requests().stream().allMatch(request -> request.body().length() <= most));
    }

    @Test
    void actionLinesCountInTheSizeOfARequest() {
        runner.setProperty("Max Batch Size", "1 KB");
        for (int i = 0; i < 100; i++) {
            enqueue("x".repeat(200) + i, "{}");
        }
        server.behave(FaultyServer::createdEach);
        runner.run();
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 100, Routing.REL_SUCCESSFUL, 100));
        assertTrue(server.requests().stream().allMatch(request -> request.body().length() <= 2048));
        assertEquals(100, server.requests().stream().mapToInt(FaultyServer.Request::operations).sum());
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
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 3, Routing.REL_SUCCESSFUL, 2, Routing.REL_ERRORS, 1));
        runner.getFlowFilesForRelationship(Routing.REL_ERRORS).getFirst()
                .assertAttributeEquals(Routing.ATTRIBUTE_BULK_ERROR, said);
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
}
