package io.idemflow.elasticsearch.put;

import io.idemflow.elasticsearch.bulk.ItemResult;
import io.idemflow.elasticsearch.documents.Documents;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.nifi.flowfile.FlowFile;
import org.apache.nifi.logging.ComponentLog;
import org.apache.nifi.processor.ProcessContext;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.processor.Relationship;

/**
 * Transfers FlowFiles, with their attributes, provenance events and counters.
 *
 * <p>As with the official processor a sent FlowFile goes to original and a copy of it to successful or errors; but where
 * one of the two relationships is terminated there is no copy: the FlowFile itself goes to the other.
 */
public final class Routing {

    public static final String ATTRIBUTE_BULK_ERROR = "elasticsearch.bulk.error";
    public static final String ATTRIBUTE_PUT_ERROR = "elasticsearch.put.error";
    public static final String ATTRIBUTE_ERROR_COUNT = "elasticsearch.put.error.count";
    public static final String IN_ERROR = "Documents in error";
    public static final String ERROR_DETAILS = "Elasticsearch _bulk operation error";

    public static final Relationship REL_ORIGINAL = relationship("original",
            "Each FlowFile that Elasticsearch has answered for, whatever the answer");
    public static final Relationship REL_SUCCESSFUL = relationship("successful",
            "FlowFiles whose documents went in; of FlowFiles with many documents, those that went in");
    public static final Relationship REL_ERRORS = relationship("errors",
            "FlowFiles whose documents Elasticsearch refused, with the reason in the attribute elasticsearch.bulk.error; "
                    + "of FlowFiles with many documents, a FlowFile for each of those");
    public static final Relationship REL_RETRY = relationship("retry",
            "FlowFiles that Elasticsearch could not take now: an outage, an overload, missing rights. Send them here again");
    public static final Relationship REL_FAILURE = relationship("failure",
            "FlowFiles that cannot be sent as they are: no JSON object, no id");
    public static final Relationship REL_ERROR_RESPONSES = relationship("error_responses",
            "The errors of each request, where Output Error Responses is true");

    private final PutConfiguration configuration;
    private final ProcessContext context;
    private final ProcessSession session;
    private final ComponentLog log;
    private final boolean wantsOriginal;
    private final boolean wantsSuccessful;
    private final boolean wantsErrors;
    private final Map<String, Map<String, String>> transitUrls = new HashMap<>();
    private final Map<String, Long> counters = new HashMap<>();
    private final Map<Relationship, List<FlowFile>> transfers = new HashMap<>();
    private final List<String> errors = new ArrayList<>();
    private int failures;
    private String firstFailure;
    private int retries;
    private String firstRetry;

    public Routing(final PutConfiguration configuration, final ProcessContext context, final ProcessSession session,
            final ComponentLog log) {
        this.configuration = configuration;
        this.context = context;
        this.session = session;
        this.log = log;
        wantsSuccessful = !context.isAutoTerminated(REL_SUCCESSFUL);
        wantsErrors = !context.isAutoTerminated(REL_ERRORS);
        wantsOriginal = !context.isAutoTerminated(REL_ORIGINAL);
    }

    /** The counter of a document by what became of it. */
    static String counter(final ItemResult result) {
        return switch (result.outcome()) {
            case WRITTEN -> "Documents " + result.result();
            case NOT_FOUND -> "Documents not found";
            case REFUSED, UNAVAILABLE -> result.stale() ? "Documents refused as stale" : IN_ERROR;
        };
    }

    /** Whether a document is as the user wants it. */
    boolean isSuccessful(final ItemResult result) {
        return result.outcome() == ItemResult.Outcome.WRITTEN
                || result.outcome() == ItemResult.Outcome.NOT_FOUND && configuration.notFoundIsSuccessful();
    }

    boolean wantsOriginal() {
        return wantsOriginal;
    }

    boolean wantsSuccessful() {
        return wantsSuccessful;
    }

    boolean wantsErrors() {
        return wantsErrors;
    }

    /** Routes a FlowFile that was sent, as one document. */
    void route(final FlowFile flowFile, final ItemResult result) {
        if (result.outcome() == ItemResult.Outcome.UNAVAILABLE) {
            retry(flowFile, result.reason());
            return;
        }
        count(counter(result), 1L);
        if (isSuccessful(result)) {
            successful(flowFile);
        } else {
            error(flowFile, result.reason());
        }
    }

    /** Routes a FlowFile that can never be sent. */
    void failure(final FlowFile flowFile, final String reason) {
        failures++;
        firstFailure = firstFailure == null ? reason : firstFailure;
        transfer(session.penalize(session.putAttribute(flowFile, ATTRIBUTE_PUT_ERROR, reason)), REL_FAILURE);
    }

