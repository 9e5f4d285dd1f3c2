package io.idemflow.elasticsearch.client;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.elasticsearch.client.Node;
import org.elasticsearch.client.NodeSelector;

/**
 * Leaves a request one node, the next in turn.
 *
 * <p>Of several, Elasticsearch's client goes on to the next after any failure: also one where the request may have been
 * carried out, so that a {@code create} would be refused for its own first try. Thread-safe.
 */
public final class OneNode implements NodeSelector {

    private final NodeSelector suitable;
    private final AtomicInteger turn = new AtomicInteger();
    private final ThreadLocal<Node> chosen = new ThreadLocal<>();

    /**
     * @param suitable says which nodes may be asked
     */
    public OneNode(final NodeSelector suitable) {
        this.suitable = suitable;
    }

    @Override
    public void select(final Iterable<Node> nodes) {
        suitable.select(nodes);
        final List<Node> left = new ArrayList<>();
        nodes.forEach(left::add);
        final Node next = left.isEmpty() ? null : left.get(Math.floorMod(turn.getAndIncrement(), left.size()));
        for (final Iterator<Node> iterator = nodes.iterator(); iterator.hasNext();) {
            if (iterator.next() != next) {
                iterator.remove();
            }
        }
        chosen.set(next);
    }

    /** The node that this thread's last request went to, or null where there was none. */
    Node chosen() {
        return chosen.get();
    }
}
