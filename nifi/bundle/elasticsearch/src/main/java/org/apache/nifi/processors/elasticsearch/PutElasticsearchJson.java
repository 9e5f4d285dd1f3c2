package org.apache.nifi.processors.elasticsearch;

import io.idemflow.elasticsearch.bulk.Operation;
import io.idemflow.elasticsearch.client.ClientProperties;
import io.idemflow.elasticsearch.put.BulkPipeline;
import io.idemflow.elasticsearch.put.PutBatch;
import io.idemflow.elasticsearch.put.PutConfiguration;
import io.idemflow.elasticsearch.put.PutProperties;
import io.idemflow.elasticsearch.put.Routing;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.nifi.annotation.behavior.DynamicProperties;
import org.apache.nifi.annotation.behavior.DynamicProperty;
import org.apache.nifi.annotation.behavior.InputRequirement;
import org.apache.nifi.annotation.behavior.SystemResource;
import org.apache.nifi.annotation.behavior.SystemResourceConsideration;
import org.apache.nifi.annotation.behavior.WritesAttribute;
import org.apache.nifi.annotation.behavior.WritesAttributes;
import org.apache.nifi.annotation.documentation.CapabilityDescription;
import org.apache.nifi.annotation.documentation.Tags;
import org.apache.nifi.annotation.lifecycle.OnScheduled;
import org.apache.nifi.components.ConfigVerificationResult;
import org.apache.nifi.components.ConfigVerificationResult.Outcome;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.components.PropertyValue;
import org.apache.nifi.components.ValidationContext;
import org.apache.nifi.components.ValidationResult;
import org.apache.nifi.elasticsearch.ElasticSearchClientService;
import org.apache.nifi.expression.ExpressionLanguageScope;
import org.apache.nifi.logging.ComponentLog;
import org.apache.nifi.migration.PropertyConfiguration;
import org.apache.nifi.migration.RelationshipConfiguration;
import org.apache.nifi.processor.AbstractProcessor;
import org.apache.nifi.processor.ProcessContext;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.processor.Relationship;
import org.apache.nifi.processor.VerifiableProcessor;
import org.apache.nifi.processor.util.StandardValidators;

/** Stands in for the official type of the same name. */
@InputRequirement(InputRequirement.Requirement.INPUT_REQUIRED)
@Tags({"json", "ndjson", "elasticsearch", "elasticsearch8", "put", "index"})
@CapabilityDescription("Sends JSON documents to the _bulk API of Elasticsearch, many in one request: each FlowFile is one, or "
        + "holds many as lines or as an array. An outage sends FlowFiles to retry, never to failure; a FlowFile without an id is refused unless generated ids are "
        + "allowed; a document that Elasticsearch refuses goes to errors with the reason.")
@WritesAttributes({
    @WritesAttribute(attribute = Routing.ATTRIBUTE_PUT_ERROR, description = "Why a FlowFile went to failure or retry"),
    @WritesAttribute(attribute = Routing.ATTRIBUTE_BULK_ERROR,
            description = "Why a document went to errors: its item of Elasticsearch's reply, as JSON"),
    @WritesAttribute(attribute = Routing.ATTRIBUTE_RECORD_INDEX,
            description = "Number of the line or element, from 0, that a FlowFile of the relationship errors was in its FlowFile"),
    @WritesAttribute(attribute = Routing.ATTRIBUTE_RECORD_OFFSET,
            description = "Number of lines or elements that stood before a FlowFile which is a part of another, and goes to retry"),
    @WritesAttribute(attribute = Routing.ATTRIBUTE_ERROR_COUNT,
            description = "Number of errors in a FlowFile of the relationship error_responses")})
@DynamicProperties({
    @DynamicProperty(
            name = PutConfiguration.ACTION_FIELD_PREFIX + " and a field of the action line",
            value = "Its value; left out where it is blank",
            expressionLanguageScope = ExpressionLanguageScope.FLOWFILE_ATTRIBUTES,
            description = "Adds a field to the action line of each document, as BULK:version, BULK:version_type, BULK:routing."),
    @DynamicProperty(
            name = PutConfiguration.HEADER_PREFIX + " and the name of a request header",
            value = "Its value; left out where it is blank",
            expressionLanguageScope = ExpressionLanguageScope.FLOWFILE_ATTRIBUTES,
            description = "Adds a header to the request, as HEADER: X-Opaque-Id. The first FlowFile of a batch decides."),
    @DynamicProperty(
            name = "Name of a URL parameter",
            value = "Its value; left out where it is blank",
            expressionLanguageScope = ExpressionLanguageScope.FLOWFILE_ATTRIBUTES,
            description = "Adds a parameter to the request, as refresh or pipeline. The first FlowFile of a batch decides.")})
@SystemResourceConsideration(
        resource = SystemResource.MEMORY,
        description = "Two requests of Max Batch Size for each concurrent task, whatever the size of FlowFiles with many "
                + "documents; a larger document is held as a whole, twice.")
public class PutElasticsearchJson extends AbstractProcessor implements VerifiableProcessor {

    private static final String FIELD_PATH_MODE = "Field Path Mode";
    private static final Set<Relationship> RELATIONSHIPS =
            Set.of(Routing.REL_ORIGINAL, Routing.REL_SUCCESSFUL, Routing.REL_ERRORS, Routing.REL_RETRY, Routing.REL_FAILURE);
    private static final Set<Relationship> RELATIONSHIPS_WITH_RESPONSES = Set.of(Routing.REL_ORIGINAL, Routing.REL_SUCCESSFUL,
            Routing.REL_ERRORS, Routing.REL_RETRY, Routing.REL_FAILURE, Routing.REL_ERROR_RESPONSES);
    private static final String STEP_INDEX = "Elasticsearch Index Exists";

