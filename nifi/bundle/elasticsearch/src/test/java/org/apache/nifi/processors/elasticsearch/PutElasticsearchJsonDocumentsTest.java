package org.apache.nifi.processors.elasticsearch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.idemflow.elasticsearch.put.Routing;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import org.apache.nifi.util.MockFlowFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is taken as a document, and how it is sent. */
class PutElasticsearchJsonDocumentsTest extends PutElasticsearchJsonFixture {

    @ParameterizedTest
    @ValueSource(strings = {
        "", " ", "nonsense", "[]", "[{\"a\":1}]", "\"text\"", "1", "null", "true", "{\"a\":1", "{\"a\":1}{\"b\":2}", "{\"a\":1}\n{\"b\":2}",
        "{\"a\":1} x", "{'a':1}", "{\"a\":\"line\nend\"}", "{\"a\":NaN}", "{\"a\":01}", "{\"a\":1,}"})
    void contentThatIsNotOneObjectGoesToFailureAlone(final String content) {
        enqueue("1", "{\"a\":1}");
        enqueue("2", content);
        enqueue("3", "{\"a\":3}");
        runner.run();
        assertTransferred(Map.of(Routing.REL_ORIGINAL, 2, Routing.REL_SUCCESSFUL, 2, Routing.REL_FAILURE, 1));
        final MockFlowFile failed = runner.getFlowFilesForRelationship(Routing.REL_FAILURE).getFirst();
        failed.assertAttributeEquals("id", "2");
        failed.assertContentEquals(content);
        assertTrue(failed.getAttribute(Routing.ATTRIBUTE_PUT_ERROR).contains("not one JSON object"));
        assertEquals(4, server.requests().getFirst().lines().size());
    }

    @Test
    void malformedUtf8AndForeignEncodingsGoToFailure() {
        runner.enqueue(new byte[] {'{', '"', 'a', '"', ':', '"', (byte) 0xC3, '(', '"', '}'}, Map.of("id", "1"));
        runner.enqueue("{\"a\":1}".getBytes(StandardCharsets.UTF_16LE), Map.of("id", "2"));
        runner.run();
        assertTransferred(Map.of(Routing.REL_FAILURE, 2));
        assertTrue(server.requests().isEmpty());
    }

    @Test
    void anotherEncodingIsConverted() {
        runner.setProperty("put-es-json-charset", "${charset}");
        runner.enqueue("{\"a\":\"\u00e4\"}".getBytes(StandardCharsets.ISO_8859_1), Map.of("id", "1", "charset", "ISO-8859-1"));
        runner.enqueue("\ufeff{\"a\":\"\u00f6\"}".getBytes(StandardCharsets.UTF_8), Map.of("id", "2", "charset", "UTF-8"));
        runner.enqueue("{}", Map.of("id", "3", "charset", "no such"));
        runner.run();
        assertEquals("{\"a\":\"\u00e4\"}", server.requests().getFirst().lines().get(1));
        assertEquals("{\"a\":\"\u00f6\"}", server.requests().getFirst().lines().get(3).strip());
        runner.assertTransferCount(Routing.REL_FAILURE, 1);
    }

    @Test
    void aStringThatIsTooLongGoesToFailure() {
        runner.setProperty("Max JSON Field String Length", "1 KB");
        enqueue("1", "{\"a\":\"" + "x".repeat(1025) + "\"}");
        enqueue("2", "{\"a\":\"" + "x".repeat(1000) + "\",\"b\":\"" + "x".repeat(1000) + "\"}");
        runner.run();
        final MockFlowFile failed = runner.getFlowFilesForRelationship(Routing.REL_FAILURE).getFirst();
        failed.assertAttributeEquals("id", "1");
        // It is sound JSON: nothing else says that it must not be sent again.
        assertTrue(String.valueOf(failed.getAttribute(Routing.ATTRIBUTE_BULK_ERROR))
                .contains("{\"status\":400,\"error\":{\"type\":\"json_parse_exception\""), failed.getAttributes().toString());
        runner.getFlowFilesForRelationship(Routing.REL_SUCCESSFUL).getFirst().assertAttributeEquals("id", "2");
    }

