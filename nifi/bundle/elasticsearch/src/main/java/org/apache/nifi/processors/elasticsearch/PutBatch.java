package org.apache.nifi.processors.elasticsearch;

import io.idemflow.elasticsearch.BadDocumentException;
import io.idemflow.elasticsearch.BulkBody;
import io.idemflow.elasticsearch.BulkExchange;
import io.idemflow.elasticsearch.Documents;
import io.idemflow.elasticsearch.ItemResult;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.nifi.flowfile.FlowFile;
import org.apache.nifi.processor.ProcessSession;

/**
 * The way of the FlowFiles of one trigger: written into requests, sent, routed.
 *
 * <p>While one request is under way the next is written, but never sent: two requests at a time could change the order of
 * two versions of a document.
 */
final class PutBatch {

    private static final int ACTION_LINE_BYTES = 128;
    /** Leaves out of the reply what nobody reads: half of its bytes, which both sides would encrypt. */
    private static final String REPLY_FILTER =
            "-took,-items.*._shards,-items.*._seq_no,-items.*._primary_term,-items.*._version";

    private final PutConfiguration configuration;
    private final Routing routing;
    private final OperationWriter writer;
    private final List<FlowFile> flowFiles;

    private Request underWay;
    private String outage;

    PutBatch(final PutConfiguration configuration, final ProcessSession session, final Routing routing,
            final List<FlowFile> flowFiles) {
        this.configuration = configuration;
        this.routing = routing;
        this.flowFiles = flowFiles;
        writer = new OperationWriter(configuration, session,
                new Documents(configuration.maximumStringLength(), configuration.client().isSuppressingNulls()));
    }

    /** Sends and routes every FlowFile. */
    void run() {
        final Map<String, String> parameters = parameters(flowFiles.getFirst());
        BulkBody body = newBody();
        List<FlowFile> written = new ArrayList<>(flowFiles.size());
        for (final FlowFile flowFile : flowFiles) {
            try {
                writer.write(flowFile, body);
                written.add(flowFile);
            } catch (final BadDocumentException e) {
                routing.failure(flowFile, e.getMessage());
            }
            if (body.length() >= configuration.maximumBatchBytes()) {
                send(body, written, parameters);
                body = newBody();
                written = new ArrayList<>();
            }
        }
        send(body, written, parameters);
        finish();
        routing.finish(outage);
    }

    private void send(final BulkBody body, final List<FlowFile> written, final Map<String, String> parameters) {
        finish();
        if (written.isEmpty()) {
            return;
        }
        if (outage == null) {
            underWay = new Request(new BulkExchange(configuration.client(), body, parameters), written);
        } else {
            written.forEach(flowFile -> routing.retry(flowFile, outage));
        }
    }

    private void finish() {
        if (underWay == null) {
            return;
        }
        final ItemResult[] results = underWay.exchange().await();
        if (underWay.exchange().outage() != null) {
            outage = underWay.exchange().outage();
        }
        for (int i = 0; i < results.length; i++) {
            routing.route(underWay.flowFiles().get(i), results[i]);
        }
        underWay = null;
    }

    private BulkBody newBody() {
        final long content = flowFiles.stream().mapToLong(FlowFile::getSize).sum();
        final long expected = content + (long) ACTION_LINE_BYTES * flowFiles.size();
        return new BulkBody((int) Math.min(expected, configuration.maximumBatchBytes() + ACTION_LINE_BYTES));
    }

    private Map<String, String> parameters(final FlowFile first) {
        final Map<String, String> parameters = new LinkedHashMap<>();
        parameters.put(PutElasticsearchJson.FILTER_PARAMETER, REPLY_FILTER);
        configuration.urlParameters().forEach((name, property) -> {
            final String value = property.value(first);
            if (value != null) {
                parameters.put(name, value);
            }
        });
        return parameters;
    }

    private record Request(BulkExchange exchange, List<FlowFile> flowFiles) {
    }
}
