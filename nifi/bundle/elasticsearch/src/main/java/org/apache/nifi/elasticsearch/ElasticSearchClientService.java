package org.apache.nifi.elasticsearch;

import io.idemflow.elasticsearch.client.HttpReply;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.apache.nifi.controller.ControllerService;
import org.apache.nifi.controller.VerifiableControllerService;

/** A connection to the nodes of one Elasticsearch cluster, shared by processors. */
public interface ElasticSearchClientService extends ControllerService, VerifiableControllerService {

    /**
     * Starts a {@code _bulk} request.
     *
     * @param body newline-delimited JSON, each action line and document ended by a newline; its array must not change until
     *     the reply is there
     * @param parameters parameters of the URL, not encoded
     * @param headers further headers of the request
     * @return the reply, whatever its status; fails with an {@link IOException} where there was none, or a damaged one
     */
    CompletableFuture<HttpReply> bulk(ByteBuffer body, Map<String, String> parameters, Map<String, String> headers);

    /**
     * Tells whether an index, alias or data stream exists.
     *
     * @throws IOException where the cluster cannot be asked
     */
    boolean exists(String index) throws IOException;

    /** Whether null and empty fields have to be left out of documents. */
    boolean isSuppressingNulls();

    /** Whether a reply that warns of something deprecated counts as a failure. */
    boolean isStrictDeprecation();

    /**
     * Names a place of the cluster for provenance events.
     *
     * @param index an index, may be blank
     * @param type a type, may be blank
     * @return for example {@code https://localhost:9200/people}
     */
    String getTransitUrl(String index, String type);
}
