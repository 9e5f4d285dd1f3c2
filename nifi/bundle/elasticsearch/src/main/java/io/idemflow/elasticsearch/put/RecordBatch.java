package io.idemflow.elasticsearch.put;

import io.idemflow.elasticsearch.documents.ArrayReader;
import io.idemflow.elasticsearch.documents.BadDocumentException.Fault;
import io.idemflow.elasticsearch.documents.BadDocumentException;
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
import org.apache.nifi.processor.FlowFileFilter;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.processor.exception.ProcessException;

/** The way of the FlowFiles of one trigger, each of them many records: read as streams, sent, routed. */
public final class RecordBatch {

    /** Small FlowFiles share a request; each of them costs the session about as much as a large one. */
    private static final int MAXIMUM_FLOW_FILES = 1_000;

    private final PutConfiguration configuration;
    private final ProcessSession session;
    private final Routing routing;
    private final DocumentWriter writer;

    public RecordBatch(final PutConfiguration configuration, final ProcessSession session, final Routing routing) {
        this.configuration = configuration;
        this.session = session;
        this.routing = routing;
        writer = new DocumentWriter(configuration, session);
    }

    /** Chooses FlowFiles for a trigger: one, and as many more as a request has room for. */
    public static FlowFileFilter filter(final long maximumBatchBytes) {
        return new FlowFileFilter() {
            private int count;
            private long bytes;

            @Override
            public FlowFileFilterResult filter(final FlowFile flowFile) {
                if (count == MAXIMUM_FLOW_FILES || count > 0 && bytes + flowFile.getSize() > maximumBatchBytes) {
                    return FlowFileFilterResult.REJECT_AND_TERMINATE;
                }
                count++;
                bytes += flowFile.getSize();
                return FlowFileFilterResult.ACCEPT_AND_CONTINUE;
            }
        };
    }

    /** Sends and routes FlowFiles. */
    public void run(final List<FlowFile> flowFiles) {
        final long content = flowFiles.stream().mapToLong(FlowFile::getSize).sum();
        final BulkPipeline<Incoming.Place> pipeline = new BulkPipeline<>(configuration, flowFiles.getFirst(),
                content + content / 2, (place, result) -> place.owner().answer(place, result, routing));
        final List<Incoming> all = new ArrayList<>(flowFiles.size());
        for (final FlowFile flowFile : flowFiles) {
            final Incoming incoming = new Incoming(flowFile);
            all.add(incoming);
            if (pipeline.outage() == null) {
                read(incoming, pipeline);
            } else {
                incoming.unavailableFrom(0, 0, pipeline.outage());
            }
        }
        pipeline.flush();
        final RecordRouting records = new RecordRouting(configuration, session, routing);
        all.forEach(records::route);
        routing.finish(pipeline.outage());
    }

    private void read(final Incoming incoming, final BulkPipeline<Incoming.Place> pipeline) {
        try {
            final OperationSettings settings = writer.settings(incoming.flowFile());
            checkCharset(configuration.format(), settings.charset());
            try (InputStream stream = session.read(incoming.flowFile())) {
                final RecordReader reader = reader(configuration.format(), stream);
                while (!incoming.isStopped() && reader.next()) {
                    write(incoming, reader, settings, pipeline);
                }
                if (incoming.isFull()) {
                    incoming.stopAt(reader.index() + 1, reader.position());
                }
            } catch (final IOException e) {
                throw new ProcessException("The content of " + incoming.flowFile() + " cannot be read", e);
            }
        } catch (final BadDocumentException e) {
            incoming.fail(e.getMessage());
        }
    }

    private void write(final Incoming incoming, final RecordReader reader, final OperationSettings settings,
            final BulkPipeline<Incoming.Place> pipeline) {
        final Incoming.Place place = incoming.place(reader);
        try {
            writer.write(reader, settings, pipeline.body());
        } catch (final BadDocumentException e) {
            incoming.refuse(place, e);
            return;
        }
        pipeline.written(place, place.length());
    }

    /** A reader of the records of a FlowFile. */
    static RecordReader reader(final InputFormat format, final InputStream stream) throws IOException {
        return format == InputFormat.NDJSON
                ? new LineReader(stream, PutConfiguration.MAXIMUM_DOCUMENT_BYTES)
                : new ArrayReader(stream, PutConfiguration.MAXIMUM_DOCUMENT_BYTES);
    }

    /** Lines can be told apart in every encoding that has the bytes of ASCII for ASCII; elements of an array in UTF-8. */
    private static void checkCharset(final InputFormat format, final Charset charset) throws BadDocumentException {
        final String sample = "{\n}";
        final boolean usable = format == InputFormat.NDJSON
                ? charset.canEncode() && Arrays.equals(sample.getBytes(charset), sample.getBytes(StandardCharsets.US_ASCII))
                : charset.equals(StandardCharsets.UTF_8) || charset.equals(StandardCharsets.US_ASCII);
        if (!usable) {
            throw new BadDocumentException(Fault.ENCODING, "The property Character Set is '" + charset.name()
                    + "' for this FlowFile, which cannot be read as " + format.getDisplayName()
                    + "; convert it to UTF-8 before, with ConvertCharacterSet");
        }
    }
}
