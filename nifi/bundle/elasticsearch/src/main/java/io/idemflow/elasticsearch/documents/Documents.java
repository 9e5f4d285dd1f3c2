package io.idemflow.elasticsearch.documents;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.filter.FilteringParserDelegate;
import com.fasterxml.jackson.core.filter.TokenFilter;
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
        try (JsonParser parser = new FilteringParserDelegate(factory.createParser(body.bytes(), start, body.length() - start),
                EmptyFields.KEPT, TokenFilter.Inclusion.INCLUDE_ALL_AND_PATH, true);
                JsonGenerator generator = factory.createGenerator(kept)) {
            while (parser.nextToken() != null) {
                generator.copyCurrentEventExact(parser);
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
     * stands in an array stays.
     */
    private static final class EmptyFields extends TokenFilter {

        /** The filter of a document and of an array's elements. */
        static final TokenFilter KEPT = new EmptyFields(true);
        private static final TokenFilter LEFT_OUT = new EmptyFields(false);

        private final boolean keepsEmpty;

        private EmptyFields(final boolean keepsEmpty) {
            this.keepsEmpty = keepsEmpty;
        }

        @Override
        public TokenFilter includeProperty(final String name) {
            return LEFT_OUT;
        }

        @Override
        public TokenFilter includeElement(final int index) {
            return KEPT;
        }

        @Override
        public boolean includeEmptyObject(final boolean contentsFiltered) {
            return keepsEmpty;
        }

        @Override
        public boolean includeEmptyArray(final boolean contentsFiltered) {
            return keepsEmpty;
        }

        @Override
        public boolean includeValue(final JsonParser parser) throws IOException {
            return keepsEmpty || !parser.hasToken(JsonToken.VALUE_NULL)
                    && !(parser.hasToken(JsonToken.VALUE_STRING) && parser.getTextLength() == 0);
        }
    }
}
