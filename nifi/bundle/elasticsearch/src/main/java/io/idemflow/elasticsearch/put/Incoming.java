package io.idemflow.elasticsearch.put;

import io.idemflow.elasticsearch.bulk.ItemResult;
import io.idemflow.elasticsearch.documents.BadDocumentException;
import io.idemflow.elasticsearch.documents.RecordReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.nifi.flowfile.FlowFile;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.processor.exception.ProcessException;

/**
 * A FlowFile of many records: what has become of them so far, and where it goes in the end; each record that was refused
 * becomes a FlowFile of its own.
 *
 * <p>Only refused records are kept in mind one by one. From the first record on that Elasticsearch could not take now,
 * everything has to be sent again, and what is known of it is forgotten.
 */
final class Incoming {

    /** Above this number the rest of a FlowFile, and further ones, wait for another trigger: each refusal becomes a FlowFile. */
    static final int MAXIMUM_REFUSALS = 10_000;

    /**
     * A record's place in its FlowFile.
     *
     * @param index its number, from 0
     * @param offset position of its first byte
     * @param length number of its bytes
     */
    record Place(Incoming owner, long index, long offset, long length) {
    }

    /**
     * A record that can never go in as it is.
     *
     * @param reason an item as Elasticsearch's reply has it, as JSON
     * @param counter counts it
     * @param sent whether Elasticsearch has seen it
     */
    record Refusal(Place place, String reason, String counter, boolean sent) {
    }

    /**
     * The records from one on, which have to be sent again.
     *
     * @param index number of the first of them
     * @param offset position of its first byte
     * @param unavailable whether they wait for Elasticsearch, not only for their turn
     */
    record Rest(long index, long offset, String reason, boolean unavailable) {
    }

    private final FlowFile whole;
    private final PutConfiguration configuration;
    private final ProcessSession session;
    private final Routing routing;
    private final Map<String, Long> counters = new HashMap<>();
    private final List<Refusal> refusals = new ArrayList<>();
    private long answers;
    private long written;
    private String failure;
    private Rest rest;

    Incoming(final FlowFile flowFile, final PutConfiguration configuration, final ProcessSession session, final Routing routing) {
        whole = flowFile;
        this.configuration = configuration;
        this.session = session;
        this.routing = routing;
    }

    /** Takes note that a record cannot be sent. */
    void refuse(final Place place, final BadDocumentException problem) {
        refusals.add(new Refusal(place, problem.asItem(), Routing.IN_ERROR, false));
    }

    /** Takes note of what became of a record that was sent; records are answered in their order. */
    void answer(final Place place, final ItemResult result) {
        if (!precedesRest(place.offset())) {
            return;
        }
        if (result.outcome() == ItemResult.Outcome.UNAVAILABLE) {
            unavailableFrom(place.index(), place.offset(), result.reason());
            return;
        }
        answers++;
        if (routing.isSuccessful(result)) {
            written++;
            counters.merge(Routing.counter(result), 1L, Long::sum);
        } else {
            refusals.add(new Refusal(place, result.reason(), Routing.counter(result), true));
        }
    }

    /** Takes note that Elasticsearch cannot take the records from one on. */
    void unavailableFrom(final long index, final long offset, final String reason) {
        rest = new Rest(index, offset, reason, true);
    }

    /** Takes note that what follows is left to another trigger. */
    void stopAt(final long index, final long offset) {
        if (precedesRest(offset)) {
            rest = new Rest(index, offset, "After " + refusals.size() + " refused records the rest is sent later", false);
        }
    }

    /** Takes note that nothing more of it can be read. */
    void fail(final String reason) {
        failure = reason;
    }

    /** Whether nothing more of it should be sent for now. */
    boolean isStopped() {
        return rest != null || isFull();
    }

    /** How many of its records are refused so far. */
    long refused() {
        return refusals.size();
    }

    /** Whether there are as many refusals as one trigger may make FlowFiles of. */
    boolean isFull() {
        return refusals.size() >= MAXIMUM_REFUSALS;
    }

