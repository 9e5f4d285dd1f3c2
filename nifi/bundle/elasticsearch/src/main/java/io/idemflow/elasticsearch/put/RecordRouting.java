package io.idemflow.elasticsearch.put;

import io.idemflow.elasticsearch.documents.BadDocumentException;
import io.idemflow.elasticsearch.documents.RecordReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.nifi.flowfile.FlowFile;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.processor.exception.ProcessException;

/** Routes FlowFiles of many records, and makes a FlowFile of each record that was refused. */
public final class RecordRouting {

    public static final String ATTRIBUTE_RECORD_INDEX = "elasticsearch.record.index";
    public static final String ATTRIBUTE_RECORD_OFFSET = "elasticsearch.record.offset";

    private final PutConfiguration configuration;
    private final ProcessSession session;
    private final Routing routing;

    RecordRouting(final PutConfiguration configuration, final ProcessSession session, final Routing routing) {
        this.configuration = configuration;
        this.session = session;
        this.routing = routing;
    }

    /** Routes a FlowFile whose records have been answered for, as far as they were sent. */
    void route(final Incoming incoming) {
        final FlowFile whole = incoming.flowFile();
        final Incoming.Rest rest = incoming.rest();
        if (incoming.failure() != null) {
            routing.failure(whole, incoming.failure());
        } else if (rest == null) {
            answered(whole, incoming);
        } else if (configuration.format() == InputFormat.NDJSON && (incoming.answers() > 0 || !rest.unavailable())) {
            split(whole, incoming, rest);
        } else if (rest.unavailable()) {
            routing.retry(whole, rest.reason());
        } else {
            final List<Incoming.Refusal> refusals = incoming.refusals();
            routing.failure(whole, refusals.size() + " of its records are refused. The first: " + refusals.getFirst().reason());
        }
    }

    /** Lines can be cut without being copied: what was answered for is done, the rest is sent again. */
    private void split(final FlowFile whole, final Incoming incoming, final Incoming.Rest rest) {
        final FlowFile left = session.putAttribute(session.clone(whole, rest.offset(), whole.getSize() - rest.offset()),
                ATTRIBUTE_RECORD_OFFSET, String.valueOf(linesBefore(whole) + rest.index()));
        if (rest.unavailable()) {
            routing.retry(left, rest.reason());
        } else {
            routing.again(left);
        }
        final FlowFile done = session.clone(whole, 0, rest.offset());
        session.remove(whole);
        answered(done, incoming);
    }

    private void answered(final FlowFile flowFile, final Incoming incoming) {
        final List<Incoming.Refusal> refusals = incoming.refusals();
        incoming.counters().forEach(routing::count);
        refusals.forEach(refusal -> error(flowFile, refusal));
        final FlowFile clean = routing.withoutErrors(flowFile);
        if (incoming.answers() > 0) {
            routing.send(clean, incoming.answers() + " documents, " + incoming.written() + " of them written");
        }
        final boolean allWritten = refusals.isEmpty();
        if (allWritten && routing.wants(Routing.REL_SUCCESSFUL) && !routing.wants(Routing.REL_ORIGINAL)) {
            routing.transfer(clean, Routing.REL_SUCCESSFUL);
            return;
        }
        if ((allWritten || incoming.written() > 0) && routing.wants(Routing.REL_SUCCESSFUL)) {
            routing.transfer(allWritten ? session.clone(clean) : without(clean, refusals), Routing.REL_SUCCESSFUL);
        }
        routing.transfer(clean, Routing.REL_ORIGINAL);
    }

    private void error(final FlowFile flowFile, final Incoming.Refusal refusal) {
        routing.count(refusal.counter(), 1L);
        routing.report(refusal.reason());
        if (!routing.wants(Routing.REL_ERRORS)) {
            return;
        }
        final Incoming.Place place = refusal.place();
        final FlowFile record = session.removeAllAttributes(session.putAllAttributes(
                session.clone(flowFile, place.offset(), place.length()),
                Map.of(Routing.ATTRIBUTE_BULK_ERROR, refusal.reason(),
                        ATTRIBUTE_RECORD_INDEX, String.valueOf(linesBefore(flowFile) + place.index()))),
                Set.of(Routing.ATTRIBUTE_PUT_ERROR, ATTRIBUTE_RECORD_OFFSET));
        if (refusal.sent()) {
            routing.send(record, Routing.ERROR_DETAILS);
        }
        routing.transfer(record, Routing.REL_ERRORS);
    }

    /** How many lines stood before a FlowFile that is the rest of another. */
    private static long linesBefore(final FlowFile flowFile) {
        final String offset = flowFile.getAttribute(ATTRIBUTE_RECORD_OFFSET);
        return offset != null && offset.matches("[0-9]{1,18}") ? Long.parseLong(offset) : 0;
    }

    /** A FlowFile of the records that were not refused. */
    private FlowFile without(final FlowFile flowFile, final List<Incoming.Refusal> refusals) {
        final Set<Long> refused = refusals.stream().map(refusal -> refusal.place().offset()).collect(Collectors.toSet());
        return session.write(session.create(flowFile), target -> {
            try (InputStream source = session.read(flowFile)) {
                copy(RecordBatch.reader(configuration.format(), source), refused, target);
            } catch (final BadDocumentException e) {
                throw new ProcessException("The content of " + flowFile + " has changed while it was sent", e);
            }
        });
    }

    private void copy(final RecordReader records, final Set<Long> refused, final OutputStream target)
            throws IOException, BadDocumentException {
        final boolean lines = configuration.format() == InputFormat.NDJSON;
        boolean first = true;
        target.write(ascii(lines ? "" : "["));
        while (records.next()) {
            if (!refused.contains(records.offset())) {
                target.write(ascii(first ? "" : lines ? "\n" : ","));
                target.write(records.bytes(), records.start(), (int) records.length());
                first = false;
            }
        }
        target.write(ascii(lines ? "" : "]"));
    }

    private static byte[] ascii(final String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
