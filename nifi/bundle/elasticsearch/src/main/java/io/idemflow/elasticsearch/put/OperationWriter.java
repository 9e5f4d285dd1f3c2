package io.idemflow.elasticsearch.put;

import io.idemflow.elasticsearch.bulk.BulkBody;
import io.idemflow.elasticsearch.bulk.Operation;
import io.idemflow.elasticsearch.documents.BadDocumentException;
import io.idemflow.elasticsearch.documents.DocumentScanner;
import io.idemflow.elasticsearch.documents.Documents;
import java.nio.charset.StandardCharsets;

/** Writes operations: the action line, and the document in what goes around it. Not thread-safe. */
final class OperationWriter {

    private static final byte[] DOC = ascii("{\"doc\":");
    private static final byte[] DOC_AS_UPSERT = ascii(",\"doc_as_upsert\":true}");
    private static final byte[] SCRIPT = ascii("{\"script\":");
    private static final byte[] SCRIPTED_UPSERT = ascii(",\"scripted_upsert\":");
    private static final byte[] UPSERT = ascii(",\"upsert\":");

    private final Documents documents;
    private final DocumentScanner scanner;
    private final boolean suppressNulls;
    private final ActionLine actionLine = new ActionLine();

    /**
     * @param scanner has read the document that an operation is written for
     * @param suppressNulls whether null and empty fields are left out
     */
    OperationWriter(final Documents documents, final DocumentScanner scanner, final boolean suppressNulls) {
        this.documents = documents;
        this.scanner = scanner;
        this.suppressNulls = suppressNulls;
    }

    /**
     * Appends an operation to a body, or nothing.
     *
     * @param settings what the properties say
     * @param operation what to do, whatever the properties say
     * @param index where
     * @param id the id, or null where Elasticsearch shall make one up
     * @param version the version, or null
     * @throws BadDocumentException where it cannot be written
     */
    void write(final BulkBody body, final OperationSettings settings, final Operation operation, final String index,
            final String id, final Long version) throws BadDocumentException {
        try {
            actionLine.write(body, operation, index, settings.type(), id, version, settings.dynamicTemplates(),
                    settings.actionFields());
        } catch (final BadDocumentException e) {
            body.dropOperation();
            throw e;
        }
        if (operation.isUpdate()) {
            writeUpdate(body, settings, operation);
        } else if (operation != Operation.DELETE) {
            writeDocument(body);
            body.append('\n');
        }
        body.endOperation();
    }

    private void writeUpdate(final BulkBody body, final OperationSettings settings, final Operation operation) {
        if (settings.script() == null) {
            body.append(DOC);
            writeDocument(body);
            body.append(operation == Operation.UPSERT ? DOC_AS_UPSERT : ascii("}"));
        } else {
            body.append(SCRIPT);
            body.append(settings.script());
            if (operation == Operation.UPSERT) {
                body.append(SCRIPTED_UPSERT);
                body.append(ascii(String.valueOf(settings.scriptedUpsert())));
                body.append(UPSERT);
                writeDocument(body);
            }
            body.append('}');
        }
        body.append('\n');
    }

    private void writeDocument(final BulkBody body) {
        final int start = body.length();
        scanner.appendTo(body);
        if (suppressNulls) {
            documents.dropEmptyFields(body, start);
        }
        Documents.joinLines(body.bytes(), start, body.length());
    }

    private static byte[] ascii(final String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
