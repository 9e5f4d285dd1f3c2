package io.idemflow.elasticsearch.documents;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RecordReaderTest {

    private static final int MAXIMUM = 1024 * 1024;

    @Test
    void linesAreRecordsAndBlankOnesCount() throws Exception {
        assertEquals(List.of("0@0 {\"a\":1}", "3@13  x ", "4@17 \u00e4"), all(lines("{\"a\":1}\r\n\n \t\n x \n\u00e4")));
        assertEquals(List.of(), all(lines("")));
        assertEquals(List.of(), all(lines("\n\r\n")));
        assertEquals(List.of("0@0 a"), all(lines("a\n")));
    }

    @Test
    void linesAreReadWhereverTheBufferEnds() throws Exception {
        final StringBuilder content = new StringBuilder();
        final List<String> expected = new ArrayList<>();
        for (int i = 0; i < 2000; i++) {
            final String line = "x".repeat(1 + i * 7919 % 3000);
            expected.add(i + "@" + content.length() + " " + line);
            content.append(line).append('\n');
        }
        assertEquals(expected, all(lines(content.toString())));
    }

    @Test
    void aRecordThatIsTooLongIsPassedOver() throws Exception {
        final String line = "x".repeat(3 * MAXIMUM);
        final LineReader reader = lines("a\n" + line + "\nb\n");
        assertTrue(reader.next());
        assertFalse(reader.isTooLong());
        assertTrue(reader.next());
        assertTrue(reader.isTooLong());
        assertEquals(2, reader.offset());
        assertEquals(line.length(), reader.length());
        assertTrue(reader.next());
        assertEquals("2@" + (line.length() + 3) + " b", describe(reader));
        assertFalse(reader.next());
        final ArrayReader array = array("[1,\"" + line + "\",2]");
        assertTrue(array.next());
        assertTrue(array.next());
        assertTrue(array.isTooLong());
        assertEquals(line.length() + 2, array.length());
        assertTrue(array.next());
        assertEquals("2@" + (line.length() + 6) + " 2", describe(array));
    }

    @Test
    void elementsAreRecords() throws Exception {
        assertEquals(List.of("0@1 {\"a\":[1,{\"b\":\"]},\\\"\\\\\"}]}", "1@29 {\n}"),
                all(array("[{\"a\":[1,{\"b\":\"]},\\\"\\\\\"}]} , {\n}\n]\n")));
        assertEquals(List.of("0@4 1", "1@7 null", "2@12 \"a,]\"", "3@18 [[]]"), all(array("\ufeff[1, null,\"a,]\",[[]]]")));
        assertEquals(List.of("0@1 {}", "1@6 {}", "2@10 {}"), all(array("[{}] [{}] {}[]")));
        assertEquals(List.of(), all(array(" [ ] ")));
        assertEquals(List.of(), all(array("")));
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', quoteCharacter = '\0', value = {
        "[{};1", "[{},;1", "[{},];1", "[,{}];0", "[{} {}];1", "{},{};1", "x;0", "1;0", "[{}]];1", "[{},{\"a\":1;1", "[\"a;0", "[;0"})
    void aMalformedArrayIsToldOfAfterTheElementsBefore(final String content, final int elements) throws Exception {
        final ArrayReader reader = array(content);
        for (int i = 0; i < elements; i++) {
            assertTrue(reader.next());
        }
        final String said = assertThrows(BadDocumentException.class, () -> {
            while (reader.next()) {
                assertTrue(reader.index() < 10);
            }
        }).getMessage();
        assertTrue(said.contains("not a JSON array of objects"), said);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 7})
    void slowStreamsAreReadToTheirEnd(final int chunk) throws Exception {
        final String content = "[{\"a\":\"\\\"]\"},\n{\"b\":[]}]";
        final InputStream slow = new ByteArrayInputStream(content.getBytes(StandardCharsets.UTF_8)) {
            @Override
            public synchronized int read(final byte[] bytes, final int offset, final int length) {
                return super.read(bytes, offset, Math.min(length, chunk));
            }
        };
        assertEquals(List.of("0@1 {\"a\":\"\\\"]\"}", "1@14 {\"b\":[]}"), all(new ArrayReader(slow, MAXIMUM)));
    }

    private static LineReader lines(final String content) {
        return new LineReader(new ByteArrayInputStream(content.getBytes(StandardCharsets.UTF_8)), MAXIMUM);
    }

    private static ArrayReader array(final String content) throws IOException {
        return new ArrayReader(new ByteArrayInputStream(content.getBytes(StandardCharsets.UTF_8)), MAXIMUM);
    }

    private static List<String> all(final RecordReader reader) throws IOException, BadDocumentException {
        final List<String> records = new ArrayList<>();
        while (reader.next()) {
            records.add(describe(reader));
        }
        return records;
    }

    private static String describe(final RecordReader reader) {
        return reader.index() + "@" + reader.offset() + " "
                + new String(reader.bytes(), reader.start(), (int) reader.length(), StandardCharsets.UTF_8);
    }
}
