package io.idemflow.scripting;

import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** The threads that run a script now, so that a stopped processor can interrupt those that do not end. */
public final class RunningScripts {

    /** System property: seconds that a script may go on after its processor was stopped; 10 by default. */
    public static final String GRACE_SECONDS_PROPERTY = "idemflow.script.grace.seconds";

    private final long graceSeconds = Long.getLong(GRACE_SECONDS_PROPERTY, 10);
    private final Set<Thread> threads = new HashSet<>();
    private final Set<Thread> interrupted = new HashSet<>();
    private int stops;

    public synchronized void begin() {
        threads.add(Thread.currentThread());
    }

    public synchronized void end() {
        threads.remove(Thread.currentThread());
        if (interrupted.remove(Thread.currentThread())) {
            // The interruption was meant for the script; the session's commit or rollback is not to see it.
            Thread.interrupted();
        }
    }

    /** Whether the script of this thread was interrupted since it began. */
    public synchronized boolean isInterrupted() {
        return interrupted.contains(Thread.currentThread());
    }

    /** Seconds from the stop of the processor to the interruption. */
    public long graceSeconds() {
        return graceSeconds;
    }

    /** Scripts may run: forgets an earlier stop. */
    public synchronized void allow() {
        stops++;
    }

    /**
     * Interrupts the scripts that run then, the grace period from now, unless {@link #allow} is called before.
     *
     * @param warn takes what is said of it: that they are interrupted, and a grace period later that they still run
     */
    public synchronized void interruptAfterGrace(final Consumer<String> warn) {
        final int stop = ++stops;
        afterGrace(() -> interrupt(stop, warn));
    }

    private synchronized void interrupt(final int stop, final Consumer<String> warn) {
        if (stop == stops && !threads.isEmpty()) {
            warn.accept(("%s %d s after the processor was stopped, and is interrupted now "
                    + "(-D%s=N in conf/bootstrap.conf gives it more time)").formatted(
                            stillRun(threads.size()), graceSeconds, GRACE_SECONDS_PROPERTY));
            interrupted.addAll(threads);
            threads.forEach(Thread::interrupt);
            afterGrace(() -> giveUp(stop, warn));
        }
    }

    private synchronized void giveUp(final int stop, final Consumer<String> warn) {
        if (stop == stops && !interrupted.isEmpty()) {
            warn.accept(("%s %d s after it was interrupted: it waits in a call that cannot be interrupted, such as a "
                    + "socket without a timeout. Terminate the processor, and its FlowFiles go back to their queue")
                    .formatted(stillRun(interrupted.size()), graceSeconds));
        }
    }

    private void afterGrace(final Runnable action) {
        CompletableFuture.delayedExecutor(graceSeconds, TimeUnit.SECONDS).execute(action);
    }

    private static String stillRun(final int scripts) {
        return scripts == 1 ? "the script still runs" : "the script still runs in %d tasks".formatted(scripts);
    }
}
