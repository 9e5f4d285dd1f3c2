package io.idemflow.elasticsearch;

import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * A whole reply of a server, whatever its status.
 *
 * @param host where it came from, as {@code https://host:port}
 * @param status the HTTP status
 * @param warnings values of the {@code Warning} headers
 * @param body the body, decompressed
 */
public record HttpReply(String host, int status, List<String> warnings, byte[] body) {

    private static final int EXCERPT_CHARACTERS = 500;

    /** The start of the body, for messages. */
    public String excerpt() {
        final String text = new String(body, 0, Math.min(body.length, 4 * EXCERPT_CHARACTERS), StandardCharsets.UTF_8).strip();
        return text.length() <= EXCERPT_CHARACTERS ? text : text.substring(0, EXCERPT_CHARACTERS) + "...";
    }
}
