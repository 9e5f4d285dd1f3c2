package io.idemflow.elasticsearch.client;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.SocketTimeoutException;
import java.net.URLEncoder;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.http.entity.ContentType;
import org.apache.http.nio.entity.NByteArrayEntity;
import org.elasticsearch.client.Cancellable;
import org.elasticsearch.client.Node;
import org.elasticsearch.client.NodeSelector;
import org.elasticsearch.client.Request;
import org.elasticsearch.client.RequestOptions;
import org.elasticsearch.client.Response;
import org.elasticsearch.client.ResponseException;
import org.elasticsearch.client.ResponseListener;
import org.elasticsearch.client.RestClient;
import org.elasticsearch.client.RestClientBuilder;
import org.elasticsearch.client.sniff.Sniffer;

/** Sends requests to the nodes of one cluster, and gives replies whatever their status. Thread-safe. */
public final class ElasticsearchClient implements AutoCloseable {

    private static final ContentType NDJSON = ContentType.create("application/x-ndjson");

    private final RestClient client;
    private final NodeSelector suitable;
    private final AtomicInteger turn = new AtomicInteger();
    /** The node that a thread's last request went to. */
    private final ThreadLocal<Node> chosen = new ThreadLocal<>();
    private final Sniffer sniffer;
    private final Supplier<String> bearerToken;
    private final Duration readTimeout;

    /**
     * @param builder makes a client with its nodes, timeouts, headers, TLS and proxy
     * @param suitable says which nodes may be asked
     * @param sniffer looks for the nodes of the client, or gives null
     * @param bearerToken gives a token for each request, or is null
     * @param readTimeout how long to wait for the start of a reply; its end may take as long again
     */
    public ElasticsearchClient(final RestClientBuilder builder, final NodeSelector suitable,
            final Function<RestClient, Sniffer> sniffer, final Supplier<String> bearerToken, final Duration readTimeout) {
        client = builder.setNodeSelector(this::leaveOne).build();
        this.suitable = suitable;
        this.sniffer = sniffer.apply(client);
        this.bearerToken = bearerToken;
        this.readTimeout = readTimeout;
    }

    /**
     * Starts a request.
     *
     * @param method the HTTP method
     * @param path path after the address of the node, encoded
     * @param parameters parameters of the URL, not encoded
     * @param headers headers of this request, beside those of each
     * @param body newline-delimited JSON in an array that must not change until the reply is there, or null
     * @return the reply, whatever its status; fails with an {@link IOException} whose message names the node and the cause
     */
    public CompletableFuture<HttpReply> send(final String method, final String path, final Map<String, String> parameters,
            final Map<String, String> headers, final ByteBuffer body) {
        try {
            final Request request = new Request(method, path + query(parameters));
            if (body != null) {
                request.setEntity(new NByteArrayEntity(body.array(), body.arrayOffset() + body.position(), body.remaining(), NDJSON));
            }
            final RequestOptions.Builder options =
                    RequestOptions.DEFAULT.toBuilder().setHttpAsyncResponseConsumerFactory(BoundedReply::new);
            headers.forEach(options::addHeader);
            if (bearerToken != null) {
                options.addHeader("Authorization", "Bearer " + bearerToken.get());
            }
            request.setOptions(options);
            return send(request, client.getNodes().size());
        } catch (final RuntimeException e) {
            return CompletableFuture.failedFuture(new IOException("The request cannot be made: " + e.getMessage(), e));
        }
    }

    @Override
    public void close() {
        try (client) {
            if (sniffer != null) {
                sniffer.close();
            }
        } catch (final IOException e) {
            throw new UncheckedIOException("The connections to Elasticsearch cannot be closed", e);
        }
    }

    /** Encodes one segment of a path. */
    public static String encode(final String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    private static String query(final Map<String, String> parameters) {
        return parameters.isEmpty() ? "" : parameters.entrySet().stream()
                .map(entry -> encode(entry.getKey()) + "=" + encode(entry.getValue()))
                .collect(Collectors.joining("&", "?", ""));
    }

    private CompletableFuture<HttpReply> send(final Request request, final int attempts) {
        final CompletableFuture<Response> exchange = new CompletableFuture<>();
        final Cancellable running = client.performRequestAsync(request, new ResponseListener() {
            @Override
            public void onSuccess(final Response response) {
                exchange.complete(response);
            }

            @Override
            public void onFailure(final Exception problem) {
                if (problem instanceof ResponseException answered) {
                    exchange.complete(answered.getResponse());
                } else {
                    exchange.completeExceptionally(problem);
                }
            }
        });
        final Node node = chosen.get();
        // The client's own timeout is one of silence; a reply that drips would be waited for forever.
        final CompletableFuture<HttpReply> reply = exchange.orTimeout(2 * readTimeout.toMillis(), TimeUnit.MILLISECONDS)
                .handle((response, error) -> {
                    if (error == null) {
                        return HttpReply.of(response);
                    }
                    running.cancel();
                    // Only where nothing was sent: a request that got lost on the way may have been carried out.
                    return isUnreachable(error) && attempts > 1 ? send(request, attempts - 1)
                            : CompletableFuture.<HttpReply>failedFuture(describe(node, error));
                })
                .thenCompose(Function.identity());
        reply.whenComplete((ignored, error) -> {
            if (reply.isCancelled()) {
                running.cancel();
            }
        });
        return reply;
    }

    /**
     * Leaves a request one node, the next in turn. Of several, Elasticsearch's client goes on to the next after any failure:
     * also one where the request may have been carried out, so that a create would be refused for its own first try.
     */
    private void leaveOne(final Iterable<Node> nodes) {
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

    private static boolean isUnreachable(final Throwable error) {
        return error instanceof ConnectException || error instanceof UnknownHostException || error instanceof NoRouteToHostException;
    }

    private static IOException describe(final Node node, final Throwable error) {
        final String said = error.getMessage() == null ? error.getClass().getSimpleName() : error.getMessage();
        final String problem;
        if (isUnreachable(error)) {
            problem = "cannot be reached: " + said;
        } else if (error instanceof SocketTimeoutException || error instanceof TimeoutException) {
            problem = "does not answer within Read timeout";
        } else {
            problem = "broke off: " + said;
        }
        return new IOException("Elasticsearch at " + (node == null ? "no node" : node.getHost()) + " " + problem, error);
    }
}
