package io.idemflow.elasticsearch;

/**
 * What became of one document.
 *
 * @param outcome what it means for the FlowFile
 * @param result Elasticsearch's word for what it did, as {@code created}; null where it did nothing
 * @param stale whether an older version was refused because a newer document stands in the index
 * @param reason what Elasticsearch said, as a JSON object, or why there is no answer, as text; null where it went in
 */
public record ItemResult(Outcome outcome, String result, boolean stale, String reason) {

    /** What a result means for the FlowFile. */
    public enum Outcome {
        /** It is in the index, or as absent from it as a delete wants it. */
        WRITTEN,
        /** The document to change or delete does not exist. */
        NOT_FOUND,
        /** Elasticsearch can never take it as it is. */
        REFUSED,
        /** Elasticsearch could not take it now; nothing is wrong with the document. */
        UNAVAILABLE
    }

    static ItemResult unavailable(final String reason) {
        return new ItemResult(Outcome.UNAVAILABLE, null, false, reason);
    }

    static ItemResult refused(final String reason) {
        return new ItemResult(Outcome.REFUSED, null, false, reason);
    }
}
