package org.apache.nifi.processors.elasticsearch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.idemflow.elasticsearch.FaultyServer;
import io.idemflow.elasticsearch.documents.Documents;
import io.idemflow.elasticsearch.put.Routing;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.apache.nifi.provenance.ProvenanceEventRecord;
import org.apache.nifi.provenance.ProvenanceEventType;
import org.apache.nifi.util.MockFlowFile;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** FlowFiles of many documents, and what is made of each. */
class PutElasticsearchJsonRecordsTest extends PutElasticsearchJsonFixture {

    @BeforeEach
    void read() {
        useRecords("NDJSON");
        server.behave(request -> FaultyServer.createdEach(request));
    }

    @Test
    void eachLineIsAnOperation() {
        runner.enqueue("{\"_id\":\"a\",\"_version\":9007199254740993,\"n\":9007199254740993}\r\n"
                + "{\"n\":null,\"u\":\"\ud83d\ude00\",\"_id\":5}\n\n"
                + "{\"_id\":\"c\",\"_version\":0,\"_op\":\"delete\",\"n\":1}\n"
                + "{\"_id\":\"d\",\"_op\":\"upsert\",\"n\":1}\n"
                + "{\"_id\":\"e\",\"_op\":\"CREATE\",\"n\":1}\n"
                + "{\"_id\":\"f\",\"_op\":null}");
        runner.run();
        assertEquals(List.of(
                "{\"index\":{\"_index\":\"people\",\"_id\":\"a\",\"version\":9007199254740993,\"version_type\":\"external_gte\"}}",
                "{\"n\":9007199254740993}",
                "{\"index\":{\"_index\":\"people\",\"_id\":\"5\"}}", "{\"n\":null,\"u\":\"\ud83d\ude00\"}",
                "{\"delete\":{\"_index\":\"people\",\"_id\":\"c\",\"version\":0,\"version_type\":\"external_gte\"}}",
                "{\"update\":{\"_index\":\"people\",\"_id\":\"d\"}}", "{\"doc\":{\"n\":1},\"doc_as_upsert\":true}",
                "{\"create\":{\"_index\":\"people\",\"_id\":\"e\"}}", "{\"n\":1}",
                "{\"index\":{\"_index\":\"people\",\"_id\":\"f\"}}", "{}"), server.requests().getFirst().lines());
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 1, Routing.REL_SUCCESSFUL, 1));
        final ProvenanceEventRecord sent = runner.getProvenanceEvents().stream()
                .filter(event -> event.getEventType() == ProvenanceEventType.SEND).findFirst().orElseThrow();
        assertEquals(server.address() + "/people", sent.getTransitUri());
        assertEquals("6 documents, 6 of them written", sent.getDetails());
        assertEquals(6L, runner.getCounterValue("Documents created"));
    }

    @Test
    void flowFilesShareARequest() {
        for (int i = 0; i < 50; i++) {
            runner.enqueue("{\"_id\":\"" + i + "\"}");
        }
        runner.run();
        assertEquals(1, server.requests().size());
        assertEquals(100, server.requests().getFirst().lines().size());
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 50, Routing.REL_SUCCESSFUL, 50));
    }

    @Test
    void aTriggerTakesWhatARequestHasRoomFor() {
        runner.setProperty("Max Batch Size", "1 KB");
        for (int i = 0; i < 4; i++) {
            runner.enqueue("{\"_id\":\"" + i + "\",\"a\":\"" + "x".repeat(400) + "\"}");
        }
        runner.run();
        assertEquals(1, server.requests().size());
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 2, Routing.REL_SUCCESSFUL, 2));
    }

    @Test
    void aLargeFlowFileTakesSeveralRequests() {
        runner.setProperty("Max Batch Size", "1 KB");
        final StringBuilder content = new StringBuilder();
        for (int i = 0; i < 100; i++) {
            content.append("{\"_id\":\"").append(i).append("\",\"a\":\"").append("x".repeat(150)).append("\"}\n");
        }
        runner.enqueue(content.toString());
        runner.run();
        assertTrue(server.requests().size() > 12, String.valueOf(server.requests().size()));
        assertTrue(server.requests().stream().allMatch(request -> request.body().length() < 2 * 1024));
        assertEquals(100, server.requests().stream().mapToInt(FaultyServer.Request::operations).sum());
        assertEquals(100L, runner.getCounterValue("Documents created"));
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 1, Routing.REL_SUCCESSFUL, 1));
    }

    @Test
    void actionLinesOfVerySmallDocumentsCountAsWell() {
        runner.setProperty("Max Batch Size", "1 KB");
        runner.setProperty("Allow Generated Identifiers", "true");
        runner.enqueue("{}\n".repeat(300));
        runner.run();
        assertTrue(server.requests().stream().allMatch(request -> request.body().length() < 2 * 1024 + 50));
        assertEquals(300, server.requests().stream().mapToInt(FaultyServer.Request::operations).sum());
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', quoteCharacter = '\0', value = {
        "not json;json_parse_exception", "[{\"_id\":\"x\"}];json_parse_exception", "\"_id\";json_parse_exception",
        "{\"_id\":\"x\";json_parse_exception", "{\"_id\":\"x\"}{\"_id\":\"y\"};json_parse_exception",
        "{\"_id\":\"x\"} {\"delete\":{}};json_parse_exception", "{\"_id\":\"a\",\"_id\":\"b\"};json_parse_exception",
        "{\"a\":NaN};json_parse_exception", "{\"a\":\"\tb\"};json_parse_exception",
        "{\"a\":1};blank_identifier", "{\"_id\":\"\"};blank_identifier", "{\"_id\":null};blank_identifier",
        "{\"_id\":{\"a\":1}};blank_identifier", "{\"_op\":\"delete\"};blank_identifier",
        "{\"_id\":\"x\",\"_version\":-1};invalid_version", "{\"_id\":\"x\",\"_version\":1.0};invalid_version",
        "{\"_id\":\"x\",\"_version\":9223372036854775808};invalid_version", "{\"_id\":\"x\",\"_version\":null};invalid_version",
        "{\"_id\":\"x\",\"_version\":\"soon\"};invalid_version",
        "{\"_id\":\"x\",\"_version\":1,\"_op\":\"update\"};invalid_version",
        "{\"_id\":\"x\",\"_op\":\"remove\"};invalid_operation", "{\"_id\":\"\\ud800\"};invalid_property"})
    void aLineThatCannotBeSentGoesToErrorsAlone(final String line, final String type) {
        runner.enqueue("{\"_id\":\"1\"}\n" + line + "\n{\"_id\":\"3\"}\n", Map.of("run", "r"));
        runner.run();
        assertEquals(List.of("{\"index\":{\"_index\":\"people\",\"_id\":\"1\"}}", "{}", "{\"index\":{\"_index\":\"people\",\"_id\":\"3\"}}", "{}"),
                server.requests().getFirst().lines());
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 1, Routing.REL_SUCCESSFUL, 1, Routing.REL_ERRORS, 1));
        final MockFlowFile refused = runner.getFlowFilesForRelationship(Routing.REL_ERRORS).getFirst();
        refused.assertContentEquals(line);
        refused.assertAttributeEquals("run", "r");
        refused.assertAttributeEquals(Routing.ATTRIBUTE_RECORD_INDEX, "1");
        final String error = refused.getAttribute(Routing.ATTRIBUTE_BULK_ERROR);
        assertTrue(error.startsWith("{\"status\":400,\"error\":{\"type\":\"" + type + "\",\"reason\":\""), error);
        assertEquals(List.of("{\"_id\":\"1\"}\n{\"_id\":\"3\"}"), contents(Routing.REL_SUCCESSFUL));
    }

    @Test
    void aLineThatElasticsearchRefusesGoesToErrorsAlone() {
        final String item = "{\"_index\":\"people\",\"_id\":\"2\",\"status\":409,\"error\":{\"type\":\"version_conflict_engine_exception\",\"reason\":\"why\"}}";
        final String good = "{\"index\":{\"result\":\"updated\",\"status\":200}}";
        server.behave(request -> FaultyServer.http(200,
                "{\"errors\":true,\"items\":[" + good + ",{\"index\":" + item + "}," + good + "," + good + "]}"));
        runner.enqueue("{\"_id\":\"1\"}\n{\"_id\":\"2\", \"_version\": 3}\n{\"_id\":\"3\"}", Map.of(Routing.ATTRIBUTE_PUT_ERROR, "of an earlier try"));
        runner.enqueue("{\"_id\":\"4\"}", Map.of(Routing.ATTRIBUTE_PUT_ERROR, "of an earlier try"));
        runner.run();
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 2, Routing.REL_SUCCESSFUL, 2, Routing.REL_ERRORS, 1));
        final MockFlowFile refused = runner.getFlowFilesForRelationship(Routing.REL_ERRORS).getFirst();
        refused.assertContentEquals("{\"_id\":\"2\", \"_version\": 3}");
        refused.assertAttributeEquals(Routing.ATTRIBUTE_RECORD_INDEX, "1");
        refused.assertAttributeEquals(Routing.ATTRIBUTE_BULK_ERROR, item);
        refused.assertAttributeNotExists(Routing.ATTRIBUTE_PUT_ERROR);
        assertEquals(List.of("{\"_id\":\"1\"}\n{\"_id\":\"3\"}", "{\"_id\":\"4\"}"), contents(Routing.REL_SUCCESSFUL));
        runner.getFlowFilesForRelationship(Routing.REL_SUCCESSFUL).getFirst().assertAttributeNotExists(Routing.ATTRIBUTE_PUT_ERROR);
        assertEquals(1L, runner.getCounterValue("Documents refused as stale"));
        assertEquals(3L, runner.getCounterValue("Documents updated"));
    }

    @Test
    void nothingIsSuccessfulWhereNothingWentIn() {
        runner.enqueue("nonsense\n");
        runner.run();
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 1, Routing.REL_ERRORS, 1));
        assertTrue(server.requests().isEmpty());
        assertTrue(runner.getProvenanceEvents().stream().noneMatch(event -> event.getEventType() == ProvenanceEventType.SEND));
    }

    @Test
    void aDeleteThatFindsNothingIsASuccessUnlessToldOtherwise() {
        server.behave(request -> FaultyServer.http(200,
                "{\"errors\":false,\"items\":[{\"delete\":{\"_id\":\"1\",\"result\":\"not_found\",\"status\":404}}]}"));
        runner.enqueue("{\"_id\":\"1\",\"_op\":\"delete\"}");
        runner.run();
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 1, Routing.REL_SUCCESSFUL, 1));
        runner.clearTransferState();
        runner.setProperty("put-es-not_found-is-error", "false");
        runner.enqueue("{\"_id\":\"1\",\"_op\":\"delete\"}");
        runner.run();
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 1, Routing.REL_ERRORS, 1));
    }

    @Test
    void aRecordThatIsTooLargeForElasticsearchStandsAloneInTheEnd() {
        server.behave(request -> request.body().contains("culprit")
                ? FaultyServer.http(413, "") : FaultyServer.createdEach(request));
        runner.enqueue("{\"_id\":\"1\"}\n{\"_id\":\"2\"}\n{\"_id\":\"culprit\"}\n{\"_id\":\"4\"}\n{\"_id\":\"5\"}");
        runner.run();
        assertEquals(List.of("{\"_id\":\"culprit\"}"), contents(Routing.REL_ERRORS));
        assertEquals(List.of("{\"_id\":\"1\"}\n{\"_id\":\"2\"}\n{\"_id\":\"4\"}\n{\"_id\":\"5\"}"), contents(Routing.REL_SUCCESSFUL));
        assertTrue(runner.getFlowFilesForRelationship(Routing.REL_ERRORS).getFirst()
                .getAttribute(Routing.ATTRIBUTE_BULK_ERROR).contains("\"status\":413"));
    }

    @Test
    void idsAreGeneratedWhereAllowed() {
        runner.setProperty("Allow Generated Identifiers", "true");
        runner.enqueue("{\"a\":1}\n{\"_op\":\"delete\"}");
        runner.run();
        assertEquals(List.of("{\"index\":{\"_index\":\"people\"}}", "{\"a\":1}"), server.requests().getFirst().lines());
        runner.assertTransferCount(Routing.REL_ERRORS, 1);
    }

    @Test
    void anIdentifierFieldIsNeededUnlessIdsAreGenerated() {
        runner.removeProperty("Identifier Field");
        runner.assertNotValid();
        runner.setProperty("Allow Generated Identifiers", "true");
        runner.assertValid();
    }

    @Test
    void fieldsNameTheIndexAndTheTime() {
        runner.setProperty("Index Field", "where");
        runner.setProperty("Timestamp Field", "when");
        runner.setProperty("Retain Timestamp Field", "false");
        runner.enqueue("{\"_id\":\"1\",\"where\":\"other\",\"when\":5}\n{\"_id\":\"2\"}");
        runner.run();
        assertEquals(List.of(
                "{\"index\":{\"_index\":\"other\",\"_id\":\"1\"}}", "{\"where\":\"other\",\"@timestamp\":5}",
                "{\"index\":{\"_index\":\"people\",\"_id\":\"2\"}}", "{}"), server.requests().getFirst().lines());
    }

    @Test
    void nullsAreLeftOutOnDemandOfWholeDocuments() throws Exception {
        useService(Map.of("el-cs-suppress-nulls", "always-suppress"));
        runner.enqueue("{\"_id\":\"1\",\"a\":null,\"b\":1.10}");
        runner.run();
        assertEquals("{\"a\":null,\"b\":1.10}", server.requests().getFirst().lines().get(1));
        runner.setProperty("Suppress Nulls", "always-suppress");
        runner.enqueue("{\"_id\":\"1\",\"a\":null,\"b\":1.10}\n{\"_id\":\"1\",\"_op\":\"update\",\"a\":null}");
        runner.run();
        assertEquals("{\"b\":1.10}", server.requests().get(1).lines().get(1));
        assertEquals("{\"doc\":{\"a\":null}}", server.requests().get(1).lines().get(3));
    }

    @ParameterizedTest
    @ValueSource(strings = {"ISO-8859-1", "windows-1252", "GB18030"})
    void linesMayBeInAnotherEncoding(final String charset) throws Exception {
        runner.setProperty("put-es-json-charset", charset);
        final String refused = "\u00fc no json";
        runner.enqueue(("{\"_id\":\"1\",\"a\":\"\u00e4\"}\n" + refused).getBytes(Charset.forName(charset)));
        runner.run();
        assertEquals("{\"a\":\"\u00e4\"}", server.requests().getFirst().lines().get(1));
        runner.getFlowFilesForRelationship(Routing.REL_ERRORS).getFirst()
                .assertContentEquals(refused.getBytes(Charset.forName(charset)));
    }

    @Test
    void anEncodingWithoutLineEndsGoesToFailure() {
        runner.setProperty("put-es-json-charset", "UTF-16");
        runner.enqueue("{\"_id\":\"1\"}".getBytes(StandardCharsets.UTF_16));
        runner.run();
        assertTransferred(Map.of(Routing.REL_FAILURE, 1));
    }

    @Test
    void bytesThatLookLikeAnotherEncodingAreRefused() {
        runner.enqueue("{\"_id\":\"1\"}\n\0{\0}\n{\"_id\":\"3\"}".getBytes(StandardCharsets.ISO_8859_1));
        runner.run();
        assertEquals(4, server.requests().getFirst().lines().size());
        assertTrue(runner.getFlowFilesForRelationship(Routing.REL_ERRORS).getFirst()
                .getAttribute(Routing.ATTRIBUTE_BULK_ERROR).contains("character_coding_exception"));
    }

    @Test
    void refusalsOfOneTriggerAreBoundedWhateverTheNumberOfFlowFiles() {
        final String refused = "{}\n".repeat(6_000);
        for (int i = 0; i < 3; i++) {
            runner.enqueue(refused);
        }
        runner.run();
        runner.assertTransferCount(Routing.REL_ERRORS, 12_000);
        assertEquals(1, runner.getQueueSize().getObjectCount());
        runner.run();
        runner.assertTransferCount(Routing.REL_ERRORS, 18_000);
        runner.assertTransferCount(Routing.REL_RETRY, 0);
        runner.assertTransferCount(Routing.REL_ORIGINAL, 3);
    }
}
