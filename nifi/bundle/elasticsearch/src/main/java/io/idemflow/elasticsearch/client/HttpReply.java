package io.idemflow.elasticsearch.client;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.http.util.EntityUtils;
import org.elasticsearch.client.Response;

/**
 * A whole reply of a server, whatever its status.
 *
 * @param host where it came from, as {@code https://host:port}
 * @param status the HTTP status
 * @param warnings texts of the {@code Warning} headers
 * @param body the body, decompressed
 */
public record HttpReply(String host, int status, List<String> warnings, byte[] body) {

    private static final int EXCERPT_CHARACTERS = 500;

    /** Takes a reply of Elasticsearch's client, whose body is in memory. */
    static CompletableFuture<HttpReply> of(final Response response) {
        try {
            return CompletableFuture.completedFuture(new HttpReply(response.getHost().toURI(),
                    response.getStatusLine().getStatusCode(), response.getWarnings(), EntityUtils.toByteArray(response.getEntity())));
        } catch (final IOException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    /** The start of the body, for messages. */
    public String excerpt() {
        final String text = new String(body, 0, Math.min(body.length, 4 * EXCERPT_CHARACTERS), StandardCharsets.UTF_8).strip();
        return text.length() <= EXCERPT_CHARACTERS ? text : text.substring(0, EXCERPT_CHARACTERS) + "...";
    }
}
