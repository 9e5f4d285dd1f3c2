package io.idemflow.elasticsearch.put;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import io.idemflow.elasticsearch.bulk.BulkBody;
import io.idemflow.elasticsearch.bulk.Operation;
import io.idemflow.elasticsearch.documents.BadDocumentException.Fault;
import io.idemflow.elasticsearch.documents.BadDocumentException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/** Writes the line that precedes a document: {@code {"index":{"_index":"people","_id":"1"}}}. */
public final class ActionLine {

    private static final JsonStringEncoder ENCODER = JsonStringEncoder.getInstance();

    private Operation lastOperation;
    private String lastIndex;
    private String lastType;
    private byte[] lastStart;

    /**
     * @param body where the line goes
     * @param operation what to do
     * @param index index, alias or data stream
     * @param type a type, for Elasticsearch 6; may be blank
     * @param id the id, or null where Elasticsearch shall make one up
     * @param version the document's version, or null; an older one is refused then
     * @param dynamicTemplates a JSON object, or null
     * @param fields further fields and their values; those that the other arguments have set are left out
     * @throws BadDocumentException where a text is not Unicode
     */
    public void write(final BulkBody body, final Operation operation, final String index, final String type, final String id,
            final Long version, final byte[] dynamicTemplates, final Map<String, String> fields) throws BadDocumentException {
        body.append(start(operation, index, type));
        if (id != null) {
            body.append(Literals.ID);
            body.append(quote(id));
        }
        if (version != null) {
            body.append(Literals.VERSION);
            body.append(Long.toString(version).getBytes(StandardCharsets.US_ASCII));
            body.append(Literals.VERSION_TYPE);
        }
        if (dynamicTemplates != null) {
            body.append(Literals.DYNAMIC_TEMPLATES);
            body.append(dynamicTemplates);
        }
        if (!fields.isEmpty()) {
            writeFields(body, type, id, version, dynamicTemplates, fields);
        }
        body.append(Literals.END);
    }

    private static void writeFields(final BulkBody body, final String type, final String id, final Long version,
            final byte[] dynamicTemplates, final Map<String, String> fields) throws BadDocumentException {
        final Map<String, String> free = new LinkedHashMap<>(fields);
        free.remove("_index");
        if (type != null) {
            free.remove("_type");
        }
        if (id != null) {
            free.remove("_id");
        }
        if (version != null) {
            free.remove("version");
            free.remove("version_type");
        }
        if (dynamicTemplates != null) {
            free.remove("dynamic_templates");
        }
        for (final Map.Entry<String, String> field : free.entrySet()) {
            body.append(',');
            body.append(quote(field.getKey()));
            body.append(':');
            body.append(quote(field.getValue()));
        }
    }

    /** The start of the line is the same for most documents of a batch. */
    private byte[] start(final Operation operation, final String index, final String type) throws BadDocumentException {
        if (operation != lastOperation || !index.equals(lastIndex) || !Objects.equals(type, lastType)) {
            final BulkBody line = new BulkBody(64 + index.length());
            line.append(("{\"" + operation.action() + "\":{\"_index\":").getBytes(StandardCharsets.UTF_8));
            line.append(quote(index));
            if (type != null) {
                line.append(Literals.TYPE);
                line.append(quote(type));
            }
            lastStart = Arrays.copyOf(line.bytes(), line.length());
            lastOperation = operation;
            lastIndex = index;
            lastType = type;
        }
        return lastStart;
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

    private static final class Literals {
        static final byte[] ID = ",\"_id\":".getBytes(StandardCharsets.UTF_8);
        static final byte[] VERSION = ",\"version\":".getBytes(StandardCharsets.UTF_8);
        static final byte[] VERSION_TYPE = ",\"version_type\":\"external_gte\"".getBytes(StandardCharsets.UTF_8);
        static final byte[] TYPE = ",\"_type\":".getBytes(StandardCharsets.UTF_8);
        static final byte[] DYNAMIC_TEMPLATES = ",\"dynamic_templates\":".getBytes(StandardCharsets.UTF_8);
        static final byte[] END = "}}\n".getBytes(StandardCharsets.UTF_8);
    }
}
