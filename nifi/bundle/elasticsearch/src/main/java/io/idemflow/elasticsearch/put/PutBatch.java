package io.idemflow.elasticsearch.put;

import io.idemflow.elasticsearch.documents.ArrayReader;
import io.idemflow.elasticsearch.documents.BadDocumentException;
import io.idemflow.elasticsearch.documents.BadDocumentException.Fault;
import io.idemflow.elasticsearch.documents.LineReader;
import io.idemflow.elasticsearch.documents.RecordReader;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.nifi.flowfile.FlowFile;
import org.apache.nifi.logging.ComponentLog;
import org.apache.nifi.processor.DataUnit;
import org.apache.nifi.processor.ProcessContext;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.processor.exception.ProcessException;
import org.apache.nifi.processor.util.FlowFileFilters;

/** The way of the FlowFiles of one trigger: written into requests, sent, routed; those of many records are read as streams. */
public final class PutBatch {

    private static final int ACTION_LINE_BYTES = 128;
    /** Small FlowFiles share a request; each of them costs the session about as much as a large one. */
    private static final int MAXIMUM_FLOW_FILES = 1_000;

    private final PutConfiguration configuration;
    private final ProcessSession session;
    private final Routing routing;
    private final DocumentWriter writer;

    private PutBatch(final PutConfiguration configuration, final ProcessContext context, final ProcessSession session,
            final ComponentLog log) {
        this.configuration = configuration;
        this.session = session;
        routing = new Routing(configuration, context, session, log);
        writer = new DocumentWriter(configuration, session);
    }

    /** Takes FlowFiles from the queue, sends and routes them. */
    public static void run(final PutConfiguration configuration, final ProcessContext context, final ProcessSession session,
            final ComponentLog log) {
        final List<FlowFile> flowFiles = configuration.singleDocuments()
                ? session.get(configuration.batchSize())
                : session.get(FlowFileFilters.newSizeBasedFilter(configuration.maximumBatchBytes(), DataUnit.B, MAXIMUM_FLOW_FILES));
        if (!flowFiles.isEmpty()) {
            final PutBatch batch = new PutBatch(configuration, context, session, log);
            final long bytes = flowFiles.stream().mapToLong(FlowFile::getSize).sum();
            batch.routing.finish(configuration.singleDocuments()
                    ? batch.sendDocuments(flowFiles, bytes) : batch.sendRecords(flowFiles, bytes));
        }
    }

    /** Gives the reason where the cluster cannot be used, or null. */
    private String sendDocuments(final List<FlowFile> flowFiles, final long bytes) {
        try (BulkPipeline<FlowFile> pipeline = new BulkPipeline<>(configuration, flowFiles.getFirst(),
                bytes + (long) ACTION_LINE_BYTES * flowFiles.size(), routing::route, flowFile -> false)) {
            for (final FlowFile flowFile : flowFiles) {
                try {
                    writer.write(flowFile, pipeline.body());
                    pipeline.written(flowFile, flowFile.getSize());
                } catch (final BadDocumentException e) {
                    routing.failure(flowFile, e);
                }
            }
            pipeline.flush();
            return pipeline.outage();
        }
    }

    /** The same for FlowFiles of many records. */
    private String sendRecords(final List<FlowFile> flowFiles, final long bytes) {
        final List<Incoming> all = new ArrayList<>(flowFiles.size());
        try (BulkPipeline<Incoming.Place> pipeline = new BulkPipeline<>(configuration, flowFiles.getFirst(),
                bytes + bytes / 2, (place, result) -> place.owner().answer(place, result),
                place -> place.owner().isHeldUp())) {
            for (final FlowFile flowFile : flowFiles) {
                if (all.stream().mapToLong(Incoming::refused).sum() >= Incoming.MAXIMUM_REFUSALS) {
                    // Back to its queue: what one trigger makes FlowFiles of must not grow with their number.
                    session.transfer(flowFile);
                    continue;
                }
                final Incoming incoming = new Incoming(flowFile, configuration, session, routing);
                all.add(incoming);
                if (pipeline.outage() == null) {
                    read(flowFile, incoming, pipeline);
                } else {
                    incoming.unavailable(pipeline.outage());
                }
            }
            pipeline.flush();
            all.forEach(Incoming::route);
            return pipeline.outage();
        }
    }

    private void read(final FlowFile flowFile, final Incoming incoming,
            final BulkPipeline<Incoming.Place> pipeline) {
        try {
            final OperationSettings settings = writer.settings(flowFile);
            checkCharset(configuration.lines(), settings.charset());
            try (InputStream stream = session.read(flowFile)) {
                final RecordReader reader = reader(configuration.lines(), stream);
                while (reader.next()) {
                    final Incoming.Place place = incoming.place(reader);
                    if (incoming.isStopped()) {
                        incoming.stopAt(place);
                        break;
                    }
                    try {
                        writer.write(reader, settings, pipeline.body());
                        pipeline.written(place, place.length());
                    } catch (final BadDocumentException e) {
                        incoming.refuse(place, e);
                    }
                }
            } catch (final IOException e) {
                throw new ProcessException("The content of " + flowFile + " cannot be read", e);
            }
        } catch (final BadDocumentException e) {
            incoming.fail(e.getMessage());
        }
    }

    /** A reader of the records of a FlowFile. */
    static RecordReader reader(final boolean lines, final InputStream stream) throws IOException {
        return lines
                ? new LineReader(stream, PutConfiguration.MAXIMUM_DOCUMENT_BYTES)
                : new ArrayReader(stream, PutConfiguration.MAXIMUM_DOCUMENT_BYTES);
    }

    /** Lines can be told apart in every encoding that has the bytes of ASCII for ASCII; elements of an array in UTF-8. */
    private static void checkCharset(final boolean lines, final Charset charset) throws BadDocumentException {
        final String sample = "{\n}";
        final boolean usable = lines
                ? charset.canEncode() && Arrays.equals(sample.getBytes(charset), sample.getBytes(StandardCharsets.US_ASCII))
                : charset.equals(StandardCharsets.UTF_8) || charset.equals(StandardCharsets.US_ASCII);
        if (!usable) {
            throw new BadDocumentException(Fault.ENCODING, "The property Character Set is '" + charset.name()
                    + "' for this FlowFile, which cannot be read as " + (lines ? "NDJSON" : "JSON Array")
                    + "; convert it to UTF-8 before, with ConvertCharacterSet");
        }
    }
}
