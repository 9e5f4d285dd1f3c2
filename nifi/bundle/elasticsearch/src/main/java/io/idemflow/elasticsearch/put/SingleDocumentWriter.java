package io.idemflow.elasticsearch.put;

import io.idemflow.elasticsearch.bulk.BulkBody;
import io.idemflow.elasticsearch.bulk.Operation;
import io.idemflow.elasticsearch.documents.BadDocumentException.Fault;
import io.idemflow.elasticsearch.documents.BadDocumentException;
import io.idemflow.elasticsearch.documents.DocumentFields.Role;
import io.idemflow.elasticsearch.documents.DocumentScanner;
import io.idemflow.elasticsearch.documents.Documents;
import java.io.IOException;
import java.io.InputStream;
import org.apache.nifi.flowfile.FlowFile;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.processor.exception.ProcessException;

/** Writes the operations of FlowFiles that are one document each. Not thread-safe. */
final class SingleDocumentWriter {

    private final PutConfiguration configuration;
    private final ProcessSession session;
    private final Documents documents;
    private final DocumentScanner scanner;
    private final OperationWriter writer;
    private final BulkBody content = new BulkBody(1024);

    SingleDocumentWriter(final PutConfiguration configuration, final ProcessSession session) {
        this.configuration = configuration;
        this.session = session;
        documents = configuration.documents();
        scanner = configuration.scanner();
        writer = new OperationWriter(documents, scanner, configuration.client().isSuppressingNulls());
    }

    /**
     * Appends the operation of a FlowFile to a body, or nothing.
     *
     * @throws BadDocumentException where the FlowFile can never be sent as it is
     */
    void write(final FlowFile flowFile, final BulkBody body) throws BadDocumentException {
        final OperationSettings settings = OperationSettings.of(configuration, documents, flowFile);
        final Operation operation = settings.operation();
        final boolean namesIndex = configuration.fields().has(Role.INDEX) && flowFile.getSize() > 0;
        String index = settings.index();
        if (sendsContent(settings) || namesIndex) {
            read(flowFile, settings);
            final String named = scanner.text(Role.INDEX);
            index = named == null ? index : named;
        }
        if (index == null) {
            throw new BadDocumentException(Fault.INDEX, "The property Index is blank for this FlowFile");
        }
        writer.write(body, settings, operation, index, id(flowFile, operation), null);
    }

    private static boolean sendsContent(final OperationSettings settings) {
        return settings.operation() != Operation.DELETE
                && !(settings.operation() == Operation.UPDATE && settings.script() != null);
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
        throw OperationSettings.withoutId(attribute == null
                ? "The property Identifier Attribute is not set"
                : "The attribute '" + attribute + "', which holds the id, is blank or missing", operation);
    }

    private void read(final FlowFile flowFile, final OperationSettings settings) throws BadDocumentException {
        if (flowFile.getSize() > PutConfiguration.MAXIMUM_DOCUMENT_BYTES) {
            throw new BadDocumentException(Fault.SIZE, "It has " + flowFile.getSize() + " bytes; a document has at most "
                    + PutConfiguration.MAXIMUM_DOCUMENT_BYTES);
        }
        content.truncate(0);
        try (InputStream stream = session.read(flowFile)) {
            content.append(stream, (int) flowFile.getSize());
        } catch (final IOException e) {
            throw new ProcessException("The content of " + flowFile + " cannot be read", e);
        }
        Documents.decode(content, 0, settings.charset());
        scanner.scan(content.bytes(), 0, content.length());
    }
}
