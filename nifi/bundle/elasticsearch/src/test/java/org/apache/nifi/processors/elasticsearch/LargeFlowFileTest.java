package org.apache.nifi.processors.elasticsearch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.idemflow.elasticsearch.FaultyServer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A FlowFile larger than the heap, in a JVM of its own. */
class LargeFlowFileTest {

    private static final int HEAP_MEGABYTES = 40;

    @ParameterizedTest
    @ValueSource(strings = {"NDJSON", "JSON Array"})
    void aFlowFileLargerThanTheHeapIsSentInParts(final String format, @TempDir final Path folder) throws Exception {
        assertTrue(LargeFlowFile.SIZE > 3L * HEAP_MEGABYTES * 1024 * 1024);
        final AtomicLong documents = new AtomicLong();
        final AtomicInteger largest = new AtomicInteger();
        try (FaultyServer server = new FaultyServer(request -> FaultyServer.createdEach(request))) {
            server.behave(request -> {
                server.requests().clear();
                documents.addAndGet(request.operations());
                largest.accumulateAndGet(request.body().length(), Math::max);
                return FaultyServer.createdEach(request);
            });
            final Path output = folder.resolve("output");
            final Process process = new ProcessBuilder(List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx" + HEAP_MEGABYTES + "m",
                    "-cp", System.getProperty("java.class.path"), LargeFlowFile.class.getName(), server.address(), format))
                    .redirectErrorStream(true).redirectOutput(output.toFile()).start();
            try {
                assertTrue(process.waitFor(200, TimeUnit.SECONDS));
            } finally {
                process.destroyForcibly();
            }
            assertEquals(0, process.exitValue(), Files.readString(output));
        }
        assertEquals(LargeFlowFile.RECORDS, documents.get());
        assertTrue(largest.get() < 5 * 1024 * 1024, largest.toString());
    }
}
