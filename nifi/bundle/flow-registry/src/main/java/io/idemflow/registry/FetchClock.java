package io.idemflow.registry;

import org.apache.nifi.registry.flow.FlowRegistryException;

/** Asks the remote no more often than the user wants. */
final class FetchClock {

    private Long last;

    /**
     * Fetches where what is known of the remote is too old.
     *
     * @param source the repository
     * @param settings its settings
     * @throws FlowRegistryException where the remote cannot be reached; the next call tries again
     */
    synchronized void refresh(final FlowRepository source, final GitSettings settings) throws FlowRegistryException {
        if (settings.remote() == null) {
            return;
        }
        if (last == null || System.nanoTime() - last > settings.fetchInterval().toNanos()) {
            new Remote(source).fetch();
            last = System.nanoTime();
        }
    }

    synchronized void clear() {
        last = null;
    }
}
