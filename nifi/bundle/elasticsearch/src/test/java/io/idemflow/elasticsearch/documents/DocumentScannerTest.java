package io.idemflow.elasticsearch.documents;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonFactory;
import io.idemflow.elasticsearch.bulk.BulkBody;
import io.idemflow.elasticsearch.documents.DocumentFields.Field;
import io.idemflow.elasticsearch.documents.DocumentFields.Role;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DocumentScannerTest {

    private static final String NASTY = "{\"n\":123456789012345678901234567890.10,\"e\":1E+2,\"u\":\"\ud83d\ude00\\ud83d\\ude00\\u0000\","
            + "\"z\":null,\"o\":{\"_id\":\"inner\",\"a\":[1,{\"_op\":2}]}}";

    @ParameterizedTest
    @CsvSource(delimiter = ';', quoteCharacter = '\0', value = {
        "{\"_id\":\"x\",\"_version\":7,\"_op\":\"delete\",\"a\":1};{\"a\":1}",
        "{\"a\":1,\"_id\":\"x\",\"_version\":7,\"_op\":\"delete\"};{\"a\":1}",
        "{\"_id\":\"x\",\"a\":1,\"_version\":7,\"b\":2,\"_op\":\"delete\"};{\"a\":1,\"b\":2}",
        "{\"a\":1,\"_op\":\"delete\",\"_id\":\"x\",\"b\":[],\"_version\":7};{\"a\":1,\"b\":[]}",
        "{\"_id\":\"x\",\"_version\":7,\"_op\":\"delete\"};{}",
        "{ \"_id\" : \"x\" , \"a\" : 1 , \"_version\" : 7 , \"_op\" : \"delete\" };{ \"a\" : 1 }",
        "{ \"_version\" :7, \"_op\":\"delete\", \"_id\":\"x\" };{}"})
    void fieldsAreFoundAndLeftOutWhereverTheyStand(final String document, final String left) throws BadDocumentException {
        final DocumentScanner scanner = scanner(false);
        assertEquals(left, sent(scanner, document));
        assertEquals("x", scanner.text(Role.IDENTIFIER));
        assertEquals("7", scanner.text(Role.VERSION));
        assertEquals("delete", scanner.text(Role.OPERATION));
    }

    @Test
    void everythingElsePassesUntouched() throws BadDocumentException {
        final DocumentScanner scanner = scanner(false);
        assertEquals(NASTY, sent(scanner, NASTY));
        assertNull(scanner.text(Role.IDENTIFIER));
        assertEquals(NASTY, sent(scanner, "{\"_id\":\"\u00e4\\\"\"," + NASTY.substring(1)));
        assertEquals("\u00e4\"", scanner.text(Role.IDENTIFIER));
    }

    @Test
    void retainedFieldsStay() throws BadDocumentException {
        final String document = "{\"_id\":12345678901234567890,\"a\":1}";
        final DocumentScanner scanner = scanner(true);
        assertEquals(document, sent(scanner, document));
        assertEquals("12345678901234567890", scanner.text(Role.IDENTIFIER));
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', quoteCharacter = '\0', value = {
        "{\"_id\":null};null", "{\"_id\":\" \"};null", "{\"_id\":{\"a\":1}};null", "{\"_id\":[1]};null", "{\"_id\":1.10};1.10",
        "{\"_id\":true};true", "{\"_id\":\"\"};null"})
    void anIdIsAScalar(final String document, final String id) throws BadDocumentException {
        final DocumentScanner scanner = scanner(false);
        assertEquals("{}", sent(scanner, document));
        assertEquals("null".equals(id) ? null : id, scanner.text(Role.IDENTIFIER));
        assertTrue(scanner.has(Role.IDENTIFIER));
    }

    @Test
    void aFieldThatIsThereTwiceIsRefused() {
        assertThrows(BadDocumentException.class, () -> sent(scanner(false), "{\"_id\":\"a\",\"b\":1,\"_id\":\"c\"}"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', quoteCharacter = '\0', value = {
        "{\"t\":\"2026\",\"a\":1};{\"a\":1,\"@timestamp\":\"2026\"}",
        "{\"a\":1,\"@timestamp\":5,\"t\":{\"x\":[1]}};{\"a\":1,\"@timestamp\":{\"x\":[1]}}",
        "{\"t\":7 };{\"@timestamp\":7}",
        "{\"t\":null,\"@timestamp\":5};{\"@timestamp\":5}",
        "{\"a\":1};{\"a\":1}"})
    void theTimeIsPutInItsPlace(final String document, final String sent) throws BadDocumentException {
        final DocumentScanner scanner = new DocumentScanner(new JsonFactory(), 1000,
                new DocumentFields(Map.of(Role.TIMESTAMP, new Field("t", false))));
        assertEquals(sent, sent(scanner, document));
    }

    @Test
    void aTimeThatIsInItsPlaceStaysThere() throws BadDocumentException {
        final DocumentScanner scanner = new DocumentScanner(new JsonFactory(), 1000,
                new DocumentFields(Map.of(Role.TIMESTAMP, new Field("@timestamp", false))));
        assertEquals("{\"@timestamp\":1,\"a\":2}", sent(scanner, "{\"@timestamp\":1,\"a\":2}"));
    }

    @Test
    void aFieldMayHaveSeveralRoles() throws BadDocumentException {
        final DocumentScanner scanner = new DocumentScanner(new JsonFactory(), 1000,
                new DocumentFields(Map.of(Role.TIMESTAMP, new Field("t", true), Role.VERSION, new Field("t", false))));
        assertEquals("{\"a\":1,\"@timestamp\":7}", sent(scanner, "{\"t\":7,\"a\":1}"));
        assertEquals("7", scanner.text(Role.VERSION));
    }

    private static DocumentScanner scanner(final boolean retained) {
        return new DocumentScanner(new JsonFactory(), 1000, new DocumentFields(Map.of(
                Role.IDENTIFIER, new Field("_id", retained),
                Role.VERSION, new Field("_version", retained),
                Role.OPERATION, new Field("_op", retained))));
    }

    /** Scans a document amid other bytes. */
    private static String sent(final DocumentScanner scanner, final String document) throws BadDocumentException {
        final byte[] around = "}}\"\n".getBytes(StandardCharsets.UTF_8);
        final byte[] bytes = document.getBytes(StandardCharsets.UTF_8);
        final BulkBody content = new BulkBody(1);
        content.append(around);
        content.append(bytes);
        content.append(around);
        scanner.scan(content.bytes(), around.length, bytes.length);
        final BulkBody body = new BulkBody(1);
        body.append(around);
        scanner.appendTo(body);
        return new String(body.bytes(), around.length, body.length() - around.length, StandardCharsets.UTF_8);
    }
}
