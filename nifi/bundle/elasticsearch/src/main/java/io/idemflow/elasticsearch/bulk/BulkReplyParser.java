package io.idemflow.elasticsearch.bulk;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonStreamContext;
import com.fasterxml.jackson.core.JsonToken;
import io.idemflow.elasticsearch.bulk.ItemResult.Outcome;
import io.idemflow.elasticsearch.client.HttpReply;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** Reads the reply to a {@code _bulk} request; its items stand in the order of the request. */
final class BulkReplyParser {

    private static final ItemResult CREATED = new ItemResult(Outcome.WRITTEN, "created", false, null);
    private static final ItemResult UPDATED = new ItemResult(Outcome.WRITTEN, "updated", false, null);
    private static final String VERSION_CONFLICT = "\"version_conflict_engine_exception\"";

    private final JsonFactory factory = new JsonFactory();

    /**
     * @param reply the body of a reply with status 200
     * @param results where the results go
     * @param from index of the first result
     * @param to index after the last one
     * @throws IOException where the reply is not JSON, is cut off, or has another number of items
     */
    void parse(final byte[] reply, final ItemResult[] results, final int from, final int to) throws IOException {
        int items = 0;
        try (JsonParser parser = factory.createParser(reply)) {
            expect(parser.nextToken(), JsonToken.START_OBJECT);
            while (parser.nextToken() != JsonToken.END_OBJECT) {
                expect(parser.currentToken(), JsonToken.FIELD_NAME);
                final boolean holdsItems = "items".equals(parser.currentName());
                parser.nextToken();
                if (!holdsItems) {
                    parser.skipChildren();
                    continue;
                }
                expect(parser.currentToken(), JsonToken.START_ARRAY);
                while (parser.nextToken() != JsonToken.END_ARRAY) {
                    expect(parser.currentToken(), JsonToken.START_OBJECT);
                    if (from + items == to) {
                        throw new IOException("The reply has more than " + items + " items");
                    }
                    results[from + items] = item(parser, reply);
                    items++;
                }
            }
        }
        if (from + items != to) {
            throw new IOException("The reply has " + items + " items for " + (to - from) + " operations");
        }
    }

    /**
     * Why a request with a single operation was refused as a whole.
     *
     * @return the body of the reply where it is JSON, as Elasticsearch's are; else an error of the same form made of it
     */
    String refusal(final HttpReply reply) {
        try (JsonParser parser = factory.createParser(reply.body())) {
            expect(parser.nextToken(), JsonToken.START_OBJECT);
            parser.skipChildren();
            expect(parser.nextToken(), null);
            return new String(reply.body(), StandardCharsets.UTF_8);
        } catch (final IOException e) {
            return ItemResult.error(reply.status(), "http_" + reply.status(), reply.status() == 413
                    ? "The document is too large for Elasticsearch. " + reply.excerpt() : reply.excerpt());
        }
    }

    /** Type and reason of the error that a whole request was refused with; the start of the reply where it has none. */
    String reason(final HttpReply reply) {
        String type = null;
        String reason = null;
        try (JsonParser parser = factory.createParser(reply.body())) {
            while (parser.nextToken() != null) {
                final JsonStreamContext around = parser.getParsingContext().getParent();
                final boolean ofError = parser.hasToken(JsonToken.VALUE_STRING) && around != null
                        && "error".equals(around.getCurrentName());
                if (ofError && "type".equals(parser.currentName())) {
                    type = parser.getText();
                } else if (ofError && "reason".equals(parser.currentName())) {
                    reason = parser.getText();
                }
            }
        } catch (final IOException e) {
            return reply.excerpt();
        }
        return reason == null ? reply.excerpt() : (type == null ? "" : type + ": ") + reason;
    }

    private static ItemResult item(final JsonParser parser, final byte[] reply) throws IOException {
        expect(parser.nextToken(), JsonToken.FIELD_NAME);
        final String action = parser.currentName();
        expect(parser.nextToken(), JsonToken.START_OBJECT);
        final int start = (int) parser.currentTokenLocation().getByteOffset();
        int status = 0;
        String result = null;
        boolean failed = false;
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            expect(parser.currentToken(), JsonToken.FIELD_NAME);
            final String name = parser.currentName();
            parser.nextToken();
            switch (name) {
                case "status" -> status = parser.getIntValue();
                case "result" -> result = parser.getText();
                case "error" -> {
                    failed = true;
                    parser.skipChildren();
                }
                default -> parser.skipChildren();
            }
        }
        final int end = (int) parser.currentLocation().getByteOffset();
        expect(parser.nextToken(), JsonToken.END_OBJECT);
        if (status == 0) {
            throw new IOException("An item of the reply has no status");
        }
        if (!failed && status < 300) {
            return "created".equals(result) ? CREATED : "updated".equals(result) ? UPDATED
                    : new ItemResult(Outcome.WRITTEN, result, false, null);
        }
        final String json = new String(reply, start, end - start, StandardCharsets.UTF_8);
        if (!failed) {
            return new ItemResult(status == 404 ? Outcome.NOT_FOUND : Outcome.REFUSED, result, false, json);
        }
        // A create is refused in the same words where the document exists, which says nothing about its age.
        final boolean stale = status == 409 && json.contains(VERSION_CONFLICT)
                && !Operation.CREATE.action().equals(action);
        return new ItemResult(isUnavailable(status) ? Outcome.UNAVAILABLE : Outcome.REFUSED, result, stale, json);
    }

    /**
     * Whether an item's status speaks of the cluster or of its rights, not of the document: a refused user (401, 403), a
     * blocked index (403, 429), a timeout (408), a full queue (429), a node or shard that went away (500 and above).
     */
    private static boolean isUnavailable(final int status) {
        return status == 401 || status == 403 || status == 408 || status == 429 || status >= 500;
    }

    private static void expect(final JsonToken actual, final JsonToken expected) throws IOException {
        if (actual != expected) {
            throw new IOException("The reply is not that of a bulk request: " + expected + " expected, " + actual + " found");
        }
    }
}
