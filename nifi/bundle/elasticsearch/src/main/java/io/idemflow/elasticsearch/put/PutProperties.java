package io.idemflow.elasticsearch.put;

import static io.idemflow.elasticsearch.client.ClientProperties.flag;
import static io.idemflow.elasticsearch.client.ClientProperties.property;

import io.idemflow.elasticsearch.bulk.Operation;
import io.idemflow.elasticsearch.client.ClientProperties;
import java.util.List;
import java.util.Map;
import org.apache.nifi.components.AllowableValue;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.context.PropertyContext;
import org.apache.nifi.elasticsearch.ElasticSearchClientService;
import org.apache.nifi.expression.ExpressionLanguageScope;
import org.apache.nifi.processor.util.StandardValidators;

/**
 * The properties of PutElasticsearchJson, by the names, display names and defaults of the official processor in
 * NiFi 2.3.0. Those that a later version added (Input Content Format, Max Batch Size, Suppress Nulls, the fields for id,
 * index and timestamp) have their names there; Allow Generated Identifiers, Version Field and Operation Field are this
 * project's own.
 *
 * <p>What the official processor of 2.3.0 lacks has no default: NiFi writes defaults into flows, and there they would be
 * parameters of each request, which Elasticsearch refuses. {@link #WHERE_UNSET} has what holds instead.
 */
public final class PutProperties {

    public static final AllowableValue SINGLE_JSON = new AllowableValue("Single JSON", "Single JSON", "Each FlowFile is one document");
    public static final AllowableValue NDJSON = new AllowableValue("NDJSON", "NDJSON", "Each line of a FlowFile is a document");
    public static final AllowableValue JSON_ARRAY = new AllowableValue("JSON Array", "JSON Array",
            "Each element of an array, or of several one after the other, is a document");

    public static final PropertyDescriptor INPUT_FORMAT = property("Input Content Format", "Input Content Format",
            "How many documents a FlowFile holds, and how. FlowFiles of many documents are read as streams and sent in "
            + "requests of about Max Batch Size, whatever their own size. Where it is not set: Single JSON.")
            .allowableValues(SINGLE_JSON, NDJSON, JSON_ARRAY).build();

    public static final PropertyDescriptor ID_ATTRIBUTE = property("put-es-json-id-attr", "Identifier Attribute",
            "Name of the FlowFile attribute that holds the id of the document, for Single JSON. A FlowFile without an id goes "
            + "to failure, unless Allow Generated Identifiers is true.")
            .addValidator(StandardValidators.ATTRIBUTE_KEY_VALIDATOR).build();

    public static final PropertyDescriptor ALLOW_GENERATED_IDS =
            property("Allow Generated Identifiers", "Allow Generated Identifiers",
            "Whether Elasticsearch makes up an id where a FlowFile has none, for the operations index and create. Such a "
            + "document is there twice as soon as its FlowFile is sent twice. Where it is not set: false.")
            .allowableValues("true", "false").build();

    public static final PropertyDescriptor INDEX_OP = property("put-es-record-index-op", "Index Operation",
            "What to do with the document: create, delete, index, update or upsert.").required(true).defaultValue("index")
            .expressionLanguageSupported(ExpressionLanguageScope.FLOWFILE_ATTRIBUTES)
            .addValidator(StandardValidators.NON_EMPTY_EL_VALIDATOR).build();

    public static final PropertyDescriptor INDEX = property("el-rest-fetch-index", "Index",
            "Name of the index, alias or data stream.").required(true)
            .expressionLanguageSupported(ExpressionLanguageScope.FLOWFILE_ATTRIBUTES)
            .addValidator(StandardValidators.NON_EMPTY_VALIDATOR).build();

    public static final PropertyDescriptor TYPE = property("el-rest-type", "Type",
            "Type of the document, for Elasticsearch before 7; later ones refuse it.")
            .expressionLanguageSupported(ExpressionLanguageScope.FLOWFILE_ATTRIBUTES)
            .addValidator(StandardValidators.NON_EMPTY_VALIDATOR).build();

    public static final PropertyDescriptor SCRIPT = property("put-es-json-script", "Script",
            "Script of an update or upsert, as a JSON object. With a script the content of the FlowFile is the document "
            + "that an upsert creates.").expressionLanguageSupported(ExpressionLanguageScope.FLOWFILE_ATTRIBUTES)
            .addValidator(StandardValidators.NON_BLANK_VALIDATOR).build();

