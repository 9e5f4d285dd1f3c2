package io.idemflow.elasticsearch;

import java.io.IOException;
import java.net.http.HttpResponse.BodySubscriber;
import java.net.http.HttpResponse.BodySubscribers;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;

/** Collects the body of a reply and breaks off where it grows too large. */
final class LimitedBody implements BodySubscriber<byte[]> {

    private final BodySubscriber<byte[]> target = BodySubscribers.ofByteArray();
    private final int maximumBytes;
    private Flow.Subscription subscription;
    private long received;
    private boolean brokenOff;

    LimitedBody(final int maximumBytes) {
        this.maximumBytes = maximumBytes;
    }

    @Override
    public CompletionStage<byte[]> getBody() {
        return target.getBody();
    }

    @Override
    public void onSubscribe(final Flow.Subscription newSubscription) {
        subscription = newSubscription;
        target.onSubscribe(newSubscription);
    }

    @Override
    public void onNext(final List<ByteBuffer> buffers) {
        if (brokenOff) {
            return;
        }
        for (final ByteBuffer buffer : buffers) {
            received += buffer.remaining();
        }
        if (received > maximumBytes) {
            brokenOff = true;
            subscription.cancel();
            target.onError(new IOException("its reply is larger than " + maximumBytes + " bytes"));
        } else {
            target.onNext(buffers);
        }
    }

    @Override
    public void onError(final Throwable error) {
        target.onError(error);
    }

    @Override
    public void onComplete() {
        if (!brokenOff) {
            target.onComplete();
        }
    }
}