    /** Routes a FlowFile whose records have been answered for, as far as they were sent. */
    void route() {
        if (failure != null) {
            routing.failure(whole, failure);
        } else if (rest == null || !rest.unavailable() && rest.offset() >= whole.getSize()) {
            answered(whole);
        } else if (configuration.lines() && (answers > 0 || !rest.unavailable())) {
            split();
        } else if (rest.unavailable()) {
            routing.retry(whole, rest.reason());
        } else {
            final List<Refusal> refused = refusals();
            routing.failure(whole, refused.size() + " of its records are refused. The first: " + refused.getFirst().reason());
        }
    }

    /** Lines can be cut without being copied: what was answered for is done, the rest is sent again. */
    private void split() {
        final FlowFile left = session.putAttribute(session.clone(whole, rest.offset(), whole.getSize() - rest.offset()),
                Routing.ATTRIBUTE_RECORD_OFFSET, String.valueOf(linesBefore() + rest.index()));
        if (rest.unavailable()) {
            routing.retry(left, rest.reason());
        } else {
            routing.transfer(routing.withoutErrors(left), Routing.REL_RETRY);
        }
        final FlowFile done = session.clone(whole, 0, rest.offset());
        session.remove(whole);
        answered(done);
    }

    private void answered(final FlowFile flowFile) {
        final List<Refusal> refused = refusals();
        counters.forEach(routing::count);
        refused.forEach(refusal -> error(flowFile, refusal));
        final FlowFile clean = routing.withoutErrors(flowFile);
        if (answers > 0) {
            routing.send(clean, answers + " documents, " + written + " of them written");
        }
        final boolean allWritten = refused.isEmpty();
        if (allWritten && routing.wants(Routing.REL_SUCCESSFUL) && !routing.wants(Routing.REL_ORIGINAL)) {
            routing.transfer(clean, Routing.REL_SUCCESSFUL);
            return;
        }
        if ((allWritten || written > 0) && routing.wants(Routing.REL_SUCCESSFUL)) {
            routing.transfer(allWritten ? session.clone(clean) : without(clean, refused), Routing.REL_SUCCESSFUL);
        }
        routing.transfer(clean, Routing.REL_ORIGINAL);
    }

    private void error(final FlowFile flowFile, final Refusal refusal) {
        routing.count(refusal.counter(), 1L);
        routing.report(refusal.reason());
        if (!routing.wants(Routing.REL_ERRORS)) {
            return;
        }
        final Place place = refusal.place();
        final FlowFile record = session.removeAllAttributes(session.putAllAttributes(
                session.clone(flowFile, place.offset(), place.length()),
                Map.of(Routing.ATTRIBUTE_BULK_ERROR, refusal.reason(),
                        Routing.ATTRIBUTE_RECORD_INDEX, String.valueOf(linesBefore() + place.index()))),
                Set.of(Routing.ATTRIBUTE_PUT_ERROR, Routing.ATTRIBUTE_RECORD_OFFSET));
        if (refusal.sent()) {
            routing.send(record, Routing.ERROR_DETAILS);
        }
        routing.transfer(record, Routing.REL_ERRORS);
    }

    /** How many lines stood before a FlowFile that is the rest of another. */
    private long linesBefore() {
        final String offset = whole.getAttribute(Routing.ATTRIBUTE_RECORD_OFFSET);
        return offset != null && offset.matches("[0-9]{1,18}") ? Long.parseLong(offset) : 0;
    }

    /** A FlowFile of the records that were not refused. */
    private FlowFile without(final FlowFile flowFile, final List<Refusal> refusals) {
        final Set<Long> refused = refusals.stream().map(refusal -> refusal.place().offset()).collect(Collectors.toSet());
        return session.write(session.create(flowFile), target -> {
            try (InputStream source = session.read(flowFile)) {
                copy(PutBatch.reader(configuration.lines(), source), refused, target);
            } catch (final BadDocumentException e) {
                throw new ProcessException("The content of " + flowFile + " has changed while it was sent", e);
            }
        });
    }

    private void copy(final RecordReader records, final Set<Long> refused, final OutputStream target)
            throws IOException, BadDocumentException {
        final boolean lines = configuration.lines();
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

    /** The refusals before the rest, in the order of the records. */
    private List<Refusal> refusals() {
        return refusals.stream()
                .filter(refusal -> precedesRest(refusal.place().offset()))
                .sorted(Comparator.comparingLong(refusal -> refusal.place().offset()))
                .toList();
    }

    private boolean precedesRest(final long offset) {
        return rest == null || offset < rest.offset();
    }
}
