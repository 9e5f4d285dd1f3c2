package io.idemflow.elasticsearch.put;

import io.idemflow.elasticsearch.bulk.Operation;
import io.idemflow.elasticsearch.documents.BadDocumentException;
import io.idemflow.elasticsearch.documents.BadDocumentException.Fault;
import io.idemflow.elasticsearch.documents.Documents;
import java.nio.charset.Charset;
import java.nio.charset.IllegalCharsetNameException;
import java.nio.charset.StandardCharsets;
import java.nio.charset.UnsupportedCharsetException;
import java.util.Map;
import org.apache.nifi.flowfile.FlowFile;

/**
 * What the properties say about the documents of one FlowFile.
 *
 * @param index may be null
 * @param type may be null
 * @param script a JSON object, or null
 * @param dynamicTemplates a JSON object, or null
 * @param actionFields further fields of the action line
 */
record OperationSettings(
        Operation operation,
        String index,
        String type,
        byte[] script,
        boolean scriptedUpsert,
        byte[] dynamicTemplates,
        Map<String, String> actionFields,
        Charset charset) {

    /**
     * @throws BadDocumentException where a property has no usable value for this FlowFile
     */
    static OperationSettings of(final PutConfiguration configuration, final Documents documents, final FlowFile flowFile)
            throws BadDocumentException {
        return new OperationSettings(
                operation("The property Index Operation", configuration.operation().value(flowFile)),
                configuration.index().value(flowFile),
                configuration.type().value(flowFile),
                json(configuration.script(), "Script", documents, flowFile),
                Boolean.parseBoolean(configuration.scriptedUpsert().value(flowFile)),
                json(configuration.dynamicTemplates(), "Dynamic Templates", documents, flowFile),
                FlowFileProperty.values(configuration.actionFields(), flowFile),
                charset(configuration.charset().value(flowFile)));
    }

    /**
     * @param source what gives the value, for the message
     */
    static Operation operation(final String source, final String value) throws BadDocumentException {
        return Operation.of(value).orElseThrow(() -> new BadDocumentException(Fault.OPERATION,
                source + " is '" + value + "' here, not create, delete, index, update or upsert"));
    }

    private static Charset charset(final String name) throws BadDocumentException {
        try {
            return name == null ? StandardCharsets.UTF_8 : Charset.forName(name);
        } catch (final IllegalCharsetNameException | UnsupportedCharsetException e) {
            throw new BadDocumentException(Fault.PROPERTY,
                    "The property Character Set is '" + name + "' for this FlowFile, which is no known encoding", e);
        }
    }

    private static byte[] json(final FlowFileProperty property, final String displayName, final Documents documents,
            final FlowFile flowFile) throws BadDocumentException {
        final String text = property.value(flowFile);
        if (text == null) {
            return null;
        }
        try {
            return documents.normalize(text);
        } catch (final BadDocumentException e) {
            throw new BadDocumentException(Fault.PROPERTY,
                    "The property " + displayName + " is not usable for this FlowFile. " + e.getMessage(), e);
        }
    }
}
