package org.apache.nifi.processors.elasticsearch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.idemflow.elasticsearch.FaultyServer;
import io.idemflow.elasticsearch.documents.Documents;
import io.idemflow.elasticsearch.put.Routing;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.nifi.util.MockFlowFile;
import org.apache.nifi.util.MockProcessContext;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** FlowFiles of many documents that Elasticsearch cannot take now, or only in part: nothing is lost or told of twice. */
class PutElasticsearchJsonRecordsOutageTest extends PutElasticsearchJsonFixture {

    private static final String REFUSED = "{\"index\":{\"status\":400,\"error\":{\"type\":\"mapper_parsing_exception\"}}}";
    private static final String BUSY = "{\"index\":{\"status\":429,\"error\":{\"type\":\"es_rejected_execution_exception\"}}}";
    private static final String GOOD = "{\"index\":{\"result\":\"created\",\"status\":201}}";

    @BeforeEach
    void read() {
        useRecords("NDJSON");
    }

    @ParameterizedTest
    @ValueSource(ints = {401, 403, 429, 500, 502, 503, 504})
    void aFlowFileIsRetriedAsAWhole(final int status) {
        server.behave(request -> FaultyServer.http(status, ""));
        runner.enqueue("nonsense\n{\"_id\":\"1\"}\n{\"_id\":\"2\"}");
        runner.enqueue("{\"_id\":\"3\"}");
        runner.run();
        assertTransferred(Map.of(Routing.REL_RETRY, 2));
        final MockFlowFile flowFile = runner.getFlowFilesForRelationship(Routing.REL_RETRY).getFirst();
        flowFile.assertContentEquals("nonsense\n{\"_id\":\"1\"}\n{\"_id\":\"2\"}");
        assertTrue(flowFile.isPenalized());
        assertTrue(flowFile.getAttribute(Routing.ATTRIBUTE_PUT_ERROR).contains("HTTP " + status));
        assertTrue(((MockProcessContext) runner.getProcessContext()).isYieldCalled());
    }

