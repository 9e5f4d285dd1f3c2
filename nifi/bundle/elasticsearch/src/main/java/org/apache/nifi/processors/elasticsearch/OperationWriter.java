package org.apache.nifi.processors.elasticsearch;

import io.idemflow.elasticsearch.ActionLine;
import io.idemflow.elasticsearch.BadDocumentException;
import io.idemflow.elasticsearch.BulkBody;
import io.idemflow.elasticsearch.Documents;
import io.idemflow.elasticsearch.Operation;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.Charset;
import java.nio.charset.IllegalCharsetNameException;
import java.nio.charset.StandardCharsets;
import java.nio.charset.UnsupportedCharsetException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.nifi.flowfile.FlowFile;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.processor.exception.ProcessException;

/** Writes the operation of each FlowFile of a batch. Not thread-safe. */
final class OperationWriter {

    /** Elasticsearch's own limit of a request is 100 MB unless raised; a document near it cannot be held in memory often. */
    private static final long MAXIMUM_DOCUMENT_BYTES = 256L * 1024 * 1024;
    private static final byte[] DOC = ascii("{\"doc\":");
    private static final byte[] DOC_AS_UPSERT = ascii(",\"doc_as_upsert\":true}");
    private static final byte[] SCRIPT = ascii("{\"script\":");
    private static final byte[] SCRIPTED_UPSERT = ascii(",\"scripted_upsert\":");
    private static final byte[] UPSERT = ascii(",\"upsert\":");

    private final PutConfiguration configuration;
    private final ProcessSession session;
    private final Documents documents;
    private final ActionLine actionLine = new ActionLine();

    OperationWriter(final PutConfiguration configuration, final ProcessSession session, final Documents documents) {
        this.configuration = configuration;
        this.session = session;
        this.documents = documents;
    }

    /**
     * Appends the operation of a FlowFile to a body, or nothing.
     *
     * @throws BadDocumentException where the FlowFile can never be sent as it is
     */
    void write(final FlowFile flowFile, final BulkBody body) throws BadDocumentException {
        try {
            final Operation operation = operation(flowFile);
            final String index = configuration.index().value(flowFile);
            if (index == null) {
                throw new BadDocumentException("The property Index is blank for this FlowFile");
            }
            actionLine.write(body, operation, index, configuration.type().value(flowFile), id(flowFile, operation),
                    json(configuration.dynamicTemplates(), "Dynamic Templates", flowFile), fields(flowFile));
            if (operation.isUpdate()) {
                writeUpdate(flowFile, operation, body);
            } else if (operation != Operation.DELETE) {
                writeContent(flowFile, body);
                body.append('\n');
            }
            body.endOperation();
        } catch (final BadDocumentException e) {
            body.dropOperation();
            throw e;
        }
    }

    private Operation operation(final FlowFile flowFile) throws BadDocumentException {
        final String value = configuration.operation().value(flowFile);
        return Operation.of(value).orElseThrow(() -> new BadDocumentException("The property Index Operation is '" + value
                + "' for this FlowFile, not create, delete, index, update or upsert"));
    }

    private String id(final FlowFile flowFile, final Operation operation) throws BadDocumentException {
        final String attribute = configuration.idAttribute();
        final String id = attribute == null ? null : flowFile.getAttribute(attribute);
        if (id != null && !id.isBlank()) {
            return id;
        }
        if (configuration.allowGeneratedIds() && operation.generatesIds()) {
            return null;
        }
        throw new BadDocumentException((attribute == null
                ? "The property Identifier Attribute is not set"
                : "The attribute '" + attribute + "', which holds the id, is blank or missing")
                + (operation.generatesIds()
                ? "; without an id a document is there twice as soon as it is sent twice (Allow Generated Identifiers permits it)"
                : "; the operation " + operation.value() + " needs an id"));
    }

    private Map<String, String> fields(final FlowFile flowFile) {
        if (configuration.actionFields().isEmpty()) {
            return Map.of();
        }
        final Map<String, String> fields = LinkedHashMap.newLinkedHashMap(configuration.actionFields().size());
        configuration.actionFields().forEach((name, property) -> {
            final String value = property.value(flowFile);
            if (value != null) {
                fields.put(name, value);
            }
        });
        return fields;
    }

    private void writeUpdate(final FlowFile flowFile, final Operation operation, final BulkBody body) throws BadDocumentException {
        final byte[] script = json(configuration.script(), "Script", flowFile);
        if (script == null) {
            body.append(DOC);
            writeContent(flowFile, body);
            body.append(operation == Operation.UPSERT ? DOC_AS_UPSERT : ascii("}"));
        } else {
            body.append(SCRIPT);
            body.append(script);
            if (operation == Operation.UPSERT) {
                body.append(SCRIPTED_UPSERT);
                body.append(ascii(String.valueOf(Boolean.parseBoolean(configuration.scriptedUpsert().value(flowFile)))));
                body.append(UPSERT);
                writeContent(flowFile, body);
            }
            body.append('}');
        }
        body.append('\n');
    }

    private void writeContent(final FlowFile flowFile, final BulkBody body) throws BadDocumentException {
        if (flowFile.getSize() > MAXIMUM_DOCUMENT_BYTES) {
            throw new BadDocumentException("It has " + flowFile.getSize() + " bytes; a document has at most " + MAXIMUM_DOCUMENT_BYTES);
        }
        final int start = body.length();
        try (InputStream content = session.read(flowFile)) {
            body.append(content, (int) flowFile.getSize());
        } catch (final IOException e) {
            throw new ProcessException("The content of " + flowFile + " cannot be read", e);
        }
        documents.normalize(body, start, charset(flowFile));
    }

    private Charset charset(final FlowFile flowFile) throws BadDocumentException {
        final String name = configuration.charset().value(flowFile);
        try {
            return name == null ? StandardCharsets.UTF_8 : Charset.forName(name);
        } catch (final IllegalCharsetNameException | UnsupportedCharsetException e) {
            throw new BadDocumentException("The property Character Set is '" + name + "' for this FlowFile, which is no known encoding", e);
        }
    }

    private byte[] json(final FlowFileProperty property, final String displayName, final FlowFile flowFile)
            throws BadDocumentException {
        final String text = property.value(flowFile);
        if (text == null) {
            return null;
        }
        try {
            return documents.normalize(text);
        } catch (final BadDocumentException e) {
            throw new BadDocumentException("The property " + displayName + " is not usable for this FlowFile. " + e.getMessage(), e);
        }
    }

    private static byte[] ascii(final String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
