package org.apache.nifi.processors.elasticsearch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.idemflow.elasticsearch.FaultyServer;
import io.idemflow.elasticsearch.put.Routing;
import java.util.List;
import java.util.Map;
import org.apache.nifi.util.PropertyMigrationResult;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Action lines: ids, operations, dynamic properties. */
class PutElasticsearchJsonOperationsTest extends PutElasticsearchJsonFixture {

    @ParameterizedTest
    @ValueSource(strings = {"index", "create", "update", "upsert", "delete"})
    void aBlankIdGoesToFailure(final String operation) {
        runner.setProperty("put-es-record-index-op", operation);
        enqueue(" ", "{\"a\":1}");
        runner.enqueue("{\"a\":1}");
        runner.run();
        assertTransferred(Map.of(Routing.REL_FAILURE, 2));
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
        runner.assertTransferCount(Routing.REL_FAILURE, 1);
    }

    @Test
    void anIdentifierAttributeIsNeededUnlessIdsAreGenerated() {
        runner.removeProperty("put-es-json-id-attr");
        runner.assertNotValid();
        runner.setProperty("Allow Generated Identifiers", "true");
        runner.assertValid();
        runner.setProperty("filter_path", "took");
        runner.assertNotValid();
        runner.removeProperty("filter_path");
        runner.setProperty("Field Path Mode", "Nested Field Path");
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
        assertTransferred(Map.of(Routing.REL_FAILURE, 1));
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
        runner.assertTransferCount(Routing.REL_FAILURE, 2);
    }

    @Test
    void deletesNeedNoContent() {
        runner.setProperty("put-es-record-index-op", "delete");
        server.behave(request -> FaultyServer.http(200,
                "{\"errors\":false,\"items\":[{\"delete\":{\"_id\":\"1\",\"result\":\"not_found\",\"status\":404}}]}"));
        enqueue("1", "");
        runner.run();
        assertEquals(List.of("{\"delete\":{\"_index\":\"people\",\"_id\":\"1\"}}"), server.requests().getFirst().lines());
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 1, Routing.REL_SUCCESSFUL, 1));

        runner.clearTransferState();
        runner.setProperty("put-es-not_found-is-error", "false");
        enqueue("1", "");
        runner.run();
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 1, Routing.REL_ERRORS, 1));
    }

    @Test
    void whatALaterVersionAddedIsTakenOver() {
        final PropertyMigrationResult result = migrate(Map.of(
                "Identifier Attribute", "id", "Max FlowFiles Per Batch", "7", "Max Batch Size", "", "Output Bulk Request", "false",
                "Field Path Mode", "Literal Field Name", "Input Content Format", "NDJSON", "refresh", "true"));
        assertTrue(result.getPropertiesRemoved().containsAll(List.of("Max Batch Size", "Output Bulk Request", "Field Path Mode")));
        assertEquals("put-es-json-id-attr", result.getPropertiesRenamed().get("Identifier Attribute"));
        assertEquals("put-es-record-batch-size", result.getPropertiesRenamed().get("Max FlowFiles Per Batch"));
    }

    private PropertyMigrationResult migrate(final Map<String, String> properties) {
        runner.clearProperties();
        properties.forEach(runner::setProperty);
        return runner.migrateProperties();
    }
}
