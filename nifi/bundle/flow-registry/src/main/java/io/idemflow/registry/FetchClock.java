package io.idemflow.registry;

import org.apache.nifi.registry.flow.FlowRegistryException;

/** Asks the remote no more often than the user wants, whether it answers or not. */
final class FetchClock {

    private Long last;
    private FlowRegistryException failure;

    /**
     * Fetches where what is known of the remote is too old.
     *
     * @param source the repository
     * @param settings its settings
     * @throws FlowRegistryException where the remote could not be reached, now or within the interval: NiFi asks for each
     *     of its groups, and each would wait for the same timeout
     */
    synchronized void refresh(final FlowRepository source, final GitSettings settings) throws FlowRegistryException {
        if (settings.remote() == null) {
            return;
        }
        if (last == null || System.nanoTime() - last > settings.fetchInterval().toNanos()) {
            failure = null;
            try {
                new Remote(source).fetch();
            } catch (final FlowRegistryException e) {
                failure = e;
            }
            last = System.nanoTime();
        }
        if (failure != null) {
            throw new FlowRegistryException(failure.getMessage(), failure);
        }
    }

    synchronized void clear() {
        last = null;
        failure = null;
    }
}
