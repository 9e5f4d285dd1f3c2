package io.idemflow.elasticsearch.put;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadConstraints;
import io.idemflow.elasticsearch.client.ClientProperties;
import io.idemflow.elasticsearch.documents.DocumentFields.Field;
import io.idemflow.elasticsearch.documents.DocumentFields.Role;
import io.idemflow.elasticsearch.documents.DocumentFields;
import io.idemflow.elasticsearch.documents.DocumentScanner;
import io.idemflow.elasticsearch.documents.Documents;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.elasticsearch.ElasticSearchClientService;
import org.apache.nifi.processor.DataUnit;
import org.apache.nifi.processor.ProcessContext;

/**
 * The properties of the processor as they are while it runs.
 *
 * @param format how many documents a FlowFile holds, and how
 * @param fields the fields of documents that say how to write them
 * @param suppressNulls whether null and empty fields are left out of records
 * @param idAttribute name of the attribute that holds the id, or null
 * @param actionFields further fields of the action line
 * @param urlParameters parameters of the request
 * @param batchSize FlowFiles a request, at most
 * @param maximumBatchBytes size at which a request is sent
 * @param maximumStringLength longest string of a document, in characters
 * @param parsers makes parsers that allow no longer string
 */
public record PutConfiguration(
        ElasticSearchClientService client,
        InputFormat format,
        DocumentFields fields,
        boolean suppressNulls,
        String idAttribute,
        boolean allowGeneratedIds,
        FlowFileProperty operation,
        FlowFileProperty index,
        FlowFileProperty type,
        FlowFileProperty script,
        FlowFileProperty scriptedUpsert,
        FlowFileProperty dynamicTemplates,
        FlowFileProperty charset,
        Map<String, FlowFileProperty> actionFields,
        Map<String, FlowFileProperty> urlParameters,
        int batchSize,
        long maximumBatchBytes,
        int maximumStringLength,
        JsonFactory parsers,
        boolean logErrors,
        boolean outputErrors,
        boolean notFoundIsSuccessful) {

    public static final String ACTION_FIELD_PREFIX = "BULK:";
    /** Elasticsearch's own limit of a request is 100 MB unless raised; a document near it cannot be held in memory often. */
    static final int MAXIMUM_DOCUMENT_BYTES = 256 * 1024 * 1024;

    public static PutConfiguration of(final ProcessContext context) {
        final Map<String, FlowFileProperty> actionFields = new LinkedHashMap<>();
        final Map<String, FlowFileProperty> urlParameters = new LinkedHashMap<>();
        for (final PropertyDescriptor property : context.getProperties().keySet()) {
            if (!property.isDynamic()) {
                continue;
            }
            final FlowFileProperty value = new FlowFileProperty(context, property);
            if (property.getName().startsWith(ACTION_FIELD_PREFIX)) {
                actionFields.put(property.getName().substring(ACTION_FIELD_PREFIX.length()).strip(), value);
            } else {
                urlParameters.put(property.getName(), value);
            }
        }
        final InputFormat format = context.getProperty(PutProperties.INPUT_FORMAT).asAllowableValue(InputFormat.class);
        final int maximumStringLength = context.getProperty(PutProperties.MAX_STRING_LENGTH).asDataSize(DataUnit.B).intValue();
        return new PutConfiguration(
                context.getProperty(PutProperties.CLIENT_SERVICE).asControllerService(ElasticSearchClientService.class),
                format,
                fields(context, format),
                format != InputFormat.SINGLE_JSON && ClientProperties.ALWAYS_SUPPRESS.getValue()
                        .equals(context.getProperty(PutProperties.SUPPRESS_NULLS).getValue()),
                context.getProperty(PutProperties.ID_ATTRIBUTE).getValue(),
                context.getProperty(PutProperties.ALLOW_GENERATED_IDS).asBoolean(),
                new FlowFileProperty(context, PutProperties.INDEX_OP),
                new FlowFileProperty(context, PutProperties.INDEX),
                new FlowFileProperty(context, PutProperties.TYPE),
                new FlowFileProperty(context, PutProperties.SCRIPT),
                new FlowFileProperty(context, PutProperties.SCRIPTED_UPSERT),
                new FlowFileProperty(context, PutProperties.DYNAMIC_TEMPLATES),
                new FlowFileProperty(context, PutProperties.CHARSET),
                actionFields,
                urlParameters,
                context.getProperty(PutProperties.BATCH_SIZE).evaluateAttributeExpressions().asInteger(),
                context.getProperty(PutProperties.MAX_BATCH_SIZE).evaluateAttributeExpressions().asDataSize(DataUnit.B).longValue(),
                maximumStringLength,
                parsers(maximumStringLength),
                context.getProperty(PutProperties.LOG_ERROR_RESPONSES).asBoolean(),
                context.getProperty(PutProperties.OUTPUT_ERROR_RESPONSES).asBoolean(),
                context.getProperty(PutProperties.NOT_FOUND_IS_SUCCESSFUL).asBoolean());
    }

    /** New ones for each trigger: they are not thread-safe. */
    Documents documents() {
        return new Documents(parsers, maximumStringLength);
    }

    /** The same. */
    DocumentScanner scanner() {
        return new DocumentScanner(parsers, maximumStringLength, fields);
    }

    private static JsonFactory parsers(final int maximumStringLength) {
        return JsonFactory.builder()
                // The names in untrusted documents must not fill a table that the whole JVM shares.
                .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
                .streamReadConstraints(StreamReadConstraints.builder().maxStringLength(maximumStringLength).build())
                .build();
    }

    private static DocumentFields fields(final ProcessContext context, final InputFormat format) {
        final Map<Role, Field> fields = new EnumMap<>(Role.class);
        add(fields, Role.INDEX, context, PutProperties.INDEX_FIELD, PutProperties.RETAIN_INDEX_FIELD);
        add(fields, Role.TIMESTAMP, context, PutProperties.TIMESTAMP_FIELD, PutProperties.RETAIN_TIMESTAMP_FIELD);
        if (format != InputFormat.SINGLE_JSON) {
            add(fields, Role.IDENTIFIER, context, PutProperties.IDENTIFIER_FIELD, PutProperties.RETAIN_IDENTIFIER_FIELD);
            add(fields, Role.VERSION, context, PutProperties.VERSION_FIELD, null);
            add(fields, Role.OPERATION, context, PutProperties.OPERATION_FIELD, null);
        }
        return new DocumentFields(fields);
    }

    private static void add(final Map<Role, Field> fields, final Role role, final ProcessContext context,
            final PropertyDescriptor name, final PropertyDescriptor retain) {
        final String value = context.getProperty(name).evaluateAttributeExpressions().getValue();
        if (value != null && !value.isBlank()) {
            fields.put(role, new Field(value, retain != null && context.getProperty(retain).asBoolean()));
        }
    }
}
