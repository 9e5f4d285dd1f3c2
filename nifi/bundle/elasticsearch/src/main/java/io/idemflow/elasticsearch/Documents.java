package io.idemflow.elasticsearch;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * Brings JSON objects into the form that a {@code _bulk} request needs: UTF-8, on one line.
 *
 * <p>Nothing else is changed: numbers keep their digits and fields their order. Untrusted content is checked first, so
 * that a document can neither end its line early nor add an operation of its own.
 */
public final class Documents {

    private static final byte[] BYTE_ORDER_MARK = {(byte) 0xEF, (byte) 0xBB, (byte) 0xBF};
    private static final int LONGEST_ENCODING_MARK = 4;

    private final JsonFactory factory;
    private final int maximumStringLength;
    private final boolean suppressNulls;

    /**
     * @param maximumStringLength longest string value allowed, in characters
     * @param suppressNulls whether fields that are null or empty are left out
     */
    public Documents(final int maximumStringLength, final boolean suppressNulls) {
        this.maximumStringLength = maximumStringLength;
        this.suppressNulls = suppressNulls;
        factory = JsonFactory.builder()
                .streamReadConstraints(StreamReadConstraints.builder().maxStringLength(maximumStringLength).build())
                .build();
    }

    /**
     * Makes a document of what was appended to a body, in place.
     *
     * @param body the body
     * @param start where the document starts in it; it ends where the body ends
     * @param charset its encoding
     * @throws BadDocumentException where it is not exactly one JSON object
     */
    public void normalize(final BulkBody body, final int start, final Charset charset) throws BadDocumentException {
        if (!StandardCharsets.UTF_8.equals(charset)) {
            final byte[] converted = convert(body, start, charset);
            body.truncate(start);
            body.append(converted);
        }
        checkEncoding(body.bytes(), start, body.length());
        try {
            check(body.bytes(), start, body.length() - start);
            if (suppressNulls) {
                final ByteArrayOutputStream kept = new ByteArrayOutputStream(body.length() - start);
                try (JsonParser parser = factory.createParser(body.bytes(), start, body.length() - start)) {
                    EmptyFields.drop(parser, factory, kept);
                }
                body.truncate(start);
                body.append(kept.toByteArray());
            }
        } catch (final JsonProcessingException e) {
            throw new BadDocumentException("It is not one JSON object: " + describe(e), e);
        } catch (final IOException e) {
            throw new UncheckedIOException("Memory cannot be read", e);
        }
        joinLines(body.bytes(), start, body.length());
    }

    /**
     * Makes a document of a text.
     *
     * @throws BadDocumentException where it is not exactly one JSON object
     */
    public byte[] normalize(final String text) throws BadDocumentException {
        final byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        checkEncoding(bytes, 0, bytes.length);
        try {
            check(bytes, 0, bytes.length);
        } catch (final JsonProcessingException e) {
            throw new BadDocumentException("It is not one JSON object: " + describe(e), e);
        } catch (final IOException e) {
            throw new UncheckedIOException("Memory cannot be read", e);
        }
        joinLines(bytes, 0, bytes.length);
        return bytes;
    }

    private void check(final byte[] bytes, final int start, final int size) throws IOException, BadDocumentException {
        // Asking for the length of a string costs time: ask where one could be too long.
        final boolean measure = size > maximumStringLength;
        try (JsonParser parser = factory.createParser(bytes, start, size)) {
            final JsonToken first = parser.nextToken();
            if (first == null) {
                throw new BadDocumentException("It is empty, not one JSON object");
            }
            if (first != JsonToken.START_OBJECT) {
                throw new BadDocumentException("It is not one JSON object but starts with " + name(first));
            }
            for (int depth = 1; depth > 0;) {
                final JsonToken token = parser.nextToken();
                if (token == null) {
                    throw new BadDocumentException("It is not one JSON object: it ends early");
                }
                if (token.isStructStart()) {
                    depth++;
                } else if (token.isStructEnd()) {
                    depth--;
                } else if (measure && token == JsonToken.VALUE_STRING && parser.getTextLength() > maximumStringLength) {
                    throw new BadDocumentException("It holds a string of " + parser.getTextLength()
                            + " characters; the property Max JSON Field String Length allows " + maximumStringLength);
                }
            }
            if (parser.nextToken() != null) {
                throw new BadDocumentException("It is not one JSON object: more follows after its end");
            }
        }
    }

    /** A parser guesses UTF-16 and UTF-32 from zero bytes; the request, though, is UTF-8 as a whole. */
    private static void checkEncoding(final byte[] bytes, final int start, final int end) throws BadDocumentException {
        for (int i = start; i < Math.min(end, start + LONGEST_ENCODING_MARK); i++) {
            if (bytes[i] == 0 || bytes[i] == (byte) 0xFE || bytes[i] == (byte) 0xFF) {
                throw new BadDocumentException("It is not in the encoding that the property Character Set names");
            }
        }
        if (end - start >= BYTE_ORDER_MARK.length && bytes[start] == BYTE_ORDER_MARK[0]
                && bytes[start + 1] == BYTE_ORDER_MARK[1] && bytes[start + 2] == BYTE_ORDER_MARK[2]) {
            bytes[start] = ' ';
            bytes[start + 1] = ' ';
            bytes[start + 2] = ' ';
        }
    }

    /** In a JSON text that was checked, line ends stand between tokens only: a space means the same there. */
    private static void joinLines(final byte[] bytes, final int start, final int end) {
        for (int i = start; i < end; i++) {
            if (bytes[i] == '\n' || bytes[i] == '\r') {
                bytes[i] = ' ';
            }
        }
    }

    private static byte[] convert(final BulkBody body, final int start, final Charset charset) throws BadDocumentException {
        try {
            final CharBuffer text = charset.newDecoder()
                    .onMalformedInput(CodingErrorAction.REPORT)
                    .onUnmappableCharacter(CodingErrorAction.REPORT)
                    .decode(ByteBuffer.wrap(body.bytes(), start, body.length() - start));
            return text.toString().getBytes(StandardCharsets.UTF_8);
        } catch (final CharacterCodingException e) {
            throw new BadDocumentException("It is not in the encoding " + charset.name() + ", which the property Character Set names", e);
        }
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
}
