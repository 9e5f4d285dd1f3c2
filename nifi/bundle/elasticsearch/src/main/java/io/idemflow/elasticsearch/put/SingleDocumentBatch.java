package io.idemflow.elasticsearch.put;

import io.idemflow.elasticsearch.documents.BadDocumentException;
import java.util.List;
import org.apache.nifi.flowfile.FlowFile;
import org.apache.nifi.processor.ProcessSession;

/** The way of the FlowFiles of one trigger, each of them one document: written into requests, sent, routed. */
public final class SingleDocumentBatch {

    private static final int ACTION_LINE_BYTES = 128;

    private final PutConfiguration configuration;
    private final ProcessSession session;
    private final Routing routing;

    public SingleDocumentBatch(final PutConfiguration configuration, final ProcessSession session, final Routing routing) {
        this.configuration = configuration;
        this.session = session;
        this.routing = routing;
    }

    /** Sends and routes FlowFiles. */
    public void run(final List<FlowFile> flowFiles) {
        final long content = flowFiles.stream().mapToLong(FlowFile::getSize).sum();
        final BulkPipeline<FlowFile> pipeline = new BulkPipeline<>(configuration, flowFiles.getFirst(),
                content + (long) ACTION_LINE_BYTES * flowFiles.size(), routing::route);
        final DocumentWriter writer = new DocumentWriter(configuration, session);
        for (final FlowFile flowFile : flowFiles) {
            try {
                writer.write(flowFile, pipeline.body());
                pipeline.written(flowFile, flowFile.getSize());
            } catch (final BadDocumentException e) {
                routing.failure(flowFile, e.getMessage());
            }
        }
        pipeline.flush();
        routing.finish(pipeline.outage());
    }
}
