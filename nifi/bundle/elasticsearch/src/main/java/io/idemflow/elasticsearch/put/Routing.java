package io.idemflow.elasticsearch.put;

import io.idemflow.elasticsearch.bulk.ItemResult;
import io.idemflow.elasticsearch.documents.BadDocumentException;
import io.idemflow.elasticsearch.documents.Documents;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
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
    public static final String ATTRIBUTE_RECORD_INDEX = "elasticsearch.record.index";
    public static final String ATTRIBUTE_RECORD_OFFSET = "elasticsearch.record.offset";
    public static final String ATTRIBUTE_ERROR_COUNT = "elasticsearch.put.error.count";
    static final String IN_ERROR = "Documents in error";
    static final String ERROR_DETAILS = "Elasticsearch _bulk operation error";

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
    private final Set<Relationship> terminated;
    private final Map<String, Long> counters = new HashMap<>();
    private final Map<Relationship, List<FlowFile>> transfers = new HashMap<>();
    private final List<String> errors = new ArrayList<>();
    private int failures;
    private String firstFailure;
    private int retries;
    private String firstRetry;

    Routing(final PutConfiguration configuration, final ProcessContext context, final ProcessSession session,
            final ComponentLog log) {
        this.configuration = configuration;
        this.context = context;
        this.session = session;
        this.log = log;
        terminated = Stream.of(REL_ORIGINAL, REL_SUCCESSFUL, REL_ERRORS)
                .filter(context::isAutoTerminated).collect(Collectors.toSet());
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

    /** Whether someone waits for what goes to original, successful or errors. */
    boolean wants(final Relationship relationship) {
        return !terminated.contains(relationship);
    }

    /** Routes a FlowFile that was sent, as one document. */
    void route(final FlowFile flowFile, final ItemResult result) {
        if (result.outcome() == ItemResult.Outcome.UNAVAILABLE) {
            retry(flowFile, result.reason());
            return;
        }
        count(counter(result), 1L);
        if (isSuccessful(result)) {
            answered(withoutErrors(flowFile), REL_SUCCESSFUL, null);
        } else {
            report(result.reason());
            answered(session.putAttribute(flowFile, ATTRIBUTE_BULK_ERROR, result.reason()), REL_ERRORS, ERROR_DETAILS);
        }
    }

    /** Routes a FlowFile that can never be sent. */
    void failure(final FlowFile flowFile, final String reason) {
        failures++;
        firstFailure = firstFailure == null ? reason : firstFailure;
        transfer(session.penalize(session.putAttribute(flowFile, ATTRIBUTE_PUT_ERROR, reason)), REL_FAILURE);
    }

    /** The same for a problem of its document: one that is sound JSON all the same must not look like one that may be sent again. */
    void failure(final FlowFile flowFile, final BadDocumentException problem) {
        failure(problem.isOfContent() ? session.putAttribute(flowFile, ATTRIBUTE_BULK_ERROR, problem.asItem()) : flowFile,
                problem.getMessage());
    }

    /** Routes a FlowFile that Elasticsearch cannot take now. */
    void retry(final FlowFile flowFile, final String reason) {
        retries++;
        firstRetry = firstRetry == null ? reason : firstRetry;
        transfer(session.penalize(session.putAttribute(flowFile, ATTRIBUTE_PUT_ERROR, reason)), REL_RETRY);
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

    private void answered(final FlowFile flowFile, final Relationship relationship, final String details) {
        final boolean wanted = wants(relationship);
        FlowFile sent = flowFile;
        if (wanted && wants(REL_ORIGINAL)) {
            // A copy only where someone waits for the original as well.
            transfer(flowFile, REL_ORIGINAL);
            sent = session.clone(flowFile);
        }
        send(sent, details);
        transfer(sent, wanted ? relationship : REL_ORIGINAL);
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
        final String url = configuration.client().getTransitUrl(index, configuration.type().value(flowFile));
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
