package io.idemflow.elasticsearch;

import java.net.URI;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/** The nodes of a cluster, taken in turns; one that failed rests for a while, unless all have failed. Thread-safe. */
public final class Nodes {

    private static final long REST_NANOS = Duration.ofSeconds(30).toNanos();

    private final AtomicInteger turn = new AtomicInteger();
    private final Map<URI, Long> failures = new ConcurrentHashMap<>();
    private volatile List<URI> addresses;
    private volatile Runnable afterFailure;

    /**
     * @param addresses at least one address, each with scheme, host, port and path prefix, without a slash at its end
     */
    public Nodes(final List<URI> addresses) {
        this.addresses = List.copyOf(addresses);
    }

    public int size() {
        return addresses.size();
    }

    /** The node whose turn it is. */
    public URI next() {
        final List<URI> current = addresses;
        final long now = System.nanoTime();
        for (int i = 0; i < current.size(); i++) {
            final URI node = current.get(Math.floorMod(turn.getAndIncrement(), current.size()));
            final Long failure = failures.get(node);
            if (failure == null || now - failure > REST_NANOS) {
                return node;
            }
        }
        return current.stream().min(Comparator.comparing(node -> failures.getOrDefault(node, now) - now)).orElseThrow();
    }

    /** One of the nodes, without taking its turn. */
    URI any() {
        return addresses.getFirst();
    }

    /** Has something run after each failure; null for nothing. */
    void onFailure(final Runnable action) {
        afterFailure = action;
    }

    void failed(final URI node) {
        failures.put(node, System.nanoTime());
        final Runnable action = afterFailure;
        if (action != null) {
            action.run();
        }
    }

    void answered(final URI node) {
        failures.remove(node);
    }

    /** Takes the nodes that a cluster has told of. */
    public void replace(final List<URI> found) {
        addresses = List.copyOf(found);
        failures.keySet().retainAll(found);
    }
}
