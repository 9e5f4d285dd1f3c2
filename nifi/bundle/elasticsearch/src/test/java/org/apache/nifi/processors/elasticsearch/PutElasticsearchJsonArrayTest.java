package org.apache.nifi.processors.elasticsearch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.idemflow.elasticsearch.FaultyServer;
import io.idemflow.elasticsearch.put.Routing;
import java.util.List;
import java.util.Map;
import org.apache.nifi.util.MockFlowFile;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** FlowFiles that are JSON arrays. */
class PutElasticsearchJsonArrayTest extends PutElasticsearchJsonFixture {

    @BeforeEach
    void read() {
        useRecords("JSON Array");
        server.behave(FaultyServer::createdEach);
    }

    @Test
    void eachElementIsAnOperationOnOneLine() {
        runner.enqueue("[\n  {\n    \"_id\": \"1\",\r\n    \"a\": \"]\\\"\"\n  },\n  {\"_id\":\"2\",\"_version\":3}\n]\n");
        runner.run();
        assertEquals(List.of(
                "{\"index\":{\"_index\":\"people\",\"_id\":\"1\"}}", "{     \"a\": \"]\\\"\"   }",
                "{\"index\":{\"_index\":\"people\",\"_id\":\"2\",\"version\":3,\"version_type\":\"external_gte\"}}", "{}"),
                server.requests().getFirst().lines());
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 1, Routing.REL_SUCCESSFUL, 1));
    }

    @Test
    void anElementThatCannotBeSentGoesToErrorsAlone() {
        runner.enqueue("[{\"_id\":\"1\"}, 2, {\"a\":1,}, {\"_id\":\"4\"}]");
        runner.run();
        assertEquals(List.of("2", "{\"a\":1,}"), contents(Routing.REL_ERRORS));
        final MockFlowFile refused = runner.getFlowFilesForRelationship(Routing.REL_ERRORS).getFirst();
        refused.assertAttributeEquals(Routing.ATTRIBUTE_RECORD_INDEX, "1");
        assertTrue(refused.getAttribute(Routing.ATTRIBUTE_BULK_ERROR).contains("json_parse_exception"));
    }

    @Test
    void whatWentInIsAnArrayAgain() {
        runner.enqueue("[{\"_id\":\"1\"}, 2, {\"_id\":\"3\"}, null, {\"_id\":\"5\"}]");
        runner.run();
        assertEquals(List.of("2", "null"), contents(Routing.REL_ERRORS));
        assertEquals(List.of("[{\"_id\":\"1\"},{\"_id\":\"3\"},{\"_id\":\"5\"}]"), contents(Routing.REL_SUCCESSFUL));
    }

    @ParameterizedTest
    @ValueSource(strings = {"[{\"_id\":\"1\"}", "[{\"_id\":\"1\"},]", "[{\"_id\":\"1\"} {\"_id\":\"2\"}]", "1", "text", "[{\"_id\":\"1\"}] x"})
    void anArrayThatIsMalformedGoesToFailureAlone(final String content) {
        runner.enqueue(content);
        runner.enqueue("[{\"_id\":\"3\"}]");
        runner.run();
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 1, Routing.REL_SUCCESSFUL, 1, Routing.REL_FAILURE, 1));
        final MockFlowFile failed = runner.getFlowFilesForRelationship(Routing.REL_FAILURE).getFirst();
        failed.assertContentEquals(content);
        assertTrue(failed.getAttribute(Routing.ATTRIBUTE_PUT_ERROR).contains("not a JSON array of objects"));
    }

    @Test
    void aRefusedElementCanBeSentAgainAsItIs() {
        runner.enqueue("{\"_id\":\"1\"}");
        runner.run();
        assertEquals(2, server.requests().getFirst().lines().size());
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 1, Routing.REL_SUCCESSFUL, 1));
    }
}