    /** Routes a FlowFile that Elasticsearch cannot take now. */
    void retry(final FlowFile flowFile, final String reason) {
        retries++;
        firstRetry = firstRetry == null ? reason : firstRetry;
        transfer(session.penalize(session.putAttribute(flowFile, ATTRIBUTE_PUT_ERROR, reason)), REL_RETRY);
    }

    /** Routes a FlowFile whose turn comes again at once. */
    void again(final FlowFile flowFile) {
        transfer(withoutErrors(flowFile), REL_RETRY);
    }

    /**
     * Ends the trigger: transfers, counts, reports.
     *
     * @param outage why the cluster could not be used as a whole, or null
     */
    void finish(final String outage) {
        transfers.forEach((relationship, flowFiles) -> session.transfer(flowFiles, relationship));
        counters.forEach((name, delta) -> session.adjustCounter(name, delta, false));
        if (failures > 0) {
            log.warn("{} FlowFiles cannot be sent and go to failure. The first: {}", failures, firstFailure);
        }
        if (retries > 0) {
            log.error("{} FlowFiles go to retry. {}", retries, outage == null ? firstRetry : outage);
            context.yield();
        }
        if (!errors.isEmpty()) {
            reportErrors();
        }
    }

    private void successful(final FlowFile flowFile) {
        final FlowFile clean = withoutErrors(flowFile);
        final FlowFile sent = separate(clean, wantsSuccessful);
        send(sent, null);
        transfer(sent, wantsSuccessful ? REL_SUCCESSFUL : REL_ORIGINAL);
    }

    private void error(final FlowFile flowFile, final String reason) {
        report(reason);
        final FlowFile sent = separate(session.putAttribute(flowFile, ATTRIBUTE_BULK_ERROR, reason), wantsErrors);
        send(sent, ERROR_DETAILS);
        transfer(sent, wantsErrors ? REL_ERRORS : REL_ORIGINAL);
    }

    /** The FlowFile to route by its result: a copy only where someone waits for the original as well. */
    private FlowFile separate(final FlowFile flowFile, final boolean wanted) {
        if (!wanted || !wantsOriginal) {
            return flowFile;
        }
        transfer(flowFile, REL_ORIGINAL);
        return session.clone(flowFile);
    }

    /** An earlier try may have left its error. */
    FlowFile withoutErrors(final FlowFile flowFile) {
        FlowFile clean = flowFile;
        for (final String attribute : new String[] {ATTRIBUTE_PUT_ERROR, ATTRIBUTE_BULK_ERROR}) {
            if (flowFile.getAttribute(attribute) != null) {
                clean = session.removeAttribute(clean, attribute);
            }
        }
        return clean;
    }

    /** Notes in the provenance that a FlowFile was sent. */
    void send(final FlowFile flowFile, final String details) {
        final String index = configuration.index().value(flowFile);
        final String type = configuration.type().value(flowFile);
        final String url = transitUrls
                .computeIfAbsent(index, key -> new HashMap<>(2))
                .computeIfAbsent(type, key -> configuration.client().getTransitUrl(index, type));
        // Not forced: written together with the session's other events, not one by one ahead of them.
        session.getProvenanceReporter().send(flowFile, url, details, false);
    }

    /** Keeps a FlowFile for the end of the trigger. */
    void transfer(final FlowFile flowFile, final Relationship relationship) {
        transfers.computeIfAbsent(relationship, key -> new ArrayList<>()).add(flowFile);
    }

    void count(final String counter, final long documents) {
        counters.merge(counter, documents, Long::sum);
    }

    /** Keeps the error of a document for the end of the trigger. */
    void report(final String reason) {
        errors.add(reason);
    }

    private void reportErrors() {
        if (!configuration.logErrors() && !configuration.outputErrors() && !log.isDebugEnabled()) {
            return;
        }
        final String json = "[" + String.join(",", errors) + "]";
        if (configuration.logErrors()) {
            log.error("{} documents are refused: {}", errors.size(), json);
        } else {
            log.debug("{} documents are refused: {}", errors.size(), json);
        }
        if (configuration.outputErrors()) {
            FlowFile output = session.create();
            output = session.write(output, stream -> stream.write(json.getBytes(StandardCharsets.UTF_8)));
            output = session.putAttribute(output, ATTRIBUTE_ERROR_COUNT, String.valueOf(errors.size()));
            session.transfer(output, REL_ERROR_RESPONSES);
        }
    }

    private static Relationship relationship(final String name, final String description) {
        return new Relationship.Builder().name(name).description(description).build();
    }
}
