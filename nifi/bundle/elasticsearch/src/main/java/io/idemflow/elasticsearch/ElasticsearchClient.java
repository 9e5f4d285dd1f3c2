package io.idemflow.elasticsearch;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;

/**
 * HTTP 1.1 with the nodes of one cluster: keep-alive, one node after the other, the next one where a node cannot be
 * connected to. Thread-safe.
 */
public final class ElasticsearchClient implements AutoCloseable {

    /** A reply above this size is not taken into memory, whatever the server sends. */
    private static final int MAXIMUM_REPLY_BYTES = 256 * 1024 * 1024;

    private final HttpClient http;
    private final Nodes nodes;
    private final Map<String, String> headers;
    private final Supplier<String> bearerToken;
    private final Duration readTimeout;
    private final boolean compress;

    /**
     * @param http a client with its connection timeout, TLS and proxy
     * @param nodes the nodes to ask
     * @param headers headers of each request
     * @param bearerToken gives a token for each request, or is null
     * @param readTimeout how long to wait for the start of a reply; its end may take as long again
     * @param compress whether to send and accept gzip
     */
    public ElasticsearchClient(final HttpClient http, final Nodes nodes, final Map<String, String> headers,
            final Supplier<String> bearerToken, final Duration readTimeout, final boolean compress) {
        this.http = http;
        this.nodes = nodes;
        this.headers = Map.copyOf(headers);
        this.bearerToken = bearerToken;
        this.readTimeout = readTimeout;
        this.compress = compress;
    }

    /**
     * Starts a request.
     *
     * @param method the HTTP method
     * @param path path after the address of the node, encoded
     * @param parameters parameters of the URL, not encoded
     * @param body newline-delimited JSON, or null
     * @return the reply, whatever its status; fails with an {@link IOException} whose message names the node and the cause
     */
    public CompletableFuture<HttpReply> send(final String method, final String path, final Map<String, String> parameters,
            final ByteSlice body) {
        final String query = parameters.isEmpty() ? "" : parameters.entrySet().stream()
                .map(entry -> encode(entry.getKey()) + "=" + encode(entry.getValue()))
                .collect(Collectors.joining("&", "?", ""));
        return send(method, path + query, body, nodes.size());
    }

    @Override
    public void close() {
        http.shutdownNow();
    }

    /** Encodes one segment of a path. */
    public static String encode(final String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    private CompletableFuture<HttpReply> send(final String method, final String pathAndQuery, final ByteSlice body,
            final int nodesLeft) {
        final URI node = nodes.next();
        final HttpRequest request;
        try {
            request = request(method, URI.create(node + pathAndQuery), body);
        } catch (final IOException | RuntimeException e) {
            return CompletableFuture.failedFuture(new IOException("The request cannot be made: " + e.getMessage(), e));
        }
        final CompletableFuture<HttpResponse<byte[]>> exchange =
                http.sendAsync(request, info -> new LimitedBody(MAXIMUM_REPLY_BYTES));
        // The timeout of a request ends with the headers of its reply; a body that stalls would be waited for forever.
        final CompletableFuture<HttpReply> reply = exchange.copy()
                .orTimeout(2 * readTimeout.toMillis(), TimeUnit.MILLISECONDS)
                .handle((response, error) -> {
                    if (error == null) {
                        return received(node, response);
                    }
                    exchange.cancel(true);
                    final Throwable cause = error instanceof CompletionException ? error.getCause() : error;
                    final boolean unreachable = cause instanceof ConnectException || cause instanceof HttpConnectTimeoutException;
                    if (unreachable) {
                        nodes.failed(node);
                    }
                    // Only where nothing was sent: a request that got lost on the way may have been carried out.
                    if (unreachable && nodesLeft > 1) {
                        return send(method, pathAndQuery, body, nodesLeft - 1);
                    }
                    return CompletableFuture.<HttpReply>failedFuture(describe(node, cause));
                })
                .thenCompose(next -> next);
        reply.whenComplete((ignored, error) -> {
            if (reply.isCancelled()) {
                exchange.cancel(true);
            }
        });
        return reply;
    }

    private HttpRequest request(final String method, final URI uri, final ByteSlice body) throws IOException {
        final HttpRequest.Builder request = HttpRequest.newBuilder(uri).timeout(readTimeout);
        headers.forEach(request::setHeader);
        if (bearerToken != null) {
            request.setHeader("Authorization", "Bearer " + bearerToken.get());
        }
        if (compress) {
            request.setHeader("Accept-Encoding", "gzip");
        }
        if (body == null) {
            return request.method(method, BodyPublishers.noBody()).build();
        }
        request.setHeader("Content-Type", "application/x-ndjson");
        final BodyPublisher publisher;
        if (compress) {
            request.setHeader("Content-Encoding", "gzip");
            publisher = BodyPublishers.ofByteArray(gzip(body));
        } else {
            publisher = BodyPublishers.ofByteArray(body.bytes(), body.offset(), body.length());
        }
        return request.method(method, publisher).build();
    }

    private CompletableFuture<HttpReply> received(final URI node, final HttpResponse<byte[]> response) {
        final int status = response.statusCode();
        if (status == 502 || status == 503 || status == 504) {
            nodes.failed(node);
        } else {
            nodes.answered(node);
        }
        try {
            final boolean compressed = response.headers().firstValue("Content-Encoding").filter("gzip"::equalsIgnoreCase).isPresent();
            final byte[] body = compressed ? gunzip(response.body()) : response.body();
            return CompletableFuture.completedFuture(
                    new HttpReply(node.toString(), status, response.headers().allValues("Warning"), body));
        } catch (final IOException e) {
            return CompletableFuture.failedFuture(describe(node, e));
        }
    }

    private static IOException describe(final URI node, final Throwable cause) {
        final String problem;
        if (cause instanceof HttpConnectTimeoutException) {
            problem = "cannot be reached: no connection within Connect timeout";
        } else if (cause instanceof ConnectException) {
            problem = "cannot be reached: " + (cause.getMessage() == null ? "connection refused" : cause.getMessage());
        } else if (cause instanceof HttpTimeoutException || cause instanceof TimeoutException) {
            problem = "does not answer within Read timeout";
        } else {
            problem = "broke off: " + (cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage());
        }
        return new IOException("Elasticsearch at " + node + " " + problem, cause);
    }

    private static byte[] gzip(final ByteSlice body) throws IOException {
        final ByteArrayOutputStream target = new ByteArrayOutputStream(Math.max(512, body.length() / 4));
        try (GZIPOutputStream gzip = new GZIPOutputStream(target)) {
            gzip.write(body.bytes(), body.offset(), body.length());
        }
        return target.toByteArray();
    }

    private static byte[] gunzip(final byte[] body) throws IOException {
        try (InputStream gzip = new GZIPInputStream(new ByteArrayInputStream(body))) {
            final byte[] plain = gzip.readNBytes(MAXIMUM_REPLY_BYTES + 1);
            if (plain.length > MAXIMUM_REPLY_BYTES) {
                throw new IOException("its reply is larger than " + MAXIMUM_REPLY_BYTES + " bytes");
            }
            return plain;
        }
    }
}
