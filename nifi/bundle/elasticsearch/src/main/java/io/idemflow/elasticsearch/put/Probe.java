package io.idemflow.elasticsearch.put;

import io.idemflow.elasticsearch.bulk.BulkBody;
import io.idemflow.elasticsearch.bulk.Operation;
import io.idemflow.elasticsearch.documents.BadDocumentException;
import io.idemflow.elasticsearch.documents.DocumentFields;
import io.idemflow.elasticsearch.documents.DocumentScanner;
import io.idemflow.elasticsearch.documents.Documents;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.apache.nifi.flowfile.FlowFile;
import org.apache.nifi.processor.exception.ProcessException;

/**
 * A request that writes nothing, with all that the properties put into every request: where Elasticsearch refuses it as a
 * whole, no document is to blame.
 *
 * <p>Its one operation is for an index that cannot be: a sound request tells of that in the item.
 */
final class Probe {

    /** No index, alias or data stream can have a name with this beginning. */
    private static final String INDEX = "_probe";
    private static final String VERSION = "version";
    private static final String VERSION_TYPE = "version_type";
    /** Fields whose values Elasticsearch checks: one that comes from a document is left out. */
    private static final Set<String> CHECKED = Set.of("_type", "dynamic_templates", "if_primary_term", "if_seq_no",
            "list_executed_pipelines", "pipeline", "require_alias", "require_data_stream", "retry_on_conflict", "routing",
            VERSION, VERSION_TYPE);

    private Probe() {
    }

    /**
     * Writes the request.
     *
     * @param first the first FlowFile of the trigger, which gives values to fields that are not known here
     */
    static BulkBody of(final PutConfiguration configuration, final FlowFile first) {
        final Documents documents = new Documents(configuration.parsers(), configuration.maximumStringLength());
        final DocumentScanner scanner = new DocumentScanner(configuration.parsers(), configuration.maximumStringLength(),
                new DocumentFields(Map.of()));
        final BulkBody body = new BulkBody(256);
        try {
            final byte[] document = "{}".getBytes(StandardCharsets.US_ASCII);
            scanner.scan(document, 0, document.length);
            final String named = configuration.operation().constant();
            final OperationSettings settings = new OperationSettings(
                    named == null ? Operation.INDEX : OperationSettings.operation("The property Index Operation", named),
                    INDEX,
                    configuration.type().constant(),
                    json(configuration.script(), documents),
                    Boolean.parseBoolean(configuration.scriptedUpsert().constant()),
                    json(configuration.dynamicTemplates(), documents),
                    actionFields(configuration, first),
                    StandardCharsets.UTF_8);
            new OperationWriter(documents, scanner).write(body, settings, settings.operation(), INDEX, "probe", null, false);
        } catch (final BadDocumentException e) {
            throw new ProcessException("A property that is the same for all FlowFiles cannot be used: " + e.getMessage(), e);
        }
        return body;
    }

    private static byte[] json(final FlowFileProperty property, final Documents documents) throws BadDocumentException {
        final String text = property.constant();
        return text == null ? null : documents.normalize(text);
    }

    private static Map<String, String> actionFields(final PutConfiguration configuration, final FlowFile first) {
        final Map<String, String> fields = new LinkedHashMap<>();
        configuration.actionFields().forEach((name, property) -> {
            final String value = CHECKED.contains(name) ? property.constant() : property.value(first);
            if (value != null) {
                fields.put(name, value);
            }
        });
        // One of these two needs the other.
        if (configuration.actionFields().containsKey(VERSION)) {
            if (fields.containsKey(VERSION_TYPE)) {
                fields.putIfAbsent(VERSION, "1");
            } else if (configuration.actionFields().containsKey(VERSION_TYPE)) {
                fields.remove(VERSION);
            }
        }
        return fields;
    }
}
