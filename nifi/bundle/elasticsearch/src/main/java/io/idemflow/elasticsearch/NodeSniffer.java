package io.idemflow.elasticsearch;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Asks a cluster for its nodes from time to time, so that requests reach all of them.
 *
 * <p>Source of the format: the nodes info API, {@code GET _nodes/http}.
 */
public final class NodeSniffer implements AutoCloseable {

    /** {@code name/10.0.0.1:9200} where a node publishes a name, {@code 10.0.0.1:9200} where it does not. */
    private static final Pattern ADDRESS = Pattern.compile("(?:([\\w.-]+)/)?([\\w.-]+|\\[[\\w.:%]+]):(\\d{1,5})");
    private static final Set<String> MASTER_ALONE = Set.of("master", "voting_only");

    private final ElasticsearchClient client;
    private final Nodes nodes;
    private final boolean skipDedicatedMasters;
    private final Duration requestTimeout;
    private final BiConsumer<String, Throwable> warn;
    private final ScheduledExecutorService thread = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("Elasticsearch node sniffer").factory());

    /**
     * Starts to ask.
     *
     * @param client asks
     * @param nodes what the client asks, and what is told of the answer
     * @param skipDedicatedMasters whether nodes that only are masters are left out
     * @param interval time between two questions
     * @param requestTimeout time within which an answer must come
     * @param afterFailure time from a node's failure to the next question, or null to wait for its turn
     * @param warn told of a question that failed
     */
    public NodeSniffer(final ElasticsearchClient client, final Nodes nodes, final boolean skipDedicatedMasters,
            final Duration interval, final Duration requestTimeout, final Duration afterFailure,
            final BiConsumer<String, Throwable> warn) {
        this.client = client;
        this.nodes = nodes;
        this.skipDedicatedMasters = skipDedicatedMasters;
        this.requestTimeout = requestTimeout;
        this.warn = warn;
        thread.scheduleWithFixedDelay(this::sniff, 0, interval.toMillis(), TimeUnit.MILLISECONDS);
        if (afterFailure != null) {
            nodes.onFailure(() -> thread.schedule(this::sniff, afterFailure.toMillis(), TimeUnit.MILLISECONDS));
        }
    }

    @Override
    public void close() {
        nodes.onFailure(null);
        thread.shutdownNow();
    }

    private void sniff() {
        try {
            final HttpReply reply = client.send("GET", "/_nodes/http", Map.of(), null)
                    .get(requestTimeout.toMillis(), TimeUnit.MILLISECONDS);
            if (reply.status() != 200) {
                throw new IOException(reply.host() + " answers HTTP " + reply.status() + ": " + reply.excerpt());
            }
            final List<URI> found = parse(reply.body(), nodes.any(), skipDedicatedMasters);
            if (found.isEmpty()) {
                throw new IOException(reply.host() + " names no node to ask");
            }
            nodes.replace(found);
        } catch (final InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (final Exception e) {
            // Whatever it was, the next turn must come: a schedule ends with the first exception.
            warn.accept("The nodes of the Elasticsearch cluster cannot be asked for; the known ones are used on", e);
        }
    }

    /**
     * @param reply body of the reply
     * @param known a known address, whose scheme and path prefix the others share
     */
    static List<URI> parse(final byte[] reply, final URI known, final boolean skipDedicatedMasters) throws IOException {
        final List<URI> found = new ArrayList<>();
        try (JsonParser parser = new JsonFactory().createParser(reply)) {
            parser.nextToken();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                final boolean holdsNodes = "nodes".equals(parser.currentName());
                if (parser.nextToken() != JsonToken.START_OBJECT || !holdsNodes) {
                    parser.skipChildren();
                    continue;
                }
                while (parser.nextToken() == JsonToken.FIELD_NAME) {
                    parser.nextToken();
                    final Node node = node(parser);
                    final boolean masterAlone = node.roles.contains("master") && MASTER_ALONE.containsAll(node.roles);
                    if (node.address != null && !(skipDedicatedMasters && masterAlone)) {
                        found.add(address(node.address, known));
                    }
                }
            }
        }
        return found;
    }

    private static URI address(final String published, final URI known) throws IOException {
        final Matcher matcher = ADDRESS.matcher(published);
        if (!matcher.matches()) {
            throw new IOException("A node publishes '" + published + "', which is no address");
        }
        final String host = matcher.group(1) == null ? matcher.group(2) : matcher.group(1);
        return URI.create(known.getScheme() + "://" + host + ":" + matcher.group(3) + known.getPath());
    }

    private static Node node(final JsonParser parser) throws IOException {
        final Node node = new Node();
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            final String name = parser.currentName();
            final JsonToken value = parser.nextToken();
            if ("roles".equals(name) && value == JsonToken.START_ARRAY) {
                while (parser.nextToken() != JsonToken.END_ARRAY) {
                    node.roles.add(parser.getText());
                }
            } else if ("http".equals(name) && value == JsonToken.START_OBJECT) {
                while (parser.nextToken() == JsonToken.FIELD_NAME) {
                    final boolean isAddress = "publish_address".equals(parser.currentName());
                    parser.nextToken();
                    if (isAddress) {
                        node.address = parser.getText();
                    } else {
                        parser.skipChildren();
                    }
                }
            } else {
                parser.skipChildren();
            }
        }
        return node;
    }

    private static final class Node {
        private final List<String> roles = new ArrayList<>();
        private String address;
    }
}
