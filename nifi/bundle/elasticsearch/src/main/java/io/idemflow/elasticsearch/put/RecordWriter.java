package io.idemflow.elasticsearch.put;

import io.idemflow.elasticsearch.bulk.BulkBody;
import io.idemflow.elasticsearch.bulk.Operation;
import io.idemflow.elasticsearch.documents.BadDocumentException.Fault;
import io.idemflow.elasticsearch.documents.BadDocumentException;
import io.idemflow.elasticsearch.documents.DocumentFields.Role;
import io.idemflow.elasticsearch.documents.DocumentFields;
import io.idemflow.elasticsearch.documents.DocumentScanner;
import io.idemflow.elasticsearch.documents.Documents;
import io.idemflow.elasticsearch.documents.RecordReader;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;

/** Writes the operations of records, each of which says itself what its id, version and so on are. Not thread-safe. */
final class RecordWriter {

    private static final Pattern DIGITS = Pattern.compile("[0-9]{1,19}");

    private final PutConfiguration configuration;
    private final DocumentFields fields;
    private final DocumentScanner scanner;
    private final OperationWriter writer;
    private final OperationWriter plainWriter;
    private final BulkBody decoded = new BulkBody(1024);

    RecordWriter(final PutConfiguration configuration, final Documents documents) {
        this.configuration = configuration;
        fields = configuration.fields();
        scanner = configuration.scanner();
        writer = new OperationWriter(documents, scanner, configuration.suppressNulls());
        plainWriter = new OperationWriter(documents, scanner, false);
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
            throw new BadDocumentException(Fault.SIZE, "It has " + record.length() + " bytes; a document has at most "
                    + PutConfiguration.MAXIMUM_DOCUMENT_BYTES);
        }
        final int length = (int) record.length();
        if (StandardCharsets.UTF_8.equals(settings.charset())) {
            Documents.checkEncoding(record.bytes(), record.start(), record.start() + length);
            scanner.scan(record.bytes(), record.start(), length);
        } else {
            decoded.truncate(0);
            decoded.append(record.bytes(), record.start(), length);
            Documents.decode(decoded, 0, settings.charset());
            scanner.scan(decoded.bytes(), 0, decoded.length());
        }
        final Operation operation = operation(settings);
        final String index = index(settings);
        final boolean wholeDocument = operation == Operation.INDEX || operation == Operation.CREATE;
        (wholeDocument ? writer : plainWriter).write(body, settings, operation, index, id(operation), version(operation));
    }

    private Operation operation(final OperationSettings settings) throws BadDocumentException {
        final String named = scanner.text(Role.OPERATION);
        return named == null ? settings.operation()
                : OperationSettings.operation("The field '" + fields.name(Role.OPERATION) + "'", named);
    }

    private String index(final OperationSettings settings) throws BadDocumentException {
        final String named = scanner.text(Role.INDEX);
        if (named == null && settings.index() == null) {
            throw new BadDocumentException(Fault.INDEX, "The property Index is blank for this FlowFile"
                    + (fields.has(Role.INDEX) ? ", and the field '" + fields.name(Role.INDEX) + "' names none" : ""));
        }
        return named == null ? settings.index() : named;
    }

    private String id(final Operation operation) throws BadDocumentException {
        final String id = scanner.text(Role.IDENTIFIER);
        if (id != null || configuration.allowGeneratedIds() && operation.generatesIds()) {
            return id;
        }
        throw OperationSettings.withoutId(fields.has(Role.IDENTIFIER)
                ? "The field '" + fields.name(Role.IDENTIFIER) + "', which holds the id, is blank or missing"
                : "The property Identifier Field is not set", operation);
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
