package io.idemflow.scripting;

import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** The threads that run a script now, so that a stopped processor can interrupt those that do not end. */
public final class RunningScripts {

    /** System property: seconds that a script may go on after its processor was stopped; 10 by default. */
    public static final String GRACE_SECONDS_PROPERTY = "idemflow.script.grace.seconds";

    private static final long GRACE_SECONDS = Long.getLong(GRACE_SECONDS_PROPERTY, 10);

    private final Set<Thread> threads = new HashSet<>();
    private int stops;
    private boolean interrupting;

    public synchronized void begin() {
        threads.add(Thread.currentThread());
    }

    public synchronized void end() {
        threads.remove(Thread.currentThread());
        if (interrupting) {
            // The interruption was meant for the script; the session's commit or rollback is not to see it.
            Thread.interrupted();
        }
    }

    /** Scripts may run: forgets an earlier stop. */
    public synchronized void allow() {
        stops++;
        interrupting = false;
    }

    /** Interrupts the scripts that run then, the grace period from now, unless {@link #allow} is called before. */
    public synchronized void interruptAfterGrace() {
        final int stop = ++stops;
        CompletableFuture.delayedExecutor(GRACE_SECONDS, TimeUnit.SECONDS).execute(() -> interrupt(stop));
    }

    private synchronized void interrupt(final int stop) {
        if (stop == stops) {
            interrupting = true;
            threads.forEach(Thread::interrupt);
        }
    }
}