    @Test
    void whatFollowsAnOutageIsRetriedAndTheRestIsDone() {
        runner.setProperty("Max Batch Size", "1 KB");
        final String filler = ",\"a\":\"" + "x".repeat(1024) + "\"}";
        server.behave(request -> request.body().contains("outage") ? null : FaultyServer.createdEach(request));
        final List<String> lines = List.of("{\"_id\":\"0\"" + filler, "nonsense", "{\"_id\":\"2\"" + filler,
                "{\"_id\":\"outage\"" + filler, "{\"_id\":\"4\"" + filler, "more nonsense", "{\"_id\":\"6\"" + filler);
        runner.enqueue(String.join("\n", lines), Map.of("run", "r"));
        runner.run();
        assertEquals(3, server.requests().size());
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 1, Routing.REL_SUCCESSFUL, 1,
                Routing.REL_ERRORS, 1, Routing.REL_RETRY, 1));
        assertEquals(List.of("nonsense"), contents(Routing.REL_ERRORS));
        assertEquals(List.of(String.join("\n", lines.subList(0, 3)) + "\n"), contents(Routing.REL_ORIGINAL));
        final MockFlowFile rest = runner.getFlowFilesForRelationship(Routing.REL_RETRY).getFirst();
        rest.assertContentEquals(String.join("\n", lines.subList(3, 7)));
        rest.assertAttributeEquals("run", "r");
        assertEquals(2L, runner.getCounterValue("Documents created"));

        runner.clearTransferState();
        server.behave(FaultyServer::createdEach);
        runner.enqueue(rest);
        runner.run();
        assertEquals(List.of("more nonsense"), contents(Routing.REL_ERRORS));
        final MockFlowFile refused = runner.getFlowFilesForRelationship(Routing.REL_ERRORS).getFirst();
        refused.assertAttributeEquals(Routing.ATTRIBUTE_RECORD_INDEX, "5");
        refused.assertAttributeNotExists(Routing.ATTRIBUTE_RECORD_OFFSET);
        refused.assertAttributeNotExists(Routing.ATTRIBUTE_PUT_ERROR);
        assertEquals(1, runner.getFlowFilesForRelationship(Routing.REL_ORIGINAL).size());
        assertEquals(5L, runner.getCounterValue("Documents created"));
    }

    @Test
    void fromTheFirstBusyRecordOnEverythingComesAgain() {
        server.behave(request -> reply(REFUSED, GOOD, BUSY, REFUSED, GOOD));
        runner.enqueue("{\"_id\":\"0\"}\n{\"_id\":\"1\"}\n{\"_id\":\"2\"}\n{\"_id\":\"3\"}\n{\"_id\":\"4\"}");
        runner.run();
        assertEquals(List.of("{\"_id\":\"0\"}"), contents(Routing.REL_ERRORS));
        assertEquals(List.of("{\"_id\":\"1\"}"), contents(Routing.REL_SUCCESSFUL));
        assertEquals(List.of("{\"_id\":\"2\"}\n{\"_id\":\"3\"}\n{\"_id\":\"4\"}"), contents(Routing.REL_RETRY));
        assertTrue(runner.getFlowFilesForRelationship(Routing.REL_RETRY).getFirst()
                .getAttribute(Routing.ATTRIBUTE_PUT_ERROR).contains("es_rejected_execution_exception"));
        assertEquals(1L, runner.getCounterValue("Documents in error"));
    }

    @Test
    void aBusyRecordDoesNotTouchOtherFlowFilesOfTheRequest() {
        server.behave(request -> reply(GOOD, BUSY, REFUSED, GOOD));
        runner.enqueue("{\"_id\":\"0\"}");
        runner.enqueue("{\"_id\":\"1\"}");
        runner.enqueue("{\"_id\":\"2\"}\n{\"_id\":\"3\"}");
        runner.run();
        assertEquals(List.of("{\"_id\":\"1\"}"), contents(Routing.REL_RETRY));
        assertEquals(List.of("{\"_id\":\"2\"}"), contents(Routing.REL_ERRORS));
        assertEquals(List.of("{\"_id\":\"0\"}", "{\"_id\":\"3\"}"), contents(Routing.REL_SUCCESSFUL));
    }

    @Test
    void anArrayIsRetriedAsAWhole() {
        useRecords("JSON Array");
        server.behave(request -> reply(GOOD, REFUSED, BUSY));
        runner.enqueue("[{\"_id\":\"0\"},{\"_id\":\"1\"},{\"_id\":\"2\"}]");
        runner.run();
        assertTransferred(Map.of(Routing.REL_RETRY, 1));
    }

    @Test
    void aFloodOfRefusalsIsPutOffForAnotherTrigger() {
        runner.setProperty("Max Batch Size", "50 KB");
        server.behave(request -> reply(Collections.nCopies(request.operations(), REFUSED).toArray(String[]::new)));
        final StringBuilder content = new StringBuilder();
        for (int i = 0; i < 20_000; i++) {
            content.append("{\"_id\":\"").append(i).append("\"}\n");
        }
        runner.enqueue(content.toString());
        int seen = 0;
        int triggers = 0;
        for (boolean more = true; more; triggers++) {
            runner.run();
            final List<MockFlowFile> rest = runner.getFlowFilesForRelationship(Routing.REL_RETRY);
            more = !rest.isEmpty();
            rest.forEach(flowFile -> {
                assertFalse(flowFile.isPenalized());
                runner.enqueue(flowFile);
            });
            final List<MockFlowFile> errors = runner.getFlowFilesForRelationship(Routing.REL_ERRORS);
            assertTrue(errors.size() < 15_000, String.valueOf(errors.size()));
            errors.forEach(error -> error.assertContentEquals(
                    "{\"_id\":\"" + error.getAttribute(Routing.ATTRIBUTE_RECORD_INDEX) + "\"}"));
            seen += errors.size();
            runner.clearTransferState();
        }
        assertEquals(20_000, seen);
        assertTrue(triggers > 1);
    }

    private static byte[] reply(final String... items) {
        return FaultyServer.http(200, "{\"errors\":true,\"items\":[" + String.join(",", items) + "]}");
    }
}
