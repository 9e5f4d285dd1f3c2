package io.idemflow.login;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.LongSupplier;

/**
 * How many wrong passwords were given for which user names, and whether a further one is looked at.
 *
 * <p>After {@value #FREE} wrong ones in a row the next are not looked at for one second, then for two, up to
 * {@value #LONGEST_SECONDS}; a minute without any begins anew. It refuses rather than waits: a server has few threads. What
 * NiFi's API tells of a login is its name alone, not the address that it came from, so addresses do not count.</p>
 *
 * <p>A program that logs in with a password that was found right before shall not be locked out by somebody else's wrong
 * ones: comparing with that one goes on, {@value #COMPARED_A_SECOND} times a second.</p>
 *
 * <p>Names share {@value #PLACES} places, so that no number of made-up names takes up memory.</p>
 */
final class Attempts {

    static final int FREE = 3;
    private static final int LONGEST_SECONDS = 30;
    static final int COMPARED_A_SECOND = 20;
    private static final int PLACES = 256;
    private static final long SECOND = Duration.ofSeconds(1).toNanos();
    private static final long FORGOTTEN_AFTER = Duration.ofMinutes(1).toNanos();

    private final LongSupplier clock;
    private final int salt = ThreadLocalRandom.current().nextInt();
    private final Place[] places = new Place[PLACES];

    /**
     * @param clock nanoseconds, such as {@link System#nanoTime()}
     */
    Attempts(final LongSupplier clock) {
        this.clock = clock;
        for (int index = 0; index < PLACES; index++) {
            places[index] = new Place();
        }
    }

    /** Whether a password for this name is compared with the one that was found right before. */
    boolean mayCompare(final String name) {
        return place(name).mayCompare(clock.getAsLong());
    }

    /** Whether a password for this name is checked; where it is not, that counts as one that was refused unseen. */
    boolean mayCheck(final String name) {
        return place(name).mayCheck(clock.getAsLong());
    }

    /**
     * Counts a wrong password.
     *
     * @return what is to be logged of it
     */
    Wrong wrong(final String name) {
        return place(name).wrong(clock.getAsLong());
    }

    private Place place(final String name) {
        final int mixed = (name.hashCode() ^ salt) * 0x9E3779B9;
        return places[mixed >>> 24];
    }

    /**
     * A wrong password.
     *
     * @param inARow how many there were, this one included
     * @param unseen how many were refused unseen since the last that was looked at
     * @param lockedSeconds for how long the next are refused unseen
     */
    record Wrong(int inARow, long unseen, long lockedSeconds) {
    }

    private static final class Place {

        private int inARow;
        private long last;
        private long lockedFor;
        private long unseen;
        private long second;
        private int compared;

        synchronized boolean mayCompare(final long now) {
            if (!isLocked(now)) {
                return true;
            }
            if (now - second >= SECOND) {
                second = now;
                compared = 0;
            }
            return ++compared <= COMPARED_A_SECOND;
        }

        synchronized boolean mayCheck(final long now) {
            if (isLocked(now)) {
                unseen++;
                return false;
            }
            return true;
        }

        synchronized Wrong wrong(final long now) {
            inARow = now - last - lockedFor > FORGOTTEN_AFTER ? 1 : inARow + 1;
            last = now;
            final long seconds = inARow < FREE ? 0 : Math.min(LONGEST_SECONDS, 1L << Math.min(inARow - FREE, 10));
            lockedFor = seconds * SECOND;
            final Wrong wrong = new Wrong(inARow, unseen, seconds);
            unseen = 0;
            return wrong;
        }

        private boolean isLocked(final long now) {
            return inARow > 0 && now - last < lockedFor;
        }
    }
}
