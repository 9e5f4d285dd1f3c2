package io.idemflow.elasticsearch.put;

import io.idemflow.elasticsearch.bulk.ItemResult;
import io.idemflow.elasticsearch.documents.BadDocumentException;
import io.idemflow.elasticsearch.documents.RecordReader;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.nifi.flowfile.FlowFile;
import org.apache.nifi.processor.ProcessSession;

/**
 * A FlowFile of many records: what has become of them so far, and where it goes in the end; each record that was refused
 * becomes a FlowFile of its own.
 *
 * <p>Only records that were not taken are kept in mind one by one: those that are refused, up to a limit, and those of two
 * requests at most that Elasticsearch could not take now, for nothing more of a FlowFile is sent once there is one.
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
     * @param inArray whether it is an element of an array
     */
    record Place(Incoming owner, long index, long offset, long length, boolean inArray) {
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

    private final FlowFile whole;
    private final boolean lines;
    private final ProcessSession session;
    private final Routing routing;
    private final RecordCopy copies;
    private final Map<String, Long> counters = new HashMap<>();
    private final List<Refusal> refusals = new ArrayList<>();
    /** Records that Elasticsearch could not take now, those behind which it has taken or refused another one. */
    private final List<Place> untaken = new ArrayList<>();
    private long answers;
    private long written;
    private long answeredTo = -1;
    private String failure;
    /** Why records have to be sent again, where Elasticsearch could not take them. */
    private String unavailable;
    /** The first of the records that have to be sent again with all behind them. */
    private Place rest;

    Incoming(final FlowFile flowFile, final PutConfiguration configuration, final ProcessSession session, final Routing routing) {
        whole = flowFile;
        lines = configuration.lines();
        this.session = session;
        this.routing = routing;
        copies = new RecordCopy(session, flowFile, lines);
    }

    /** The place of the record that a reader has gone to. */
    Place place(final RecordReader reader) {
        return new Place(this, reader.index(), reader.offset(), reader.length(), reader.isInArray());
    }

    /** Takes note that a record cannot be sent. */
    void refuse(final Place place, final BadDocumentException problem) {
        refusals.add(new Refusal(place, problem.asItem(), Routing.IN_ERROR, false));
    }

    /** Takes note of what became of a record that was written into a request; records are answered in their order. */
    void answer(final Place place, final ItemResult result) {
        if (result.outcome() == ItemResult.Outcome.UNAVAILABLE) {
            unavailable = unavailable == null ? result.reason() : unavailable;
            untaken.add(place);
            return;
        }
        answers++;
        answeredTo = place.offset();
        if (routing.isSuccessful(result)) {
            written++;
            counters.merge(Routing.counter(result), 1L, Long::sum);
        } else {
            refusals.add(new Refusal(place, result.reason(), Routing.counter(result), true));
        }
    }

    /** Takes note that Elasticsearch cannot take anything of it. */
    void unavailable(final String reason) {
        unavailable = reason;
        rest = new Place(this, 0, 0, 0, false);
    }

    /** Takes note that a record and what follows it is left to another trigger. */
    void stopAt(final Place first) {
        rest = first;
    }

    /** Takes note that nothing more of it can be read. */
    void fail(final String reason) {
        failure = reason;
    }

    /** Whether nothing more of it should be sent for now. */
    boolean isStopped() {
        return isHeldUp() || refusals.size() >= MAXIMUM_REFUSALS;
    }

    /** Whether Elasticsearch could not take some of it: what is behind must not go in before. */
    boolean isHeldUp() {
        return !untaken.isEmpty();
    }

    /** How many of its records are refused so far. */
    long refused() {
        return refusals.size();
    }

    /** Routes a FlowFile whose records have been answered for, as far as they were sent. */
    void route() {
        joinRest();
        if (failure != null) {
            routing.failure(whole, failure);
        } else if (rest == null && untaken.isEmpty()) {
            answered(whole);
        } else if (unavailable != null && answers == 0) {
            routing.retry(whole, unavailable);
        } else if (unavailable == null && !lines) {
            final List<Refusal> refused = refusals();
            routing.failure(whole, refused.size() + " of its records are refused. The first: " + refused.getFirst().reason());
        } else {
            split();
        }
    }

    /** Records behind which nothing was answered for are sent again together with the rest, and so is what stands among them. */
    private void joinRest() {
        final List<Place> behind = untaken.stream().filter(place -> place.offset() > answeredTo).toList();
        if (!behind.isEmpty()) {
            rest = behind.getFirst();
            untaken.removeAll(new HashSet<>(behind));
            refusals.removeIf(refusal -> refusal.place().offset() > rest.offset());
        }
    }

    /** What was not taken is sent again; the others are done. A rest of lines is cut off without being copied. */
    private void split() {
        if (!untaken.isEmpty()) {
            final Place first = untaken.getFirst();
            final FlowFile left = copies.numbered(offsets(untaken)::contains, untaken.getLast().offset() + 1, first.index());
            // The elements of an array cannot keep their numbers.
            sendAgain(lines ? numberedFrom(left, first) : session.removeAttribute(left, Routing.ATTRIBUTE_RECORD_OFFSET));
        }
        if (rest != null) {
            sendAgain(numberedFrom(rest.inArray() ? copies.restOfArray(rest.offset())
                    : session.clone(whole, rest.offset(), whole.getSize() - rest.offset()), rest));
        }
        final Set<Long> left = offsets(untaken);
        answered(lines && left.isEmpty() ? session.clone(whole, 0, rest.offset())
                : copies.numbered(offset -> !left.contains(offset), end(), 0));
        session.remove(whole);
    }

    private void sendAgain(final FlowFile left) {
        if (unavailable != null) {
            routing.retry(left, unavailable);
        } else {
            routing.transfer(routing.withoutErrors(left), Routing.REL_RETRY);
        }
    }

    private FlowFile numberedFrom(final FlowFile left, final Place first) {
        return session.putAttribute(left, Routing.ATTRIBUTE_RECORD_OFFSET, String.valueOf(recordsBefore() + first.index()));
    }

    /**
     * Routes what was answered for.
     *
     * @param done those records alone
     */
    private void answered(final FlowFile done) {
        final List<Refusal> refused = refusals();
        counters.forEach(routing::count);
        refused.forEach(this::error);
        final FlowFile clean = routing.withoutErrors(done);
        if (answers > 0) {
            routing.send(clean, answers + " documents, " + written + " of them written");
        }
        final boolean allWritten = refused.isEmpty();
        if (allWritten && routing.wants(Routing.REL_SUCCESSFUL) && !routing.wants(Routing.REL_ORIGINAL)) {
            routing.transfer(clean, Routing.REL_SUCCESSFUL);
            return;
        }
        if ((allWritten || written > 0) && routing.wants(Routing.REL_SUCCESSFUL)) {
            routing.transfer(allWritten ? session.clone(clean) : routing.withoutErrors(successful(refused)), Routing.REL_SUCCESSFUL);
        }
        routing.transfer(clean, Routing.REL_ORIGINAL);
    }

    /** A FlowFile of the records that went in. */
    private FlowFile successful(final List<Refusal> refused) {
        final Set<Long> others = offsets(untaken);
        refused.forEach(refusal -> others.add(refusal.place().offset()));
        return copies.joined(offset -> !others.contains(offset), end());
    }

    private void error(final Refusal refusal) {
        routing.count(refusal.counter(), 1L);
        routing.report(refusal.reason());
        if (!routing.wants(Routing.REL_ERRORS)) {
            return;
        }
        final Place place = refusal.place();
        final FlowFile record = session.removeAllAttributes(session.putAllAttributes(
                session.clone(whole, place.offset(), place.length()),
                Map.of(Routing.ATTRIBUTE_BULK_ERROR, refusal.reason(),
                        Routing.ATTRIBUTE_RECORD_INDEX, String.valueOf(recordsBefore() + place.index()))),
                Set.of(Routing.ATTRIBUTE_PUT_ERROR, Routing.ATTRIBUTE_RECORD_OFFSET));
        if (refusal.sent()) {
            routing.send(record, Routing.ERROR_DETAILS);
        }
        routing.transfer(record, Routing.REL_ERRORS);
    }

    /** How many records stood before a FlowFile that is the rest of another. */
    private long recordsBefore() {
        final String offset = whole.getAttribute(Routing.ATTRIBUTE_RECORD_OFFSET);
        return offset != null && offset.matches("[0-9]{1,18}") ? Long.parseLong(offset) : 0;
    }

    /** The refusals in the order of the records. */
    private List<Refusal> refusals() {
        return refusals.stream().sorted(Comparator.comparingLong(refusal -> refusal.place().offset())).toList();
    }

    /** Where the records end that were answered for. */
    private long end() {
        return rest == null ? Long.MAX_VALUE : rest.offset();
    }

    private static Set<Long> offsets(final List<Place> places) {
        final Set<Long> offsets = new HashSet<>();
        places.forEach(place -> offsets.add(place.offset()));
        return offsets;
    }
}
