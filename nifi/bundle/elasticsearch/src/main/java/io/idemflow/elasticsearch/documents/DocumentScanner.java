package io.idemflow.elasticsearch.documents;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import io.idemflow.elasticsearch.bulk.BulkBody;
import io.idemflow.elasticsearch.documents.BadDocumentException.Fault;
import io.idemflow.elasticsearch.documents.DocumentFields.Role;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Checks that bytes are exactly one JSON object, and finds the fields that say how to write it.
 *
 * <p>The object is read as a stream of tokens, once, and nothing is made of them but the text of those fields: what is
 * sent is the bytes themselves, so that numbers keep their digits and fields their order. Not thread-safe.
 */
public final class DocumentScanner {

    private static final byte[] TIMESTAMP = ("\"" + DocumentFields.TIMESTAMP + "\":").getBytes(StandardCharsets.UTF_8);

    private final JsonFactory factory;
    private final int maximumStringLength;
    private final DocumentFields fields;
    private final String[] names;
    private final Found[] found;

    private byte[] bytes;
    private int documentStart;
    private int documentEnd;

    /**
     * @param factory makes parsers
     * @param maximumStringLength longest string value allowed, in characters
     * @param fields the fields to find
     */
    public DocumentScanner(final JsonFactory factory, final int maximumStringLength, final DocumentFields fields) {
        this.factory = factory;
        this.maximumStringLength = maximumStringLength;
        this.fields = fields;
        names = fields.names();
        found = new Found[names.length];
    }

    /**
     * Reads a document; what was found in the one before is forgotten.
     *
     * @param content holds it as UTF-8; must not change until the document was appended
     * @param start index of its first byte
     * @param size number of its bytes
     * @throws BadDocumentException where it is not exactly one JSON object
     */
    public void scan(final byte[] content, final int start, final int size) throws BadDocumentException {
        bytes = content;
        Arrays.fill(found, null);
        try (JsonParser parser = factory.createParser(content, start, size)) {
            scan(parser, start, size);
        } catch (final JsonProcessingException e) {
            throw new BadDocumentException(Fault.CONTENT, "It is not one JSON object: " + describe(e), e);
        } catch (final IOException e) {
            throw new UncheckedIOException("Memory cannot be read", e);
        }
    }

    /** Whether the document has the field with a role, though its value be null. */
    public boolean has(final Role role) {
        return fields.has(role) && found[fields.position(role)] != null;
    }

    /** Text of the string, number or boolean in the field with a role; null where it is blank, missing or something else. */
    public String text(final Role role) {
        final String text = has(role) ? found[fields.position(role)].text : null;
        return text == null || text.isBlank() ? null : text;
    }

    /** Appends the document, without the fields that are not retained, and with the time in its place. */
    public void appendTo(final BulkBody body) {
        final int start = body.length();
        final Found time = fields.has(Role.TIMESTAMP) ? found[fields.position(Role.TIMESTAMP)] : null;
        final boolean setsTime = time != null && time.token != JsonToken.VALUE_NULL
                && fields.position(Role.TIMESTAMP) != fields.timestampPosition();
        int copied = documentStart;
        for (int next = first(copied, setsTime); next >= 0; next = first(copied, setsTime)) {
            body.append(bytes, copied, found[next].start - copied);
            copied = skipBlanks(found[next].end);
            if (bytes[copied] == ',') {
                copied = skipBlanks(copied + 1);
            } else {
                body.dropComma(start);
            }
        }
        body.append(bytes, copied, documentEnd - copied);
        if (setsTime) {
            body.truncate(body.length() - 1);
            if (body.dropComma(start) != '{') {
                body.append(',');
            }
            body.append(TIMESTAMP);
            body.append(bytes, time.valueStart, time.end - time.valueStart);
            body.append('}');
        }
    }

