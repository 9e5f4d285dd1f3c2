package org.apache.nifi.processors.elasticsearch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.idemflow.elasticsearch.FaultyServer;
import io.idemflow.elasticsearch.put.PutProperties;
import io.idemflow.elasticsearch.put.Routing;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.util.MockPropertyConfiguration;
import org.junit.jupiter.api.Test;

/** A flow changes between this processor and the official one, of NiFi 2.3.0 and of later versions. */
class PutElasticsearchJsonExchangeTest extends PutElasticsearchJsonFixture {

    private static final Set<String> OF_2_3_0 = Set.of("put-es-json-id-attr", "put-es-record-index-op", "el-rest-fetch-index",
            "el-rest-type", "put-es-json-script", "put-es-json-scripted-upsert", "put-es-json-dynamic_templates",
            "put-es-record-batch-size", "put-es-json-charset", "Max JSON Field String Length", "el-rest-client-service",
            "put-es-record-log-error-responses", "put-es-output-error-responses", "put-es-not_found-is-error");
    /** What the processor of 2.11.0 has besides, with its defaults. */
    private static final Map<String, String> OF_2_11_0 = Map.of("Input Content Format", "Single JSON", "Max Batch Size", "10 MB",
            "Suppress Nulls", "never-suppress", "Retain Identifier Field", "true", "Retain Index Field", "true",
            "Retain Timestamp Field", "true", "Field Path Mode", "Literal Field Name", "Output Bulk Request", "false");
    private static final Map<String, String> SET = Map.of("Identifier Attribute", "id", "Index", "people", "Index Operation", "index",
            "Max FlowFiles Per Batch", "7", "Client Service", "client", "Treat Not Found as Success", "true",
            "BULK:routing", "${id}", "refresh", "true");

    @Test
    void whatTheOfficialOneLacksIsInNoFlowUnlessItIsSet() {
        final List<PropertyDescriptor> properties = runner.getProcessor().getPropertyDescriptors();
        assertEquals(OF_2_3_0, properties.stream().map(PropertyDescriptor::getName).filter(OF_2_3_0::contains).collect(Collectors.toSet()));
        // NiFi writes what has a default into flow.json.gz, flow definitions and versions.
        properties.stream().filter(property -> !OF_2_3_0.contains(property.getName())).forEach(property -> {
            assertNull(property.getDefaultValue(), property.getName());
            assertFalse(property.isRequired(), property.getName());
        });
    }

    @Test
    void aFlowOfALaterVersionHasTheNamesOf230AndKeepsWhatItWroteOut() {
        final Map<String, String> properties = new HashMap<>(SET);
        properties.putAll(OF_2_11_0);
        final Map<String, String> taken = migrate(properties);
        assertEquals(Set.of("put-es-json-id-attr", "el-rest-fetch-index", "put-es-record-index-op", "put-es-record-batch-size",
                "el-rest-client-service", "put-es-not_found-is-error", "BULK:routing", "refresh", "Input Content Format",
                "Max Batch Size", "Suppress Nulls", "Retain Identifier Field", "Retain Index Field", "Retain Timestamp Field"),
                taken.keySet());
        assertEquals("7", taken.get("put-es-record-batch-size"));
    }

    @Test
    void whatALaterFlowSaysIsKept() {
        final Map<String, String> own = Map.of("Input Content Format", "NDJSON", "Identifier Field", "_id",
                "Retain Identifier Field", "false", "Max Batch Size", "2 MB", "Suppress Nulls", "always-suppress");
        assertEquals(own, migrate(own));
    }

    @Test
    void aFlowOfAnEarlierVersionOfThisOneIsUnchanged() {
        final Map<String, String> written = Map.of("put-es-json-id-attr", "id",
                "Input Content Format", "Single JSON", "Allow Generated Identifiers", "false", "Retain Identifier Field", "true",
                "Retain Index Field", "true", "Retain Timestamp Field", "true", "Max Batch Size", "10 MB",
                "Suppress Nulls", "never-suppress");
        assertEquals(written, migrate(written));
    }

    @Test
    void whatIsNotSetHoldsAllTheSame() {
        runner.assertValid();
        runner.setProperty("Index Field", "where");
        runner.setProperty("Timestamp Field", "when");
        server.behave(FaultyServer::createdEach);
        enqueue("1", "{\"where\":\"other\",\"when\":1,\"a\":null}");
        enqueue("", "{}");
        runner.run();
        assertEquals(List.of("{\"index\":{\"_index\":\"other\",\"_id\":\"1\"}}", "{\"where\":\"other\",\"when\":1,\"a\":null,\"@timestamp\":1}"),
                server.requests().getFirst().lines());
        runner.assertTransferCount(Routing.REL_FAILURE, 1);
        assertTrue(PutProperties.WHERE_UNSET.keySet().stream().noneMatch(property -> OF_2_3_0.contains(property.getName())));
    }

    private static Map<String, String> migrate(final Map<String, String> properties) {
        final MockPropertyConfiguration config = new MockPropertyConfiguration(properties);
        new PutElasticsearchJson().migrateProperties(config);
        return config.getRawProperties();
    }
}
