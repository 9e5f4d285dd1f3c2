package org.apache.nifi.processors.elasticsearch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.idemflow.elasticsearch.FaultyServer;
import io.idemflow.elasticsearch.put.Routing;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.nifi.util.MockFlowFile;
import org.apache.nifi.util.MockProcessContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What becomes of FlowFiles that Elasticsearch cannot take now. */
class PutElasticsearchJsonOutageTest extends PutElasticsearchJsonFixture {

    @ParameterizedTest
    @ValueSource(ints = {401, 403, 404, 405, 408, 429, 500, 502, 503, 504, 301})
    void anyAnswerThatSaysNothingAboutDocumentsGoesToRetry(final int status) {
        server.behave(request -> FaultyServer.http(status, "<html>gone</html>"));
        enqueue("1", "{\"a\":1}");
        enqueue("2", "{\"a\":2}");
        runner.run();
        assertTransferred(Map.of(Routing.REL_RETRY, 2));
        final MockFlowFile flowFile = runner.getFlowFilesForRelationship(Routing.REL_RETRY).getFirst();
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
        assertTransferred(Map.of(Routing.REL_RETRY, 1));
    }

    @Test
    void aRefusedConnectionGoesToRetryAndSucceedsOnceTheServerIsBack() throws Exception {
        final String address = server.address();
        useService(Map.of("el-cs-http-hosts", "http://127.0.0.1:" + unusedPort()));
        enqueue("1", "{\"a\":1}");
        runner.run();
        assertTransferred(Map.of(Routing.REL_RETRY, 1));
        final MockFlowFile retried = runner.getFlowFilesForRelationship(Routing.REL_RETRY).getFirst();
        assertTrue(retried.getAttribute(Routing.ATTRIBUTE_PUT_ERROR).contains("cannot be reached"));

        runner.clearTransferState();
        useService(Map.of("el-cs-http-hosts", address));
        runner.enqueue(retried);
        runner.run();
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 1, Routing.REL_SUCCESSFUL, 1));
        final MockFlowFile successful = runner.getFlowFilesForRelationship(Routing.REL_SUCCESSFUL).getFirst();
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
        assertTransferred(Map.of(Routing.REL_RETRY, 1));
        assertTrue(runner.getFlowFilesForRelationship(Routing.REL_RETRY).getFirst()
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
        assertTransferred(Map.of(Routing.REL_RETRY, 2));
    }

    @Test
    void aTruncatedReplyGoesToRetry() {
        server.behave(request -> FaultyServer.truncated(FaultyServer.items("{\"index\":{\"status\":201}}", 1)));
        enqueue("1", "{\"a\":1}");
        runner.run();
        assertTransferred(Map.of(Routing.REL_RETRY, 1));
    }

    @ParameterizedTest
    @CsvSource({"fresh, true", "BULK:rooting, there", "BULK:rooting, ${id}", "BULK:version, soon"})
    void aRequestThatIsRefusedWhateverIsInItIsNoFaultOfDocuments(final String property, final String value) {
        runner.setProperty(property, value);
        final String said = "{\"error\":{\"root_cause\":[{\"type\":\"x\",\"reason\":\"y\"}],\"type\":\"illegal_argument_exception\","
                + "\"reason\":\"unknown [fresh]\"},\"status\":400}";
        server.behave(request -> request.line().contains("fresh=") || request.body().contains("rooting")
                || request.body().contains("soon") ? FaultyServer.http(400, said) : FaultyServer.createdEach(request));
        for (int i = 0; i < 20; i++) {
            enqueue(String.valueOf(i), "{\"a\":1}");
        }
        runner.run();
        assertTransferred(Map.of(Routing.REL_RETRY, 20));
        assertEquals(2, server.requests().size());
        final String bulletin = runner.getLogger().getErrorMessages().getFirst().getMsg();
        assertTrue(bulletin.contains("(HTTP 400)") && bulletin.contains("illegal_argument_exception: unknown [fresh]"), bulletin);

        runner.removeProperty(property);
        final List<MockFlowFile> retried = runner.getFlowFilesForRelationship(Routing.REL_RETRY);
        runner.clearTransferState();
        retried.forEach(runner::enqueue);
        runner.run();
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 20, Routing.REL_SUCCESSFUL, 20));
    }

    @Test
    void documentsAreToBlameOnlyWhereTheRequestWithoutThemPasses() {
        runner.setProperty("BULK:version", "${version}");
        runner.setProperty("BULK:version_type", "external_gte");
        server.behave(request -> request.body().contains("\"version\":\"soon\"") ? FaultyServer.http(400, "{\"status\":400}")
                : FaultyServer.createdEach(request));
        runner.enqueue("{}", Map.of("id", "1", "version", "soon"));
        runner.run();
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 1, Routing.REL_ERRORS, 1));
        assertEquals(2, server.requests().size());
        assertEquals(List.of("{\"index\":{\"_index\":\"_probe\",\"_id\":\"probe\",\"version_type\":\"external_gte\",\"version\":\"1\"}}",
                "{}"), server.requests().get(1).lines());
    }

    @Test
    void anOutageWhileARequestIsSplitKeepsTheRestForRetry() {
        server.behave(request -> request.operations() > 2 ? FaultyServer.http(413, "")
                : request.body().contains("outage") ? null : FaultyServer.created(request.operations()));
        for (final String content : List.of("a", "b", "outage", "d")) {
            enqueue(content, "{\"a\":\"" + content + "\"}");
        }
        runner.run();
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 2, Routing.REL_SUCCESSFUL, 2, Routing.REL_RETRY, 2));
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
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 2, Routing.REL_SUCCESSFUL, 2, Routing.REL_RETRY, 4));
    }

    @Test
    void aRequestUnderWayIsAwaitedWhereTheNextCannotBeMade() {
        final AtomicBoolean answered = new AtomicBoolean();
        server.behave(request -> {
            sleep(1_000);
            answered.set(true);
            return FaultyServer.createdEach(request);
        });
        runner.setProperty("put-es-record-batch-size", "10");
        runner.setProperty("Max Batch Size", "1 KB");
        runner.setProperty("BULK:routing", "${day:toDate('yyyy-MM-dd'):format('yyyy')}");
        runner.enqueue("{\"a\":\"" + "x".repeat(2_000) + "\"}", Map.of("id", "1", "day", "2026-01-01"));
        runner.enqueue("{}", Map.of("id", "2", "day", "tomorrow"));
        final AssertionError error = assertThrows(AssertionError.class, () -> runner.run());
        assertEquals(1, server.requests().size(), error.toString());
        assertTrue(answered.get(), () -> "rolled back while the request was carried out: " + server.requests() + error);
    }
}
