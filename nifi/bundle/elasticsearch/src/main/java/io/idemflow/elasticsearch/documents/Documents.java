package io.idemflow.elasticsearch.documents;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.idemflow.elasticsearch.bulk.BulkBody;
import io.idemflow.elasticsearch.documents.BadDocumentException.Fault;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Brings JSON objects into the form that a {@code _bulk} request needs: UTF-8, on one line.
 *
 * <p>Untrusted content is checked by a {@link DocumentScanner} as well, so that a document can neither end its line early
 * nor add an operation of its own.
 */
public final class Documents {

    private static final byte[] BYTE_ORDER_MARK = {(byte) 0xEF, (byte) 0xBB, (byte) 0xBF};
    private static final int LONGEST_ENCODING_MARK = 4;

    private final JsonFactory factory;
    private final DocumentScanner scanner;

    /**
     * @param factory makes parsers
     * @param maximumStringLength longest string value allowed, in characters
     */
    public Documents(final JsonFactory factory, final int maximumStringLength) {
        this.factory = factory;
        scanner = new DocumentScanner(factory, maximumStringLength, new DocumentFields(Map.of()));
    }

    /**
     * Makes a document of a text.
     *
     * @throws BadDocumentException where it is not exactly one JSON object
     */
    public byte[] normalize(final String text) throws BadDocumentException {
        final byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        checkEncoding(bytes, 0, bytes.length);
        scanner.scan(bytes, 0, bytes.length);
        joinLines(bytes, 0, bytes.length);
        return bytes;
    }

    /**
     * Leaves fields that are null or empty out of a document that was appended to a body.
     *
     * @param body the body
     * @param start where the document, which is sound, starts in it; it ends where the body ends
     */
    public void dropEmptyFields(final BulkBody body, final int start) {
        final ByteArrayOutputStream kept = new ByteArrayOutputStream(body.length() - start);
        try (JsonParser parser = factory.createParser(body.bytes(), start, body.length() - start);
                JsonGenerator generator = factory.createGenerator(kept)) {
            final KeptFields fields = new KeptFields(parser, generator);
            while (parser.nextToken() != null) {
                fields.take();
            }
        } catch (final IOException e) {
            throw new UncheckedIOException("Memory cannot be read", e);
        }
        body.truncate(start);
        body.append(kept.toByteArray());
    }

    /**
     * Brings what was read into UTF-8.
     *
     * @param body holds what was read, from a position to its end
     * @param start the position
     * @param charset its encoding
     * @throws BadDocumentException where it is in another encoding
     */
    public static void decode(final BulkBody body, final int start, final Charset charset) throws BadDocumentException {
        if (!StandardCharsets.UTF_8.equals(charset)) {
            try {
                final CharBuffer text = charset.newDecoder()
                        .onMalformedInput(CodingErrorAction.REPORT)
                        .onUnmappableCharacter(CodingErrorAction.REPORT)
                        .decode(ByteBuffer.wrap(body.bytes(), start, body.length() - start));
                body.truncate(start);
                body.append(text.toString().getBytes(StandardCharsets.UTF_8));
            } catch (final CharacterCodingException e) {
                throw new BadDocumentException(Fault.ENCODING,
                        "It is not in the encoding " + charset.name() + ", which the property Character Set names", e);
            }
        }
        checkEncoding(body.bytes(), start, body.length());
    }

    /**
     * Makes sure that a parser takes bytes for UTF-8, and blanks a byte order mark: a parser guesses UTF-16 and UTF-32 from
     * zero bytes; the request, though, is UTF-8 as a whole.
     *
     * @throws BadDocumentException where they look like another encoding
     */
    public static void checkEncoding(final byte[] bytes, final int start, final int end) throws BadDocumentException {
        for (int i = start; i < Math.min(end, start + LONGEST_ENCODING_MARK); i++) {
            if (bytes[i] == 0 || bytes[i] == (byte) 0xFE || bytes[i] == (byte) 0xFF) {
                throw new BadDocumentException(Fault.ENCODING, "It is not in the encoding that the property Character Set names");
            }
        }
        if (end - start >= BYTE_ORDER_MARK.length && bytes[start] == BYTE_ORDER_MARK[0]
                && bytes[start + 1] == BYTE_ORDER_MARK[1] && bytes[start + 2] == BYTE_ORDER_MARK[2]) {
            bytes[start] = ' ';
            bytes[start + 1] = ' ';
            bytes[start + 2] = ' ';
        }
    }

    /** Puts a document that was checked on one line: line ends stand between tokens only, where a space means the same. */
    public static void joinLines(final byte[] bytes, final int start, final int end) {
        for (int i = start; i < end; i++) {
            if (bytes[i] == '\n' || bytes[i] == '\r') {
                bytes[i] = ' ';
            }
        }
    }

    /**
     * Leaves out fields that are null, an empty string, an empty array, or an object of which nothing remains; what
     * stands in an array stays. What starts is written once something in it is kept.
     */
    private static final class KeptFields {

        private record Start(String name, boolean isArray) {
        }

        private final JsonParser parser;
        private final JsonGenerator generator;
        /** The innermost objects and arrays, as far as nothing of them is written. */
        private final List<Start> pending = new ArrayList<>();

        KeptFields(final JsonParser parser, final JsonGenerator generator) {
            this.parser = parser;
            this.generator = generator;
        }

        /** Takes the parser's token. */
        void take() throws IOException {
            final JsonToken token = parser.currentToken();
            if (token.isStructEnd()) {
                if (pending.isEmpty()) {
                    generator.copyCurrentEventExact(parser);
                } else {
                    pending.removeLast();
                }
            } else if (token.isStructStart()) {
                if (parser.getParsingContext().getParent().inObject()) {
                    pending.add(new Start(parser.currentName(), token == JsonToken.START_ARRAY));
                } else {
                    writePending();
                    generator.copyCurrentEventExact(parser);
                }
            } else if (token != JsonToken.FIELD_NAME && !isEmptyField(token)) {
                writePending();
                if (parser.getParsingContext().inObject()) {
                    generator.writeFieldName(parser.currentName());
                }
                generator.copyCurrentEventExact(parser);
            }
        }

        private boolean isEmptyField(final JsonToken token) throws IOException {
            return parser.getParsingContext().inObject() && (token == JsonToken.VALUE_NULL
                    || token == JsonToken.VALUE_STRING && parser.getTextLength() == 0);
        }

        private void writePending() throws IOException {
            for (final Start start : pending) {
                generator.writeFieldName(start.name());
                if (start.isArray()) {
                    generator.writeStartArray();
                } else {
                    generator.writeStartObject();
                }
            }
            pending.clear();
        }
    }
}