    /** The first field from a position on that is to be left out, or -1. */
    private int first(final int from, final boolean setsTime) {
        int first = -1;
        for (int i = 0; i < found.length; i++) {
            final boolean leftOut = !fields.isRetained(i) || setsTime && i == fields.timestampPosition();
            if (leftOut && found[i] != null && found[i].start >= from && (first < 0 || found[i].start < found[first].start)) {
                first = i;
            }
        }
        return first;
    }

    private int skipBlanks(final int from) {
        int position = from;
        while (bytes[position] <= ' ' && bytes[position] >= 0) {
            position++;
        }
        return position;
    }

    private void scan(final JsonParser parser, final int start, final int size) throws IOException, BadDocumentException {
        // Asking for the length of a string costs time: ask where one could be too long.
        final boolean measure = size > maximumStringLength;
        final JsonToken first = parser.nextToken();
        if (first == null) {
            throw new BadDocumentException(Fault.CONTENT, "It is empty, not one JSON object");
        }
        if (first != JsonToken.START_OBJECT) {
            throw new BadDocumentException(Fault.CONTENT, "It is not one JSON object but starts with " + name(first));
        }
        documentStart = start + (int) parser.currentTokenLocation().getByteOffset();
        Found awaiting = null;
        for (int depth = 1; depth > 0;) {
            final JsonToken token = parser.nextToken();
            if (token == null) {
                throw new BadDocumentException(Fault.CONTENT, "It is not one JSON object: it ends early");
            }
            if (token == JsonToken.FIELD_NAME) {
                if (depth == 1) {
                    awaiting = find(parser, start);
                }
                continue;
            }
            if (token.isStructStart()) {
                depth++;
            } else if (token.isStructEnd()) {
                depth--;
            } else if (measure && token == JsonToken.VALUE_STRING && parser.getTextLength() > maximumStringLength) {
                throw new BadDocumentException(Fault.CONTENT, "It holds a string of " + parser.getTextLength()
                        + " characters; the property Max JSON Field String Length allows " + maximumStringLength);
            }
            if (awaiting != null) {
                awaiting.read(parser, start);
                awaiting = depth > 1 ? awaiting : null;
            }
        }
        documentEnd = start + (int) parser.currentLocation().getByteOffset();
        if (parser.nextToken() != null) {
            throw new BadDocumentException(Fault.CONTENT, "It is not one JSON object: more follows after its end");
        }
    }

    /** The field whose name the parser is at, if it is one of those to find. */
    private Found find(final JsonParser parser, final int start) throws IOException, BadDocumentException {
        if (names.length == 0) {
            return null;
        }
        final String name = parser.currentName();
        for (int i = 0; i < names.length; i++) {
            if (names[i].equals(name)) {
                if (found[i] != null) {
                    throw new BadDocumentException(Fault.CONTENT, "It has the field '" + name + "' twice");
                }
                found[i] = new Found(start + (int) parser.currentTokenLocation().getByteOffset());
                return found[i];
            }
        }
        return null;
    }

    private static String describe(final JsonProcessingException error) {
        final String place = error.getLocation() == null ? ""
                : " (line " + error.getLocation().getLineNr() + ", column " + error.getLocation().getColumnNr() + ")";
        return error.getOriginalMessage() + place;
    }

    private static String name(final JsonToken token) {
        return switch (token) {
            case START_ARRAY -> "an array";
            case VALUE_STRING -> "a string";
            case VALUE_NULL -> "null";
            case VALUE_TRUE, VALUE_FALSE -> "a boolean";
            default -> "a number";
        };
    }

    /** A field of the document: where it stands, and what it says. */
    private static final class Found {

        private final int start;
        private JsonToken token;
        private String text;
        private int valueStart;
        private int end;

        Found(final int start) {
            this.start = start;
        }

        /** Takes a token of the value; the last one ends it. */
        void read(final JsonParser parser, final int offset) throws IOException {
            if (token == null) {
                token = parser.currentToken();
                valueStart = offset + (int) parser.currentTokenLocation().getByteOffset();
                text = token.isScalarValue() && token != JsonToken.VALUE_NULL ? parser.getText() : null;
            }
            end = offset + (int) parser.currentLocation().getByteOffset();
        }
    }
}
