package io.idemflow.registry;

import java.io.IOException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.eclipse.jgit.lib.ObjectId;

/** Histories of files by the branch's newest commit: NiFi asks for each of its groups every half minute. */
final class VersionCache {

    private static final int SIZE = 256;

    private final Map<String, List<FlowRepository.Version>> histories = Collections.synchronizedMap(
            new LinkedHashMap<>(SIZE, 0.75f, true) {

        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(final Map.Entry<String, List<FlowRepository.Version>> eldest) {
            return size() > SIZE;
        }
    });

    List<FlowRepository.Version> of(final FlowRepository source, final ObjectId tip, final String file) throws IOException {
        if (tip == null) {
            return List.of();
        }
        final String key = source.settings().repository() + "\n" + tip.name() + "\n" + file;
        List<FlowRepository.Version> found = histories.get(key);
        if (found == null) {
            found = List.copyOf(source.versions(tip, file));
            histories.put(key, found);
        }
        return found;
    }

    void clear() {
        histories.clear();
    }
}