    public static final PropertyDescriptor SCRIPTED_UPSERT = property("put-es-json-scripted-upsert", "Scripted Upsert",
            "Whether the script of an upsert also runs where the document does not exist.").defaultValue("false")
            .expressionLanguageSupported(ExpressionLanguageScope.FLOWFILE_ATTRIBUTES)
            .addValidator(StandardValidators.BOOLEAN_VALIDATOR).build();

    public static final PropertyDescriptor DYNAMIC_TEMPLATES = property("put-es-json-dynamic_templates", "Dynamic Templates",
            "Dynamic templates of the document's fields, as a JSON object.")
            .expressionLanguageSupported(ExpressionLanguageScope.FLOWFILE_ATTRIBUTES)
            .addValidator(StandardValidators.NON_BLANK_VALIDATOR).build();

    public static final PropertyDescriptor BATCH_SIZE = property("put-es-record-batch-size", "Batch Size",
            "How many FlowFiles are sent in one request at most, for Single JSON.")
            .required(true).defaultValue("100").expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
            .addValidator(StandardValidators.POSITIVE_INTEGER_VALIDATOR).build();

    public static final PropertyDescriptor MAX_BATCH_SIZE = property("Max Batch Size", "Max Batch Size",
            "How much of documents goes in a request, whatever the number of FlowFiles they come in. FlowFiles of many "
            + "documents share a request, or take several. A request has 100 MB at most, as Elasticsearch takes no larger ones; "
            + "where its http.max_content_length is lower, give half of that here. Where it is not set: 10 MB.")
            .expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
            .addValidator(StandardValidators.createDataSizeBoundsValidator(1024, 512L * 1024 * 1024)).build();

    public static final PropertyDescriptor SUPPRESS_NULLS = property("Suppress Nulls", "Suppress Nulls",
            "Whether fields that are null or empty are left out of the documents of the operations index and create. For "
            + "Single JSON the client service's Suppress Null/Empty Values decides. Where it is not set: never.")
            .allowableValues(ClientProperties.NEVER_SUPPRESS, ClientProperties.ALWAYS_SUPPRESS)
            .dependsOn(INPUT_FORMAT, NDJSON, JSON_ARRAY).build();

    public static final PropertyDescriptor IDENTIFIER_FIELD = recordField("Identifier Field",
            "Top-level field of each document that holds its id: a string, a number or a boolean. A document without an id "
            + "goes to errors, unless Allow Generated Identifiers is true.").build();

    public static final PropertyDescriptor RETAIN_IDENTIFIER_FIELD = retain("Retain Identifier Field", IDENTIFIER_FIELD);

    public static final PropertyDescriptor VERSION_FIELD = recordField("Version Field",
            "Top-level field of each document that holds its version: a whole number from 0 to 2^63-1. It is taken out of "
            + "the document and sent as an external version (external_gte): an older version is refused, the same one is "
            + "written again. A document without the field is sent without a version.").build();

    public static final PropertyDescriptor OPERATION_FIELD = recordField("Operation Field",
            "Top-level field of each document that holds its operation, in place of Index Operation: create, delete, "
            + "index, update or upsert. It is taken out of the document. Where it is blank or missing, Index Operation "
            + "decides.").build();

    public static final PropertyDescriptor INDEX_FIELD = field("Index Field",
            "Top-level field of each document that holds the name of its index. Where it is blank or missing, Index "
            + "decides.").build();

    public static final PropertyDescriptor RETAIN_INDEX_FIELD = retain("Retain Index Field", INDEX_FIELD);

    public static final PropertyDescriptor TIMESTAMP_FIELD = field("Timestamp Field",
            "Top-level field of each document whose value becomes the document's @timestamp as well.").build();

    public static final PropertyDescriptor RETAIN_TIMESTAMP_FIELD = retain("Retain Timestamp Field", TIMESTAMP_FIELD);

    public static final PropertyDescriptor CHARSET = property("put-es-json-charset", "Character Set",
            "Encoding of the FlowFiles.").required(true).defaultValue("UTF-8")
            .expressionLanguageSupported(ExpressionLanguageScope.FLOWFILE_ATTRIBUTES)
            .addValidator(StandardValidators.CHARACTER_SET_VALIDATOR).build();

