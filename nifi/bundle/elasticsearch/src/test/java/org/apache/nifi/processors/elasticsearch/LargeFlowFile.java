package org.apache.nifi.processors.elasticsearch;

import io.idemflow.elasticsearch.put.Routing;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.nifi.elasticsearch.ElasticSearchClientServiceImpl;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.util.MockFlowFile;
import org.apache.nifi.util.TestRunner;
import org.apache.nifi.util.TestRunners;

/** Sends a FlowFile that no heap holds: its content is made while it is read. */
final class LargeFlowFile extends MockFlowFile {

    static final int RECORDS = 130_000;
    private static final byte[] RECORD =
            ("{\"_id\":\"1\",\"a\":\"" + "x".repeat(1010) + "\"}").getBytes(StandardCharsets.UTF_8);
    static final long SIZE = (RECORD.length + 1L) * RECORDS;

    private LargeFlowFile() {
        super(1L);
    }

    @Override
    public long getSize() {
        return SIZE;
    }

    /**
     * @param arguments address of the server, and the input format
     */
    public static void main(final String[] arguments) throws Exception {
        final boolean array = "JSON Array".equals(arguments[1]);
        final TestRunner runner = TestRunners.newTestRunner(PutElasticsearchJson.class);
        final ElasticSearchClientServiceImpl service = new ElasticSearchClientServiceImpl();
        runner.addControllerService("client", service);
        runner.setProperty(service, "el-cs-http-hosts", arguments[0]);
        runner.setProperty(service, "authorization-scheme", "NONE");
        runner.enableControllerService(service);
        runner.setProperty("el-rest-fetch-index", "people");
        runner.setProperty("el-rest-client-service", "client");
        runner.setProperty("Input Content Format", arguments[1]);
        runner.setProperty("Identifier Field", "_id");
        runner.setProperty("Max Batch Size", "4 MB");
        runner.enqueue(new LargeFlowFile());
        final ProcessSession session = runner.getProcessSessionFactory().createSession();
        final ProcessSession reading = (ProcessSession) Proxy.newProxyInstance(LargeFlowFile.class.getClassLoader(),
                new Class<?>[] {ProcessSession.class}, (proxy, method, values) -> {
                    if ("read".equals(method.getName())) {
                        return content(array);
                    }
                    try {
                        return method.invoke(session, values);
                    } catch (final InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
        final PutElasticsearchJson processor = (PutElasticsearchJson) runner.getProcessor();
        processor.onScheduled(runner.getProcessContext());
        processor.onTrigger(runner.getProcessContext(), reading);
        session.commitAsync();
        final Map<String, Integer> transferred = Map.of(
                "original", runner.getFlowFilesForRelationship(Routing.REL_ORIGINAL).size(),
                "errors", runner.getFlowFilesForRelationship(Routing.REL_ERRORS).size(),
                "retry", runner.getFlowFilesForRelationship(Routing.REL_RETRY).size());
        System.out.println(transferred);
        System.exit(Map.of("original", 1, "errors", 0, "retry", 0).equals(transferred) ? 0 : 1);
    }

    private static InputStream content(final boolean array) {
        final InputStream records = new InputStream() {
            private long position;

            @Override
            public int read() {
                if (position >= SIZE - 1) {
                    return -1;
                }
                final int inRecord = (int) (position++ % (RECORD.length + 1));
                return inRecord < RECORD.length ? RECORD[inRecord] : array ? ',' : '\n';
            }

            @Override
            public int read(final byte[] target, final int offset, final int length) {
                final int count = (int) Math.min(length, SIZE - 1 - position);
                for (int i = 0; i < count; i++) {
                    target[offset + i] = (byte) read();
                }
                return count == 0 ? -1 : count;
            }
        };
        return array ? new SequenceInputStream(new SequenceInputStream(bytes("["), records), bytes("]")) : records;
    }

    private static InputStream bytes(final String text) {
        return new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8));
    }
}
