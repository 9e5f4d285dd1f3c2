package org.apache.nifi.processors.elasticsearch;

import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.elasticsearch.ElasticSearchClientService;
import org.apache.nifi.processor.DataUnit;
import org.apache.nifi.processor.ProcessContext;

/**
 * The properties of the processor as they are while it runs.
 *
 * @param idAttribute name of the attribute that holds the id, or null
 * @param actionFields further fields of the action line
 * @param urlParameters parameters of the request
 * @param batchSize FlowFiles a request, at most
 * @param maximumBatchBytes size at which a request is sent
 * @param maximumStringLength longest string of a document, in characters
 */
record PutConfiguration(
        ElasticSearchClientService client,
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
        boolean logErrors,
        boolean outputErrors,
        boolean notFoundIsSuccessful) {

    static final String ACTION_FIELD_PREFIX = "BULK:";

    static PutConfiguration of(final ProcessContext context) {
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
        return new PutConfiguration(
                context.getProperty(PutProperties.CLIENT_SERVICE).asControllerService(ElasticSearchClientService.class),
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
                context.getProperty(PutProperties.MAX_STRING_LENGTH).asDataSize(DataUnit.B).intValue(),
                context.getProperty(PutProperties.LOG_ERROR_RESPONSES).asBoolean(),
                context.getProperty(PutProperties.OUTPUT_ERROR_RESPONSES).asBoolean(),
                context.getProperty(PutProperties.NOT_FOUND_IS_SUCCESSFUL).asBoolean());
    }
}
