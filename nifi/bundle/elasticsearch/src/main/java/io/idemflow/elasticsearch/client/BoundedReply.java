package io.idemflow.elasticsearch.client;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.zip.GZIPInputStream;
import org.apache.http.ContentTooLongException;
import org.apache.http.HttpEntity;
import org.apache.http.HttpResponse;
import org.apache.http.entity.ContentType;
import org.apache.http.nio.ContentDecoder;
import org.apache.http.nio.IOControl;
import org.apache.http.nio.entity.NByteArrayEntity;
import org.apache.http.nio.protocol.AbstractAsyncResponseConsumer;
import org.apache.http.protocol.HttpContext;

/**
 * Takes a reply into memory, decompressed, and breaks off where it grows too large, whatever the server sends: the limit
 * of Elasticsearch's client holds neither for a reply without a length nor for a compressed one.
 */
final class BoundedReply extends AbstractAsyncResponseConsumer<HttpResponse> {

    private static final int MAXIMUM_BYTES = 256 * 1024 * 1024;

    private final ByteBuffer chunk = ByteBuffer.allocate(16 * 1024);
    private final ByteArrayOutputStream content = new ByteArrayOutputStream();
    private HttpResponse response;
    private boolean compressed;

    @Override
    protected void onResponseReceived(final HttpResponse received) {
        response = received;
    }

    @Override
    protected void onEntityEnclosed(final HttpEntity entity, final ContentType type) {
        compressed = entity.getContentEncoding() != null && "gzip".equalsIgnoreCase(entity.getContentEncoding().getValue());
    }

    @Override
    protected void onContentReceived(final ContentDecoder decoder, final IOControl control) throws IOException {
        while (decoder.read(chunk) > 0) {
            content.write(chunk.array(), 0, chunk.position());
            chunk.clear();
            check(content.size());
        }
    }

    @Override
    protected HttpResponse buildResult(final HttpContext context) throws IOException {
        byte[] body = content.toByteArray();
        if (compressed) {
            try (InputStream gzip = new GZIPInputStream(new ByteArrayInputStream(body))) {
                body = gzip.readNBytes(MAXIMUM_BYTES + 1);
            }
            check(body.length);
        }
        response.setEntity(new NByteArrayEntity(body));
        return response;
    }

    @Override
    protected void releaseResources() {
        response = null;
    }

    private static void check(final int bytes) throws ContentTooLongException {
        if (bytes > MAXIMUM_BYTES) {
            throw new ContentTooLongException("its reply is larger than " + MAXIMUM_BYTES + " bytes");
        }
    }
}
