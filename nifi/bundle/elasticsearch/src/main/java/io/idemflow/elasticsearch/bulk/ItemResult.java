package io.idemflow.elasticsearch.bulk;

import com.fasterxml.jackson.core.io.JsonStringEncoder;

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

    /** Not taken now, for a reason that holds for the cluster. */
    public static ItemResult unavailable(final String reason) {
        return new ItemResult(Outcome.UNAVAILABLE, null, false, reason);
    }

    static ItemResult refused(final String reason) {
        return new ItemResult(Outcome.REFUSED, null, false, reason);
    }

    /** An error in the form that Elasticsearch gives those of an item. */
    public static String error(final int status, final String type, final String reason) {
        return "{\"status\":" + status + ",\"error\":{\"type\":\"" + type + "\",\"reason\":\""
                + new String(JsonStringEncoder.getInstance().quoteAsString(reason)) + "\"}}";
    }
}
