package org.apache.nifi.processors.elasticsearch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.idemflow.elasticsearch.FaultyServer;
import io.idemflow.elasticsearch.put.Routing;
import java.util.List;
import java.util.Map;
import org.apache.nifi.provenance.ProvenanceEventType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Fields that name index, id and time, in each format alike; and what a batch of mixed results looks like. */
class PutElasticsearchJsonFieldsTest extends PutElasticsearchJsonFixture {

    private static final String SINGLE = "Single JSON";
    private static final String LINES = "NDJSON";
    private static final String ARRAY = "JSON Array";

    @BeforeEach
    void answer() {
        server.behave(FaultyServer::createdEach);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "12345 | 12345", "\"other\" | other", "null | people", "\"\" | people", "\" \" | people", "true | true"})
    void theIndexIsTheSameInEachFormat(final String value, final String index) {
        runner.setProperty("Index Field", "where");
        for (final String format : List.of(SINGLE, LINES, ARRAY)) {
            final String action = send(format, "{\"_id\":\"1\",\"where\":" + value + "}").getFirst();
            assertEquals("{\"index\":{\"_index\":\"" + index + "\",\"_id\":\"1\"}}", action, format);
        }
    }

    @Test
    void anIndexThatIsMissingIsThatOfTheProperty() {
        runner.setProperty("Index Field", "where");
        for (final String format : List.of(SINGLE, LINES, ARRAY)) {
            assertTrue(send(format, "{\"_id\":\"1\"}").getFirst().contains("\"_index\":\"people\""), format);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {LINES, ARRAY})
    void anIdStaysInTheDocumentUnlessToldOtherwise(final String format) {
        assertEquals("{\"_id\":7,\"a\":1}", sendKeeping(format, "{\"_id\":7,\"a\":1}").getLast());
        assertEquals("{\"a\":1}", send(format, "{\"_id\":7,\"a\":1}").getLast());
        assertEquals("{\"index\":{\"_index\":\"people\",\"_id\":\"7\"}}", send(format, "{\"_id\":7,\"a\":1}").getFirst());
    }

    @ParameterizedTest
    @ValueSource(strings = {SINGLE, LINES, ARRAY})
    void timeAndIndexStayInTheDocumentUnlessToldOtherwise(final String format) {
        runner.setProperty("Index Field", "where");
        runner.setProperty("Timestamp Field", "when");
        final String document = "{\"_id\":\"1\",\"where\":\"other\",\"when\":\"2026-01-01\",\"a\":1}";
        assertEquals("{" + (SINGLE.equals(format) ? "\"_id\":\"1\"," : "")
                + "\"where\":\"other\",\"when\":\"2026-01-01\",\"a\":1,\"@timestamp\":\"2026-01-01\"}", send(format, document).getLast());
        runner.setProperty("Retain Index Field", "false");
        runner.setProperty("Retain Timestamp Field", "false");
        assertEquals("{" + (SINGLE.equals(format) ? "\"_id\":\"1\"," : "") + "\"a\":1,\"@timestamp\":\"2026-01-01\"}",
                send(format, document).getLast());
    }

    @ParameterizedTest
    @ValueSource(strings = {"a/b", "a\\b", "a.b", "a//b", "/"})
    void aFieldIsNamedLiterally(final String name) {
        final String quoted = "\"" + name.replace("\\", "\\\\") + "\"";
        runner.setProperty("Index Field", name);
        for (final String format : List.of(SINGLE, LINES, ARRAY)) {
            assertTrue(send(format, "{\"_id\":\"1\"," + quoted + ":\"other\",\"a\":{\"b\":\"nested\"}}").getFirst()
                    .contains("\"_index\":\"other\""), format);
        }
        runner.setProperty("Field Path Mode", "Nested Field Path");
        runner.assertNotValid();
    }

    @Test
    void arraysMayBeSeveralAndPretty() {
        final String pretty = "[\n  {\n    \"_id\" : \"1\"\n  },\n  {\n    \"_id\" : \"2\"\n  }\n]\n";
        final List<String> lines = send(ARRAY, pretty + pretty + "[{\"_id\":\"3\"}][ ]");
        assertEquals(List.of("1", "2", "1", "2", "3"), lines.stream().filter(line -> line.startsWith("{\"index\""))
                .map(line -> line.replaceAll(".*\"_id\":\"(.)\".*", "$1")).toList());
    }

    @Test
    void aBatchOfMixedResultsIsTakenApart() {
        runner.setProperty("put-es-record-index-op", "delete");
        runner.setProperty("put-es-not_found-is-error", "false");
        runner.setProperty("put-es-output-error-responses", "true");
        server.behave(request -> FaultyServer.http(200, "{\"errors\":true,\"items\":["
                + "{\"delete\":{\"status\":200,\"result\":\"deleted\"}},{\"delete\":{\"status\":404,\"result\":\"not_found\"}},"
                + "{\"delete\":{\"status\":400,\"error\":{\"type\":\"mapper_parsing_exception\"}}}]}"));
        for (int i = 0; i < 3; i++) {
            enqueue(String.valueOf(i), "{}");
        }
        runner.run();
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 3, Routing.REL_SUCCESSFUL, 1, Routing.REL_ERRORS, 2, Routing.REL_ERROR_RESPONSES, 1));
        runner.getFlowFilesForRelationship(Routing.REL_ERRORS).forEach(refused -> {
            refused.assertAttributeExists(Routing.ATTRIBUTE_BULK_ERROR);
            refused.assertAttributeNotExists(Routing.ATTRIBUTE_PUT_ERROR);
        });
        final String responses = contents(Routing.REL_ERROR_RESPONSES).getFirst();
        assertTrue(responses.contains("not_found") && responses.contains("mapper_parsing_exception"), responses);
        assertEquals(2, runner.getProvenanceEvents().stream().filter(event -> event.getEventType() == ProvenanceEventType.SEND
                && "Elasticsearch _bulk operation error".equals(event.getDetails())).count());
        assertEquals(1, runner.getProvenanceEvents().stream().filter(event -> event.getEventType() == ProvenanceEventType.SEND
                && event.getDetails() == null).count());
    }

    @Test
    void errorResponsesAreARelationshipOnDemand() {
        for (final boolean wanted : new boolean[] {false, true, false}) {
            runner.setProperty("put-es-output-error-responses", String.valueOf(wanted));
            assertEquals(wanted, runner.getProcessor().getRelationships().contains(Routing.REL_ERROR_RESPONSES));
        }
    }

    @Test
    void withoutInputNothingIsSent() {
        runner.run();
        assertTransferred(Map.of());
        assertTrue(server.requests().isEmpty());
    }

    @Test
    void aScriptThatIsNoObjectIsToldOf() {
        runner.setProperty("put-es-record-index-op", "upsert");
        runner.setProperty("put-es-json-script", "not-json");
        enqueue("1", "{}");
        runner.run();
        assertTransferred(Map.of(Routing.REL_FAILURE, 1));
        assertTrue(runner.getFlowFilesForRelationship(Routing.REL_FAILURE).getFirst()
                .getAttribute(Routing.ATTRIBUTE_PUT_ERROR).contains("Script"));
        assertFalse(server.requests().stream().anyMatch(request -> request.body().contains("not-json")));
    }

    private List<String> send(final String format, final String document) {
        return send(format, document, "false");
    }

    private List<String> sendKeeping(final String format, final String document) {
        return send(format, document, "true");
    }

    private List<String> send(final String format, final String document, final String retain) {
        if (SINGLE.equals(format)) {
            runner.setProperty("Input Content Format", format);
        } else {
            useRecords(format);
            runner.setProperty("Retain Identifier Field", retain);
        }
        runner.clearTransferState();
        enqueue("1", ARRAY.equals(format) && !document.startsWith("[") ? "[" + document + "]" : document);
        runner.run();
        runner.assertTransferCount(Routing.REL_SUCCESSFUL, 1);
        if (!SINGLE.equals(format)) {
            runner.setProperty("put-es-json-id-attr", "id");
        }
        return server.requests().getLast().lines();
    }
}
