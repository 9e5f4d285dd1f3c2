package io.idemflow.elasticsearch.put;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.StreamReadConstraints;
import io.idemflow.elasticsearch.client.ClientProperties;
import io.idemflow.elasticsearch.documents.DocumentFields;
import io.idemflow.elasticsearch.documents.DocumentFields.Field;
import io.idemflow.elasticsearch.documents.DocumentFields.Role;
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
 * @param singleDocuments whether each FlowFile is one document
 * @param lines otherwise, whether its documents are lines, not elements of an array
 * @param fields the fields of documents that say how to write them
 * @param suppressNulls whether null and empty fields are left out of records
 * @param idAttribute name of the attribute that holds the id, or null
 * @param actionFields further fields of the action line
 * @param urlParameters parameters of the request
 * @param headers headers of the request
 * @param batchSize FlowFiles a request, at most
 * @param maximumBatchBytes size at which a request is sent
 * @param maximumStringLength longest string of a document, in characters
 * @param parsers makes parsers that allow no longer string
 */
public record PutConfiguration(
        ElasticSearchClientService client,
        boolean singleDocuments,
        boolean lines,
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
        Map<String, FlowFileProperty> headers,
        int batchSize,
        long maximumBatchBytes,
        int maximumStringLength,
        JsonFactory parsers,
        boolean logErrors,
        boolean outputErrors,
        boolean notFoundIsSuccessful) {

    public static final String ACTION_FIELD_PREFIX = "BULK:";
    public static final String HEADER_PREFIX = "HEADER:";
    /** Elasticsearch takes a request of 100 MB, unless its setting http.max_content_length says otherwise. */
    static final int MAXIMUM_REQUEST_BYTES = 100 * 1024 * 1024;
    /** With a document goes an action line. */
    static final int MAXIMUM_DOCUMENT_BYTES = MAXIMUM_REQUEST_BYTES - 4096;

    /** How large a request may be, in bytes: action lines may outweigh very small documents. One operation may be larger. */
    long maximumRequestBytes() {
        return Math.min(MAXIMUM_REQUEST_BYTES, 2 * maximumBatchBytes);
    }

    public static PutConfiguration of(final ProcessContext context) {
        final Map<String, FlowFileProperty> actionFields = new LinkedHashMap<>();
        final Map<String, FlowFileProperty> urlParameters = new LinkedHashMap<>();
        final Map<String, FlowFileProperty> headers = new LinkedHashMap<>();
        context.getProperties().keySet().stream().filter(PropertyDescriptor::isDynamic).forEach(property -> {
            final String name = property.getName();
            final FlowFileProperty value = new FlowFileProperty(context, property);
            if (name.startsWith(ACTION_FIELD_PREFIX)) {
                actionFields.put(name.substring(ACTION_FIELD_PREFIX.length()).strip(), value);
            } else if (name.startsWith(HEADER_PREFIX)) {
                headers.put(name.substring(HEADER_PREFIX.length()).strip(), value);
            } else {
                urlParameters.put(name, value);
            }
        });
        final boolean singleDocuments = PutProperties.isSingleJson(context);
        final int maximumStringLength = context.getProperty(PutProperties.MAX_STRING_LENGTH).asDataSize(DataUnit.B).intValue();
        return new PutConfiguration(
                context.getProperty(PutProperties.CLIENT_SERVICE).asControllerService(ElasticSearchClientService.class),
                singleDocuments,
                PutProperties.NDJSON.getValue().equals(PutProperties.value(context, PutProperties.INPUT_FORMAT)),
                fields(context, singleDocuments),
                !singleDocuments && ClientProperties.ALWAYS_SUPPRESS.getValue()
                        .equals(PutProperties.value(context, PutProperties.SUPPRESS_NULLS)),
                context.getProperty(PutProperties.ID_ATTRIBUTE).getValue(),
                PutProperties.isTrue(context, PutProperties.ALLOW_GENERATED_IDS),
                new FlowFileProperty(context, PutProperties.INDEX_OP),
                new FlowFileProperty(context, PutProperties.INDEX),
                new FlowFileProperty(context, PutProperties.TYPE),
                new FlowFileProperty(context, PutProperties.SCRIPT),
                new FlowFileProperty(context, PutProperties.SCRIPTED_UPSERT),
                new FlowFileProperty(context, PutProperties.DYNAMIC_TEMPLATES),
                new FlowFileProperty(context, PutProperties.CHARSET),
                actionFields,
                urlParameters,
                headers,
                context.getProperty(PutProperties.BATCH_SIZE).evaluateAttributeExpressions().asInteger(),
                maximumBatchBytes(context),
                maximumStringLength,
                parsers(maximumStringLength),
                context.getProperty(PutProperties.LOG_ERROR_RESPONSES).asBoolean(),
                context.getProperty(PutProperties.OUTPUT_ERROR_RESPONSES).asBoolean(),
                context.getProperty(PutProperties.NOT_FOUND_IS_SUCCESSFUL).asBoolean());
    }

    private static long maximumBatchBytes(final ProcessContext context) {
        final String size = context.getProperty(PutProperties.MAX_BATCH_SIZE).evaluateAttributeExpressions().getValue();
        return DataUnit.parseDataSize(size == null ? PutProperties.WHERE_UNSET.get(PutProperties.MAX_BATCH_SIZE) : size,
                DataUnit.B).longValue();
    }

    private static JsonFactory parsers(final int maximumStringLength) {
        return JsonFactory.builder()
                // The names in untrusted documents must not fill a table that the whole JVM shares.
                .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
                .streamReadConstraints(StreamReadConstraints.builder().maxStringLength(maximumStringLength).build())
                .build();
    }

    private static DocumentFields fields(final ProcessContext context, final boolean singleDocuments) {
        final Map<Role, Field> fields = new EnumMap<>(Role.class);
        add(fields, Role.INDEX, context, PutProperties.INDEX_FIELD, PutProperties.RETAIN_INDEX_FIELD);
        add(fields, Role.TIMESTAMP, context, PutProperties.TIMESTAMP_FIELD, PutProperties.RETAIN_TIMESTAMP_FIELD);
        if (!singleDocuments) {
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
            fields.put(role, new Field(value, retain != null && PutProperties.isTrue(context, retain)));
        }
    }
}
