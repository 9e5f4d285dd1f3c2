package io.idemflow.elasticsearch.put;

import io.idemflow.elasticsearch.bulk.BulkBody;
import io.idemflow.elasticsearch.bulk.BulkExchange;
import io.idemflow.elasticsearch.bulk.ItemResult;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.apache.nifi.flowfile.FlowFile;

/**
 * The requests of one trigger.
 *
 * <p>While one request is under way the next is written, but never sent: two requests at a time could change the order of
 * two versions of a document. Not thread-safe.
 *
 * @param <T> what an operation was written for
 */
public final class BulkPipeline<T> implements AutoCloseable {

    /** A user's own would take away what results are read from. */
    public static final String FILTER_PARAMETER = "filter_path";
    /** Leaves out of the reply what nobody reads: half of its bytes, which both sides would encrypt. */
    private static final String REPLY_FILTER =
            "-took,-items.*._shards,-items.*._seq_no,-items.*._primary_term,-items.*._version";
    private static final int SLACK_BYTES = 64 * 1024;

    private final PutConfiguration configuration;
    private final BiConsumer<T, ItemResult> answered;
    private final Predicate<T> heldUp;
    private final Map<String, String> parameters;
    private final Map<String, String> headers;
    private final Supplier<BulkBody> probe;
    private final int capacity;

    private BulkBody body;
    private List<T> items = new ArrayList<>();
    private long bytes;
    private Request<T> underWay;
    private String outage;

    /**
     * @param first the first FlowFile of the trigger, which decides the parameters of the requests
     * @param expectedBytes how large all requests together will be, about
     * @param answered told what became of each operation, in their order
     * @param heldUp whether an operation that is written, but not sent, must wait for others that were not taken
     */
    BulkPipeline(final PutConfiguration configuration, final FlowFile first, final long expectedBytes,
            final BiConsumer<T, ItemResult> answered, final Predicate<T> heldUp) {
        this.configuration = configuration;
        this.answered = answered;
        this.heldUp = heldUp;
        parameters = new LinkedHashMap<>();
        parameters.put(FILTER_PARAMETER, REPLY_FILTER);
        parameters.putAll(FlowFileProperty.values(configuration.urlParameters(), first));
        headers = FlowFileProperty.values(configuration.headers(), first);
        probe = () -> Probe.of(configuration, first);
        capacity = (int) Math.min(expectedBytes, configuration.maximumBatchBytes() / 2 * 3 + SLACK_BYTES);
        body = new BulkBody(capacity);
    }

    /** Where the next operation goes. */
    BulkBody body() {
        return body;
    }

    /**
     * Takes note of what the operation that was written last is for; sends the request where it is large enough, and without
     * that operation where it would be too large.
     *
     * @param item what it is for
     * @param documentBytes size of its document as it came
     */
    void written(final T item, final long documentBytes) {
        if (body.length() > configuration.maximumRequestBytes() && !items.isEmpty()) {
            final BulkBody last = body.takeLast(capacity);
            send();
            body = last;
        }
        items.add(item);
        bytes += documentBytes;
        // As officially, documents are measured, so that the FlowFiles of a trigger fit in one request.
        if (bytes >= configuration.maximumBatchBytes()) {
            send();
        }
    }

    /** Sends what is left, and waits until everything is answered. */
    void flush() {
        send();
        finish();
    }

    /** Why the cluster cannot be used, or null as long as it can. Nothing is sent from then on. */
    String outage() {
        return outage;
    }

    /** Waits for a request that is still under way: what is rolled back meanwhile would be sent a second time beside it. */
    @Override
    public void close() {
        if (underWay != null) {
            underWay.exchange().await();
            underWay = null;
        }
    }

    private void send() {
        finish();
        if (items.stream().anyMatch(heldUp)) {
            holdBack();
        }
        bytes = 0;
        if (items.isEmpty()) {
            return;
        }
        if (outage == null) {
            underWay = new Request<>(new BulkExchange(configuration.client(), body, parameters, headers, probe), items);
        } else {
            items.forEach(item -> answered.accept(item, ItemResult.unavailable(outage)));
        }
        body = new BulkBody(capacity);
        items = new ArrayList<>(items.size());
    }

    /** Takes out what must wait. */
    private void holdBack() {
        final BulkBody others = new BulkBody(body.length());
        final List<T> sent = new ArrayList<>(items.size());
        for (int i = 0; i < items.size(); i++) {
            if (heldUp.test(items.get(i))) {
                answered.accept(items.get(i), ItemResult.unavailable("What stands before it was not taken"));
            } else {
                others.append(body, i);
                sent.add(items.get(i));
            }
        }
        body = others;
        items = sent;
    }

    private void finish() {
        if (underWay == null) {
            return;
        }
        final ItemResult[] results = underWay.exchange().await();
        if (underWay.exchange().outage() != null) {
            outage = underWay.exchange().outage();
        }
        for (int i = 0; i < results.length; i++) {
            answered.accept(underWay.items().get(i), results[i]);
        }
        underWay = null;
    }

    private record Request<T>(BulkExchange exchange, List<T> items) {
    }
}