    private volatile Set<Relationship> relationships = RELATIONSHIPS;
    private volatile PutConfiguration configuration;

    @Override
    protected List<PropertyDescriptor> getSupportedPropertyDescriptors() {
        return PutProperties.ALL;
    }

    @Override
    public Set<Relationship> getRelationships() {
        return relationships;
    }

    @Override
    protected PropertyDescriptor getSupportedDynamicPropertyDescriptor(final String propertyDescriptorName) {
        return ClientProperties.dynamic(propertyDescriptorName, ExpressionLanguageScope.FLOWFILE_ATTRIBUTES,
                StandardValidators.NON_EMPTY_VALIDATOR);
    }

    @Override
    public void onPropertyModified(final PropertyDescriptor descriptor, final String oldValue, final String newValue) {
        if (PutProperties.OUTPUT_ERROR_RESPONSES.equals(descriptor)) {
            relationships = Boolean.parseBoolean(newValue) ? RELATIONSHIPS_WITH_RESPONSES : RELATIONSHIPS;
        }
    }

    /**
     * Takes flows of other versions of the official processor: later ones name the properties as they display them. What holds
     * all the same where it is not set is taken off, so that the official processor of this version can have the flow.
     */
    @Override
    public void migrateProperties(final PropertyConfiguration config) {
        ClientProperties.renameToNames(PutProperties.ALL, config);
        config.renameProperty("Max FlowFiles Per Batch", PutProperties.BATCH_SIZE.getName());
        config.renameProperty("Treat Not Found as Success", PutProperties.NOT_FOUND_IS_SUCCESSFUL.getName());
        config.renameProperty("put-es-json-not_found-is-error", PutProperties.NOT_FOUND_IS_SUCCESSFUL.getName());
        config.removeProperty("put-es-json-error-documents");
        // Of a later version, which sends an unlimited amount where it is blank, and a copy of each request on demand.
        if (config.getRawPropertyValue(PutProperties.MAX_BATCH_SIZE.getName()).filter(String::isBlank).isPresent()) {
            config.removeProperty(PutProperties.MAX_BATCH_SIZE.getName());
        }
        config.removeProperty("Output Bulk Request");
        if (config.getRawPropertyValue(FIELD_PATH_MODE).filter("Literal Field Name"::equals).isPresent()) {
            config.removeProperty(FIELD_PATH_MODE);
        }
    }

    @Override
    public void migrateRelationships(final RelationshipConfiguration config) {
        config.renameRelationship("success", Routing.REL_ORIGINAL.getName());
    }

    @Override
    protected Collection<ValidationResult> customValidate(final ValidationContext context) {
        final List<ValidationResult> results = new ArrayList<>();
        final PropertyValue operation = context.getProperty(PutProperties.INDEX_OP);
        if (!operation.isExpressionLanguagePresent() && Operation.of(operation.getValue()).isEmpty()) {
            results.add(ClientProperties.invalid(PutProperties.INDEX_OP.getDisplayName(),
                    "it must be create, delete, index, update or upsert, or an expression, not '" + operation.getValue() + "'"));
        }
        final PropertyDescriptor id = PutProperties.isSingleJson(context)
                ? PutProperties.ID_ATTRIBUTE : PutProperties.IDENTIFIER_FIELD;
        if (!context.getProperty(id).isSet() && !PutProperties.isTrue(context, PutProperties.ALLOW_GENERATED_IDS)) {
            results.add(ClientProperties.invalid(id.getDisplayName(), "each document needs an id, unless '"
                    + PutProperties.ALLOW_GENERATED_IDS.getDisplayName() + "' is true"));
        }
        context.getProperties().keySet().stream().map(PropertyDescriptor::getName).forEach(name -> {
            if (BulkPipeline.FILTER_PARAMETER.equals(name)) {
                results.add(ClientProperties.invalid(name, "the reply must be whole to tell what became of each document"));
            } else if (FIELD_PATH_MODE.equals(name)) {
                results.add(ClientProperties.invalid(name, "only top-level fields can be named here; remove the property"));
            } else if (name.startsWith(PutConfiguration.HEADER_PREFIX)) {
                ClientProperties.checkHeader(name, name.substring(PutConfiguration.HEADER_PREFIX.length()).strip()).ifPresent(results::add);
            }
        });
        return results;
    }

    @OnScheduled
    public void onScheduled(final ProcessContext context) {
        configuration = PutConfiguration.of(context);
    }

    @Override
    public void onTrigger(final ProcessContext context, final ProcessSession session) {
        PutBatch.run(configuration, context, session, getLogger());
    }

    @Override
    public List<ConfigVerificationResult> verify(final ProcessContext context, final ComponentLog verificationLogger,
            final Map<String, String> attributes) {
        final String index = context.getProperty(PutProperties.INDEX).evaluateAttributeExpressions(attributes).getValue();
        final ConfigVerificationResult.Builder result = new ConfigVerificationResult.Builder().verificationStepName(STEP_INDEX);
        if (index == null || index.isBlank()) {
            return List.of(result.outcome(Outcome.SKIPPED).explanation("Index is blank for these attributes").build());
        }
        try {
            final boolean exists = context.getProperty(PutProperties.CLIENT_SERVICE)
                    .asControllerService(ElasticSearchClientService.class).exists(index);
            return List.of(result.outcome(Outcome.SUCCESSFUL).explanation("Index " + index
                    + (exists ? " exists" : " does not exist; the first document may create it")).build());
        } catch (final IOException e) {
            verificationLogger.warn("Index {} cannot be looked up", index, e);
            return List.of(result.outcome(Outcome.FAILED).explanation("Index " + index + " cannot be looked up: " + e.getMessage()).build());
        }
    }
}
