package io.idemflow.elasticsearch.put;

import io.idemflow.elasticsearch.bulk.BulkBody;
import io.idemflow.elasticsearch.bulk.Operation;
import io.idemflow.elasticsearch.documents.BadDocumentException;
import io.idemflow.elasticsearch.documents.BadDocumentException.Fault;
import io.idemflow.elasticsearch.documents.DocumentFields;
import io.idemflow.elasticsearch.documents.DocumentFields.Role;
import io.idemflow.elasticsearch.documents.DocumentScanner;
import io.idemflow.elasticsearch.documents.Documents;
import io.idemflow.elasticsearch.documents.RecordReader;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;
import org.apache.nifi.flowfile.FlowFile;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.processor.exception.ProcessException;

/**
 * Writes the operations of documents: of FlowFiles that are one each, with the id in an attribute, or of records, each of
 * which says itself what its id, version and so on are. Not thread-safe.
 */
final class DocumentWriter {

    private static final Pattern DIGITS = Pattern.compile("[0-9]{1,19}");

    private final PutConfiguration configuration;
    private final ProcessSession session;
    private final DocumentFields fields;
    private final Documents documents;
    private final DocumentScanner scanner;
    private final OperationWriter writer;
    private final boolean suppressNulls;
    private final BulkBody content = new BulkBody(1024);

    DocumentWriter(final PutConfiguration configuration, final ProcessSession session) {
        this.configuration = configuration;
        this.session = session;
        fields = configuration.fields();
        documents = new Documents(configuration.parsers(), configuration.maximumStringLength());
        scanner = new DocumentScanner(configuration.parsers(), configuration.maximumStringLength(), fields);
        writer = new OperationWriter(documents, scanner);
        suppressNulls = configuration.singleDocuments()
                ? configuration.client().isSuppressingNulls() : configuration.suppressNulls();
    }

    /**
     * What the properties say about a FlowFile.
     *
     * @throws BadDocumentException where a property has no usable value for it
     */
    OperationSettings settings(final FlowFile flowFile) throws BadDocumentException {
        return OperationSettings.of(configuration, documents, flowFile);
    }

    /**
     * Appends the operation of a FlowFile to a body, or nothing.
     *
     * @throws BadDocumentException where the FlowFile can never be sent as it is
     */
    void write(final FlowFile flowFile, final BulkBody body) throws BadDocumentException {
        final OperationSettings settings = settings(flowFile);
        final Operation operation = settings.operation();
        final boolean sendsContent = operation != Operation.DELETE && !(operation == Operation.UPDATE && settings.script() != null);
        final boolean reads = sendsContent || fields.has(Role.INDEX) && flowFile.getSize() > 0;
        if (reads) {
            if (flowFile.getSize() > PutConfiguration.MAXIMUM_DOCUMENT_BYTES) {
                throw tooLarge(flowFile.getSize());
            }
            content.truncate(0);
            try (InputStream stream = session.read(flowFile)) {
                content.append(stream, (int) flowFile.getSize());
            } catch (final IOException e) {
                throw new ProcessException("The content of " + flowFile + " cannot be read", e);
            }
            scanContent(settings);
        }
        final String index = index(settings, reads ? scanner.text(Role.INDEX) : null);
        final String attribute = configuration.idAttribute();
        final String id = id(operation, attribute == null ? null : FlowFileProperty.blankToNull(flowFile.getAttribute(attribute)));
        writer.write(body, settings, operation, index, id, null, suppressNulls);
    }

    /**
     * Appends the operation of a record to a body, or nothing.
     *
     * @param record has gone to the record
     * @param settings what the properties say
     * @throws BadDocumentException where the record can never be sent as it is
     */
    void write(final RecordReader record, final OperationSettings settings, final BulkBody body) throws BadDocumentException {
        if (record.isTooLong()) {
            throw tooLarge(record.length());
        }
        final int length = (int) record.length();
        if (StandardCharsets.UTF_8.equals(settings.charset())) {
            Documents.checkEncoding(record.bytes(), record.start(), record.start() + length);
            scanner.scan(record.bytes(), record.start(), length);
        } else {
            content.truncate(0);
            content.append(record.bytes(), record.start(), length);
            scanContent(settings);
        }
        final String named = scanner.text(Role.OPERATION);
        final Operation operation = named == null ? settings.operation()
                : OperationSettings.operation("The field '" + fields.name(Role.OPERATION) + "'", named);
        final boolean wholeDocument = operation == Operation.INDEX || operation == Operation.CREATE;
        writer.write(body, settings, operation, index(settings, scanner.text(Role.INDEX)), id(operation, scanner.text(Role.IDENTIFIER)),
                version(operation), suppressNulls && wholeDocument);
    }

    private void scanContent(final OperationSettings settings) throws BadDocumentException {
        Documents.decode(content, 0, settings.charset());
        scanner.scan(content.bytes(), 0, content.length());
    }

    private static BadDocumentException tooLarge(final long bytes) {
        return new BadDocumentException(Fault.SIZE, "It has " + bytes + " bytes; a document has at most "
                + PutConfiguration.MAXIMUM_DOCUMENT_BYTES + ", for Elasticsearch takes no request above 100 MB");
    }

    private String index(final OperationSettings settings, final String named) throws BadDocumentException {
        if (named == null && settings.index() == null) {
            throw new BadDocumentException(Fault.INDEX, "The property Index is blank for this FlowFile"
                    + (fields.has(Role.INDEX) ? ", and the field '" + fields.name(Role.INDEX) + "' names none" : ""));
        }
        return named == null ? settings.index() : named;
    }

    private String id(final Operation operation, final String id) throws BadDocumentException {
        if (id != null || configuration.allowGeneratedIds() && operation.generatesIds()) {
            return id;
        }
        final boolean single = configuration.singleDocuments();
        final String name = single ? configuration.idAttribute() : fields.has(Role.IDENTIFIER) ? fields.name(Role.IDENTIFIER) : null;
        final String cause = name == null ? "The property Identifier " + (single ? "Attribute" : "Field") + " is not set"
                : "The " + (single ? "attribute" : "field") + " '" + name + "', which holds the id, is blank or missing";
        throw new BadDocumentException(Fault.IDENTIFIER, cause + (operation.generatesIds()
                ? "; without an id a document is there twice as soon as it is sent twice (Allow Generated Identifiers permits it)"
                : "; the operation " + operation.value() + " needs an id"));
    }

    private Long version(final Operation operation) throws BadDocumentException {
        if (!scanner.has(Role.VERSION)) {
            return null;
        }
        final String field = "The field '" + fields.name(Role.VERSION) + "', which holds the version, ";
        final String text = scanner.text(Role.VERSION);
        if (text == null || !DIGITS.matcher(text).matches()) {
            throw new BadDocumentException(Fault.VERSION, field + "is " + (text == null ? "blank" : "'" + text + "'")
                    + ", not a whole number from 0 to " + Long.MAX_VALUE);
        }
        if (operation != Operation.INDEX && operation != Operation.DELETE) {
            // Elasticsearch would refuse the whole request for it.
            throw new BadDocumentException(Fault.VERSION, field + "goes with the operations index and delete alone, not with "
                    + operation.value());
        }
        try {
            return Long.valueOf(text);
        } catch (final NumberFormatException e) {
            throw new BadDocumentException(Fault.VERSION, field + "is " + text + ", above " + Long.MAX_VALUE, e);
        }
    }
}
