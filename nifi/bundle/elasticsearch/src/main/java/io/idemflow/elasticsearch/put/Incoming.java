package io.idemflow.elasticsearch.put;

import io.idemflow.elasticsearch.bulk.ItemResult;
import io.idemflow.elasticsearch.documents.BadDocumentException;
import io.idemflow.elasticsearch.documents.RecordReader;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.nifi.flowfile.FlowFile;

/**
 * A FlowFile of many records, and what has become of them so far.
 *
 * <p>Only refused records are kept in mind one by one. From the first record on that Elasticsearch could not take now,
 * everything has to be sent again, and what is known of it is forgotten.
 */
final class Incoming {

    /** Above this number the rest of a FlowFile waits for another trigger: each refusal becomes a FlowFile. */
    private static final int MAXIMUM_REFUSALS = 10_000;

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

    private final FlowFile flowFile;
    private final Map<String, Long> counters = new HashMap<>();
    private final List<Refusal> refusals = new ArrayList<>();
    private long answers;
    private long written;
    private String failure;
    private Rest rest;

    Incoming(final FlowFile flowFile) {
        this.flowFile = flowFile;
    }

    /** The place of the record that a reader is at. */
    Place place(final RecordReader reader) {
        return new Place(this, reader.index(), reader.offset(), reader.length());
    }

    /** Takes note that a record cannot be sent. */
    void refuse(final Place place, final BadDocumentException problem) {
        refusals.add(new Refusal(place, problem.asItem(), Routing.IN_ERROR, false));
    }

    /** Takes note of what became of a record that was sent; records are answered in their order. */
    void answer(final Place place, final ItemResult result, final Routing routing) {
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

    /** Whether there are as many refusals as one trigger may make FlowFiles of. */
    boolean isFull() {
        return refusals.size() >= MAXIMUM_REFUSALS;
    }

    FlowFile flowFile() {
        return flowFile;
    }

    /** Why the FlowFile as a whole is at fault, or null. */
    String failure() {
        return failure;
    }

    /** What has to be sent again, or null. */
    Rest rest() {
        return rest != null && (rest.unavailable() || rest.offset() < flowFile.getSize()) ? rest : null;
    }

    /** How many records before the rest Elasticsearch has answered for. */
    long answers() {
        return answers;
    }

    /** How many of them went in. */
    long written() {
        return written;
    }

    /** How many of them went in, by counter. */
    Map<String, Long> counters() {
        return counters;
    }

    /** The refusals before the rest, in the order of the records. */
    List<Refusal> refusals() {
        return refusals.stream()
                .filter(refusal -> precedesRest(refusal.place().offset()))
                .sorted(Comparator.comparingLong(refusal -> refusal.place().offset()))
                .toList();
    }

    private boolean precedesRest(final long offset) {
        return rest == null || offset < rest.offset();
    }
}
