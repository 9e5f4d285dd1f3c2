package io.idemflow.elasticsearch.put;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import io.idemflow.elasticsearch.bulk.BulkBody;
import io.idemflow.elasticsearch.bulk.Operation;
import io.idemflow.elasticsearch.documents.BadDocumentException;
import io.idemflow.elasticsearch.documents.BadDocumentException.Fault;
import io.idemflow.elasticsearch.documents.DocumentScanner;
import io.idemflow.elasticsearch.documents.Documents;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;

/**
 * Writes operations: the action line, as {@code {"index":{"_index":"people","_id":"1"}}}, and the document in what goes
 * around it. Not thread-safe.
 */
final class OperationWriter {

    private static final JsonStringEncoder ENCODER = JsonStringEncoder.getInstance();
    private static final byte[] TYPE = ascii(",\"_type\":");
    private static final byte[] ID = ascii(",\"_id\":");
    private static final byte[] VERSION = ascii(",\"version\":");
    private static final byte[] VERSION_TYPE = ascii(",\"version_type\":\"external_gte\"");
    private static final byte[] DYNAMIC_TEMPLATES = ascii(",\"dynamic_templates\":");
    private static final byte[] END = ascii("}}\n");
    private static final byte[] DOC = ascii("{\"doc\":");
    private static final byte[] DOC_AS_UPSERT = ascii(",\"doc_as_upsert\":true");
    private static final byte[] SCRIPT = ascii("{\"script\":");
    private static final byte[] SCRIPTED_UPSERT = ascii(",\"scripted_upsert\":");
    private static final byte[] UPSERT = ascii(",\"upsert\":");

    private final Documents documents;
    private final DocumentScanner scanner;
    private Operation lastOperation;
    private String lastIndex;
    private String lastType;
    private byte[] lastStart;

    /**
     * @param scanner has read the document that an operation is written for
     */
    OperationWriter(final Documents documents, final DocumentScanner scanner) {
        this.documents = documents;
        this.scanner = scanner;
    }

    /**
     * Appends an operation to a body, or nothing.
     *
     * @param settings what the properties say
     * @param operation what to do, whatever the properties say
     * @param index index, alias or data stream
     * @param id the id, or null where Elasticsearch shall make one up
     * @param version the document's version, or null; an older one is refused then
     * @param suppressNulls whether null and empty fields are left out
     * @throws BadDocumentException where a text of the action line is not Unicode, or the operation fits in no request
     */
    void write(final BulkBody body, final OperationSettings settings, final Operation operation, final String index,
            final String id, final Long version, final boolean suppressNulls) throws BadDocumentException {
        try {
            writeAction(body, settings, operation, index, id, version);
        } catch (final BadDocumentException e) {
            body.dropOperation();
            throw e;
        }
        if (operation.isUpdate()) {
            writeUpdate(body, settings, operation, suppressNulls);
        } else if (operation != Operation.DELETE) {
            writeDocument(body, suppressNulls);
            body.append('\n');
        }
        final int length = body.operationLength();
        if (length > PutConfiguration.MAXIMUM_REQUEST_BYTES) {
            body.dropOperation();
            throw new BadDocumentException(Fault.SIZE, "A request with it alone has " + length
                    + " bytes; Elasticsearch takes none above 100 MB");
        }
        body.endOperation();
    }

    private void writeAction(final BulkBody body, final OperationSettings settings, final Operation operation, final String index,
            final String id, final Long version) throws BadDocumentException {
        body.append(start(operation, index, settings.type()));
        if (id != null) {
            body.append(ID);
            body.append(quote(id));
        }
        if (version != null) {
            body.append(VERSION);
            body.append(ascii(Long.toString(version)));
            body.append(VERSION_TYPE);
        }
        if (settings.dynamicTemplates() != null) {
            body.append(DYNAMIC_TEMPLATES);
            body.append(settings.dynamicTemplates());
        }
        for (final Map.Entry<String, String> field : settings.actionFields().entrySet()) {
            final boolean isSet = switch (field.getKey()) {
                case "_index" -> true;
                case "_type" -> settings.type() != null;
                case "_id" -> id != null;
                case "version", "version_type" -> version != null;
                case "dynamic_templates" -> settings.dynamicTemplates() != null;
                default -> false;
            };
            if (!isSet) {
                body.append(',');
                body.append(quote(field.getKey()));
                body.append(':');
                body.append(quote(field.getValue()));
            }
        }
        body.append(END);
    }

    /** The start of the line is the same for most documents of a batch. */
    private byte[] start(final Operation operation, final String index, final String type) throws BadDocumentException {
        if (operation != lastOperation || !index.equals(lastIndex) || !Objects.equals(type, lastType)) {
            final BulkBody line = new BulkBody(64 + index.length());
            line.append(ascii("{\"" + operation.action() + "\":{\"_index\":"));
            line.append(quote(index));
            if (type != null) {
                line.append(TYPE);
                line.append(quote(type));
            }
            lastStart = Arrays.copyOf(line.bytes(), line.length());
            lastOperation = operation;
            lastIndex = index;
            lastType = type;
        }
        return lastStart;
    }

    private void writeUpdate(final BulkBody body, final OperationSettings settings, final Operation operation,
            final boolean suppressNulls) {
        final boolean upsert = operation == Operation.UPSERT;
        if (settings.script() == null) {
            body.append(DOC);
            writeDocument(body, suppressNulls);
            if (upsert) {
                body.append(DOC_AS_UPSERT);
            }
        } else {
            body.append(SCRIPT);
            body.append(settings.script());
            if (upsert) {
                body.append(SCRIPTED_UPSERT);
                body.append(ascii(String.valueOf(settings.scriptedUpsert())));
                body.append(UPSERT);
                writeDocument(body, suppressNulls);
            }
        }
        body.append('}');
        body.append('\n');
    }

    private void writeDocument(final BulkBody body, final boolean suppressNulls) {
        final int start = body.length();
        scanner.appendTo(body);
        if (suppressNulls) {
            documents.dropEmptyFields(body, start);
        }
        Documents.joinLines(body.bytes(), start, body.length());
    }

    private static byte[] quote(final String text) throws BadDocumentException {
        final byte[] escaped;
        try {
            escaped = ENCODER.quoteAsUTF8(text);
        } catch (final IllegalArgumentException e) {
            throw new BadDocumentException(Fault.PROPERTY, "A value of its action line is not Unicode text: " + e.getMessage(), e);
        }
        final byte[] quoted = new byte[escaped.length + 2];
        quoted[0] = '"';
        System.arraycopy(escaped, 0, quoted, 1, escaped.length);
        quoted[quoted.length - 1] = '"';
        return quoted;
    }

    private static byte[] ascii(final String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
