package io.idemflow.elasticsearch.bulk;

import io.idemflow.elasticsearch.client.HttpReply;
import java.io.IOException;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Supplier;
import org.apache.nifi.elasticsearch.ElasticSearchClientService;
import org.apache.nifi.processor.exception.ProcessException;

/** One bulk request under way, and the smaller ones that it may have to be split into. */
public final class BulkExchange {

    private final ElasticSearchClientService client;
    private final BulkBody body;
    private final Map<String, String> parameters;
    private final Map<String, String> headers;
    private final Supplier<BulkBody> probe;
    private final CompletableFuture<HttpReply> firstReply;
    private final ItemResult[] results;
    private final BulkReplyParser parser = new BulkReplyParser();
    private boolean probed;
    private String outage;

    /**
     * Sends a body with all its operations, and returns before the reply is there.
     *
     * @param client the connection
     * @param body what to send; must not change until {@link #await()} has returned
     * @param parameters parameters of the URL
     * @param headers headers of the request
     * @param probe makes a body with which the request is refused only where it is whatever documents are in it
     */
    public BulkExchange(final ElasticSearchClientService client, final BulkBody body, final Map<String, String> parameters,
            final Map<String, String> headers, final Supplier<BulkBody> probe) {
        this.client = client;
        this.body = body;
        this.parameters = parameters;
        this.headers = headers;
        this.probe = probe;
        results = new ItemResult[body.operations()];
        firstReply = send(body, 0, body.operations());
    }

    /**
     * Waits for the reply; a request that is refused as a whole is sent again in halves, until the documents that are to
     * blame stand alone; but for one that is refused whatever is in it, which is an outage.
     *
     * @return a result for each operation, in order
     * @throws ProcessException where the thread is interrupted; what then became of the documents is unknown
     */
    public ItemResult[] await() {
        resolve(firstReply, 0, results.length);
        return results;
    }

    /** Why the cluster could not be used as a whole, or null where it could. Valid after {@link #await()}. */
    public String outage() {
        return outage;
    }

    private void resolve(final CompletableFuture<HttpReply> future, final int from, final int to) {
        final HttpReply reply = get(future);
        if (reply == null) {
            unavailable(outage, from, to);
            return;
        }
        switch (reply.status()) {
            case 200 -> accepted(reply, from, to);
            // Both may be the fault of a single document: too large, or a malformed version in its action line.
            case 413 -> split(reply, from, to);
            case 400 -> {
                final String refusal = probe();
                if (refusal == null) {
                    split(reply, from, to);
                } else {
                    unavailable(refusal, from, to);
                }
            }
            default -> unavailable(explain(reply), from, to);
        }
    }

    /** Waits for a reply; null where there is none, with the outage noted. */
    private HttpReply get(final CompletableFuture<HttpReply> future) {
        try {
            return future.get();
        } catch (final ExecutionException e) {
            outage = describe(e.getCause());
            return null;
        } catch (final InterruptedException e) {
            future.cancel(true);
            Thread.currentThread().interrupt();
            throw new ProcessException("Interrupted while Elasticsearch was asked", e);
        }
    }

    /** Asks, once, whether the request is refused whatever is in it; gives the reason, or null where it is not. */
    private String probe() {
        if (probed) {
            return null;
        }
        probed = true;
        final BulkBody harmless = probe.get();
        final HttpReply reply = get(send(harmless, 0, harmless.operations()));
        if (reply == null) {
            return outage;
        }
        return switch (reply.status()) {
            case 200 -> null;
            case 400 -> "Elasticsearch at " + reply.host() + " refuses every request of this processor (HTTP 400), whatever "
                    + "documents are in it: " + parser.reason(reply) + ". Mend the properties of the processor that make URL "
                    + "parameters, headers or BULK: fields; nothing is wrong with the documents";
            default -> explain(reply);
        };
    }

    private CompletableFuture<HttpReply> send(final BulkBody what, final int from, final int to) {
        return client.bulk(what.slice(from, to), parameters, headers);
    }

    private void accepted(final HttpReply reply, final int from, final int to) {
        if (client.isStrictDeprecation() && !reply.warnings().isEmpty()) {
            Arrays.fill(results, from, to, ItemResult.refused("Elasticsearch warns, and the property Strict Deprecation "
                    + "of the client service makes that a failure: " + String.join("; ", reply.warnings())));
            return;
        }
        try {
            parser.parse(reply.body(), results, from, to);
        } catch (final IOException e) {
            unavailable("The reply of " + reply.host() + " is damaged: " + describe(e), from, to);
        }
    }

    private void split(final HttpReply reply, final int from, final int to) {
        if (to - from == 1) {
            results[from] = ItemResult.refused(parser.refusal(reply));
            return;
        }
        final int middle = (from + to) >>> 1;
        resolve(send(body, from, middle), from, middle);
        if (outage == null) {
            resolve(send(body, middle, to), middle, to);
        } else {
            unavailable(outage, middle, to);
        }
    }

    private void unavailable(final String reason, final int from, final int to) {
        outage = reason;
        Arrays.fill(results, from, to, ItemResult.unavailable(reason));
    }

    private static String explain(final HttpReply reply) {
        final String said = "Elasticsearch at " + reply.host() + " answers HTTP " + reply.status()
                + (reply.excerpt().isEmpty() ? "" : ": " + reply.excerpt());
        return switch (reply.status()) {
            case 401 -> said + ". Mend the credentials of the client service; nothing is wrong with the documents";
            case 403 -> said + ". Give the user of the client service the right to write here; nothing is wrong with the documents";
            case 404, 405 -> said + ". Mend HTTP Hosts or Path Prefix of the client service";
            case 407 -> said + ". Mend the credentials of the proxy configuration service";
            default -> said;
        };
    }

    private static String describe(final Throwable error) {
        return error.getMessage() == null ? error.getClass().getSimpleName() : error.getMessage();
    }
}
