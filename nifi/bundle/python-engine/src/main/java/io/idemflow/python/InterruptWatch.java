package io.idemflow.python;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Hands the interruption of a Java thread on to the Python script that runs on it.
 *
 * <p>Java tells nobody that a thread was interrupted, so the flags of the running evaluations are looked at ten times a
 * second. The request is repeated until the script has ended, for a script that catches everything in a loop.
 */
final class InterruptWatch {

    private static final Logger logger = LoggerFactory.getLogger(InterruptWatch.class);
    private static final long PERIOD_MILLIS = 100;

    private final Set<Evaluation> running = ConcurrentHashMap.newKeySet();
    private final Set<Evaluation> interrupted = ConcurrentHashMap.newKeySet();
    private final LongConsumer interrupt;

    /** @param interrupt raises the exception in the script of the evaluation with this number */
    InterruptWatch(final LongConsumer interrupt) {
        this.interrupt = interrupt;
        final ScheduledExecutorService executor = Executors.newSingleThreadScheduledExecutor(
                task -> Thread.ofPlatform().daemon().name("python-interrupt-watch").unstarted(task));
        executor.scheduleWithFixedDelay(this::look, PERIOD_MILLIS, PERIOD_MILLIS, TimeUnit.MILLISECONDS);
    }

    void begin(final Evaluation evaluation) {
        running.add(evaluation);
    }

    /**
     * To be called on the thread of the evaluation. After it no interruption reaches the script's thread any more.
     *
     * @return whether the script was asked to stop
     */
    boolean end(final Evaluation evaluation) {
        running.remove(evaluation);
        if (interrupted.isEmpty()) {
            return evaluation.isInterruptRequested();
        }
        synchronized (this) {
            return interrupted.remove(evaluation);
        }
    }

    private void look() {
        for (final Evaluation evaluation : running) {
            // The flag is lost when Java code that the script calls answers it with an InterruptedException.
            if (evaluation.isInterruptRequested()) {
                interrupted.add(evaluation);
            }
        }
        interrupted.forEach(this::interrupt);
    }

    private synchronized void interrupt(final Evaluation evaluation) {
        if (!running.contains(evaluation)) {
            interrupted.remove(evaluation);
            return;
        }
        try {
            interrupt.accept(evaluation.getNumber());
        } catch (final RuntimeException e) {
            logger.warn("Could not interrupt a Python script", e);
        }
    }
}