    public static final PropertyDescriptor MAX_STRING_LENGTH =
            property("Max JSON Field String Length", "Max JSON Field String Length",
            "Longest string that a document may hold.").required(true).defaultValue("20 MB")
            .addValidator(StandardValidators.createDataSizeBoundsValidator(1, Integer.MAX_VALUE)).build();

    public static final PropertyDescriptor CLIENT_SERVICE = property("el-rest-client-service", "Client Service",
            "The connection to Elasticsearch.").required(true).identifiesControllerService(ElasticSearchClientService.class)
            .build();

    public static final PropertyDescriptor LOG_ERROR_RESPONSES =
            flag("put-es-record-log-error-responses", "Log Error Responses", "false",
            "Whether the errors of documents are logged as errors; otherwise they are at the level debug.").build();

    public static final PropertyDescriptor OUTPUT_ERROR_RESPONSES =
            flag("put-es-output-error-responses", "Output Error Responses", "false",
            "Whether the errors of a request also go, as a FlowFile of their own, to the relationship error_responses.").build();

    public static final PropertyDescriptor NOT_FOUND_IS_SUCCESSFUL =
            flag("put-es-not_found-is-error", "Treat \"Not Found\" as Success", "true",
            "Whether it is a success that a document to be deleted does not exist.").build();

    public static final List<PropertyDescriptor> ALL = List.of(
            INPUT_FORMAT, ID_ATTRIBUTE, IDENTIFIER_FIELD, RETAIN_IDENTIFIER_FIELD, ALLOW_GENERATED_IDS, VERSION_FIELD, INDEX_OP,
            OPERATION_FIELD, INDEX, INDEX_FIELD, RETAIN_INDEX_FIELD, TYPE, TIMESTAMP_FIELD, RETAIN_TIMESTAMP_FIELD, SCRIPT,
            SCRIPTED_UPSERT, DYNAMIC_TEMPLATES, BATCH_SIZE, MAX_BATCH_SIZE, SUPPRESS_NULLS, CHARSET, MAX_STRING_LENGTH,
            CLIENT_SERVICE, LOG_ERROR_RESPONSES, OUTPUT_ERROR_RESPONSES, NOT_FOUND_IS_SUCCESSFUL);

    /** The values of those properties that have no default. */
    public static final Map<PropertyDescriptor, String> WHERE_UNSET = Map.of(
            INPUT_FORMAT, SINGLE_JSON.getValue(),
            ALLOW_GENERATED_IDS, "false",
            MAX_BATCH_SIZE, "10 MB",
            SUPPRESS_NULLS, ClientProperties.NEVER_SUPPRESS.getValue(),
            RETAIN_IDENTIFIER_FIELD, "true",
            RETAIN_INDEX_FIELD, "true",
            RETAIN_TIMESTAMP_FIELD, "true");

    private PutProperties() {
    }

    /** The value of a property that has no default. */
    static String value(final PropertyContext context, final PropertyDescriptor property) {
        final String value = context.getProperty(property).getValue();
        return value == null ? WHERE_UNSET.get(property) : value;
    }

    /** The same as true or false. */
    public static boolean isTrue(final PropertyContext context, final PropertyDescriptor property) {
        return Boolean.parseBoolean(value(context, property));
    }

    /** Whether each FlowFile is one document. */
    public static boolean isSingleJson(final PropertyContext context) {
        return SINGLE_JSON.getValue().equals(value(context, INPUT_FORMAT));
    }

    private static PropertyDescriptor.Builder field(final String name, final String description) {
        return property(name, name, description)
                .expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
                .addValidator(StandardValidators.NON_BLANK_VALIDATOR);
    }

    private static PropertyDescriptor.Builder recordField(final String name, final String description) {
        return field(name, description).dependsOn(INPUT_FORMAT, NDJSON, JSON_ARRAY);
    }

    private static PropertyDescriptor retain(final String name, final PropertyDescriptor field) {
        return property(name, name, "Whether that field stays in the document that is sent. Where it is not set: true.")
                .allowableValues("true", "false").dependsOn(field).build();
    }
}
