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
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;
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

    @ParameterizedTest
    @ValueSource(strings = {"NDJSON", "JSON Array"})
    void aRequestThatIsRefusedWhateverIsInItIsNoFaultOfRecords(final String format) {
        useRecords(format);
        runner.setProperty("fresh", "true");
        server.behave(request -> FaultyServer.http(400, "{\"error\":{\"reason\":\"unknown [fresh]\"},\"status\":400}"));
        final String content = "[" + "{\"_id\":\"1\"},".repeat(99) + "{\"_id\":\"1\"}]";
        final String whole = "NDJSON".equals(format) ? "{\"_id\":\"1\"}\n".repeat(100) : content;
        runner.enqueue(whole);
        runner.run();
        assertTransferred(Map.of(Routing.REL_RETRY, 1));
        runner.getFlowFilesForRelationship(Routing.REL_RETRY).getFirst().assertContentEquals(whole);
        assertEquals(2, server.requests().size());
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
    void recordsThatWereNotTakenComeAgainAlone() {
        runner.setProperty("put-es-record-index-op", "create");
        server.behave(request -> reply(REFUSED, GOOD, BUSY, REFUSED, GOOD, BUSY, GOOD));
        runner.enqueue("{\"_id\":\"0\"}\n{\"_id\":\"1\"}\n{\"_id\":\"2\"}\n{\"_id\":\"3\"}\n{\"_id\":\"4\"}\n"
                + "\n{\"_id\":\"6\"}\n{\"_id\":\"7\"}");
        runner.run();
        assertEquals(List.of("{\"_id\":\"0\"}", "{\"_id\":\"3\"}"), contents(Routing.REL_ERRORS));
        assertEquals(List.of("{\"_id\":\"1\"}\n{\"_id\":\"4\"}\n{\"_id\":\"7\"}"), contents(Routing.REL_SUCCESSFUL));
        assertEquals(List.of("{\"_id\":\"0\"}\n{\"_id\":\"1\"}\n\n{\"_id\":\"3\"}\n{\"_id\":\"4\"}\n\n\n{\"_id\":\"7\"}"),
                contents(Routing.REL_ORIGINAL));
        // Blank lines keep the numbers of the others.
        assertEquals(List.of("{\"_id\":\"2\"}\n\n\n\n{\"_id\":\"6\"}"), contents(Routing.REL_RETRY));
        final MockFlowFile left = runner.getFlowFilesForRelationship(Routing.REL_RETRY).getFirst();
        left.assertAttributeEquals(Routing.ATTRIBUTE_RECORD_OFFSET, "2");
        assertTrue(left.getAttribute(Routing.ATTRIBUTE_PUT_ERROR).contains("es_rejected_execution_exception"));
        assertTrue(left.isPenalized());
        assertEquals(2L, runner.getCounterValue("Documents in error"));

        runner.clearTransferState();
        server.behave(request -> reply(GOOD, REFUSED));
        runner.enqueue(left);
        runner.run();
        assertEquals(2, server.requests().getLast().operations());
        runner.getFlowFilesForRelationship(Routing.REL_ERRORS).getFirst().assertAttributeEquals(Routing.ATTRIBUTE_RECORD_INDEX, "6");
        assertEquals(4L, runner.getCounterValue("Documents created"));
    }

    @Test
    void whatStandsBehindARecordThatWasNotTakenIsNotSentBefore() {
        runner.setProperty("Max Batch Size", "1 KB");
        server.behave(request -> server.requests().size() > 1 ? FaultyServer.createdEach(request)
                : reply(IntStream.range(0, request.operations()).mapToObj(i -> i == 0 ? BUSY : GOOD).toArray(String[]::new)));
        final List<String> lines = IntStream.range(10, 60).mapToObj(i -> "{\"_id\":\"" + i + "\"}").toList();
        final String another = "{\"_id\":\"another\"}\n".repeat(10);
        runner.enqueue(String.join("\n", lines));
        runner.enqueue(another);
        runner.run();
        assertEquals(2, server.requests().size());
        final int sent = server.requests().getFirst().operations();
        assertEquals(10, server.requests().getLast().operations());
        assertEquals(List.of(lines.getFirst(), String.join("\n", lines.subList(sent, 50))), contents(Routing.REL_RETRY));
        assertEquals(List.of("0", String.valueOf(sent)), runner.getFlowFilesForRelationship(Routing.REL_RETRY).stream()
                .map(left -> left.getAttribute(Routing.ATTRIBUTE_RECORD_OFFSET)).toList());
        assertEquals(List.of("\n" + String.join("\n", lines.subList(1, sent)), another), contents(Routing.REL_SUCCESSFUL));
        assertEquals(contents(Routing.REL_SUCCESSFUL), contents(Routing.REL_ORIGINAL));
    }

    @Test
    void nothingIsSentTwiceHoweverOftenElasticsearchIsBusy() {
        runner.setProperty("Max Batch Size", "1 KB");
        final Map<String, Integer> taken = new ConcurrentHashMap<>();
        final Random chance = new Random(7);
        server.behave(request -> reply(request.lines().stream().filter(line -> line.startsWith("{\"index\"")).map(line -> {
            if (chance.nextInt(3) == 0) {
                return BUSY;
            }
            taken.merge(line, 1, Integer::sum);
            return GOOD;
        }).toArray(String[]::new)));
        for (final String format : List.of("NDJSON", "JSON Array")) {
            useRecords(format);
            final List<String> records = IntStream.range(0, 80)
                    .mapToObj(i -> "{\"_id\":\"" + format + i + "\",\"a\":\"" + "x".repeat(2 * i) + "\"}").toList();
            final boolean lines = "NDJSON".equals(format);
            runner.enqueue(lines ? String.join("\n", records) : "[" + String.join(" , ", records) + "]");
            while (!runner.isQueueEmpty()) {
                runner.run();
                final List<MockFlowFile> left = runner.getFlowFilesForRelationship(Routing.REL_RETRY);
                left.forEach(runner::enqueue);
                assertEquals(contents(Routing.REL_SUCCESSFUL).size(), contents(Routing.REL_ORIGINAL).size());
                runner.clearTransferState();
            }
            assertEquals(80, taken.size());
            assertTrue(taken.values().stream().allMatch(times -> times == 1), () -> taken.toString());
            taken.clear();
        }
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
    void elementsThatWereNotTakenComeAgainAlone() {
        useRecords("JSON Array");
        runner.setProperty("Max Batch Size", "1 KB");
        final String large = "{\"_id\":\"3\",\"a\":\"" + "x".repeat(1_500) + "\"}";
        server.behave(request -> server.requests().size() == 1 ? reply(BUSY, REFUSED, BUSY, GOOD) : FaultyServer.createdEach(request));
        runner.enqueue("[{\"_id\":\"0\"}, {\"_id\":\"1\"}, {\"_id\":\"2\"}, " + large + ",\n " + large + ", {\"_id\":\"5\"}, 7] [{\"_id\":\"6\"}]");
        runner.run();
        assertEquals(List.of("[{\"_id\":\"0\"},{\"_id\":\"2\"}]", "[" + large + ", {\"_id\":\"5\"}, 7] [{\"_id\":\"6\"}]"),
                contents(Routing.REL_RETRY));
        assertEquals(List.of("{\"_id\":\"1\"}"), contents(Routing.REL_ERRORS));
        assertEquals(List.of("[" + large + "]"), contents(Routing.REL_SUCCESSFUL));
        assertEquals(List.of("[{\"_id\":\"1\"}," + large + "]"), contents(Routing.REL_ORIGINAL));
        final List<MockFlowFile> left = runner.getFlowFilesForRelationship(Routing.REL_RETRY);
        runner.clearTransferState();
        left.forEach(runner::enqueue);
        runner.run(2);
        runner.getFlowFilesForRelationship(Routing.REL_ERRORS).getFirst().assertAttributeEquals(Routing.ATTRIBUTE_RECORD_INDEX, "6");
        assertEquals(6L, runner.getCounterValue("Documents created"));
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