    @Test
    void aDocumentThatElasticsearchTakesInNoRequestIsNotSent() {
        final byte[] document = new byte[100 * 1024 * 1024];
        Arrays.fill(document, (byte) ' ');
        document[0] = '{';
        document[document.length - 1] = '}';
        runner.enqueue(document, Map.of("id", "1"));
        runner.run();
        assertTransferred(Map.of(Routing.REL_FAILURE, 1));
        final MockFlowFile failed = runner.getFlowFilesForRelationship(Routing.REL_FAILURE).getFirst();
        assertTrue(failed.getAttribute(Routing.ATTRIBUTE_PUT_ERROR).contains("100 MB"), failed.getAttribute(Routing.ATTRIBUTE_PUT_ERROR));
        assertTrue(failed.getAttribute(Routing.ATTRIBUTE_BULK_ERROR).contains("document_too_large"));
        assertTrue(server.requests().isEmpty());
    }

    @Test
    void anOperationThatElasticsearchTakesInNoRequestIsNotSent() {
        runner.setProperty("put-es-json-charset", "ISO-8859-1");
        final byte[] document = new byte[60 * 1024 * 1024];
        Arrays.fill(document, (byte) 0xE4);
        System.arraycopy("{\"a\":\"".getBytes(StandardCharsets.US_ASCII), 0, document, 0, 6);
        System.arraycopy("\"}".getBytes(StandardCharsets.US_ASCII), 0, document, document.length - 2, 2);
        runner.setProperty("Max JSON Field String Length", "100 MB");
        runner.enqueue(document, Map.of("id", "1"));
        enqueue("2", "{}");
        runner.run();
        assertTransferred(Map.of(Routing.REL_FAILURE, 1, Routing.REL_ORIGINAL, 1, Routing.REL_SUCCESSFUL, 1));
        assertTrue(runner.getFlowFilesForRelationship(Routing.REL_FAILURE).getFirst()
                .getAttribute(Routing.ATTRIBUTE_BULK_ERROR).contains("document_too_large"));
    }

    @Test
    void aPropertyThatCannotBeUsedIsNotTheDocumentsFault() {
        runner.setProperty("put-es-json-charset", "${charset}");
        runner.enqueue("{}", Map.of("id", "1", "charset", "no such"));
        runner.run();
        assertNull(runner.getFlowFilesForRelationship(Routing.REL_FAILURE).getFirst().getAttribute(Routing.ATTRIBUTE_BULK_ERROR));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '~', value = {
        "{\"a\":1,\"d\":{},\"e\":[]} | {\"a\":1}", "{\"d\":[],\"e\":{}} | {}", "{\"a\":{\"b\":[],\"c\":{\"d\":{}}},\"e\":[]} | {}",
        "{\"a\":{\"b\":{},\"c\":{\"d\":[1,{\"e\":null},[]]}},\"f\":\"\"} | {\"a\":{\"c\":{\"d\":[1,{},[]]}}}",
        "{\"a\":[[],{\"b\":{\"c\":1},\"d\":{}}],\"e\":{}} | {\"a\":[[],{\"b\":{\"c\":1}}]}", "{\"a\":[{}]} | {\"a\":[{}]}",
        "{\"a\":12345678901234567.8910,\"b\":null} | {\"a\":12345678901234567.8910}"})
    void whateverIsEmptyCanBeLeftOut(final String document, final String kept) throws Exception {
        useService(Map.of("el-cs-suppress-nulls", "always-suppress"));
        enqueue("1", document);
        runner.run();
        assertEquals(kept, server.requests().getFirst().lines().get(1));
    }

    @Test
    void nullsAreKeptUnlessSuppressed() throws Exception {
        final String document = "{\"a\":null,\"b\":\"\",\"c\":[],\"d\":{},\"e\":{\"f\":{\"g\":null}},\"h\":[null,\"\",{},{\"i\":null},[]],"
                + "\"j\":{\"k\":null,\"l\":{\"m\":0}},\"n\":false,\"o\":1.10}";
        enqueue("1", document);
        runner.run();
        assertEquals(document, server.requests().getFirst().lines().get(1));
        useService(Map.of("el-cs-suppress-nulls", "always-suppress"));
        enqueue("1", document);
        runner.run();
        assertEquals("{\"h\":[null,\"\",{},{},[]],\"j\":{\"l\":{\"m\":0}},\"n\":false,\"o\":1.10}", server.requests().get(1).lines().get(1));
    }
}
