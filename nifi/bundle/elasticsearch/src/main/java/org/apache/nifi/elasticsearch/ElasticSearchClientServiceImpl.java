package org.apache.nifi.elasticsearch;

import io.idemflow.elasticsearch.client.ClientFactory;
import io.idemflow.elasticsearch.client.ClientProperties;
import io.idemflow.elasticsearch.client.ElasticsearchClient;
import io.idemflow.elasticsearch.client.HttpReply;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.apache.nifi.annotation.behavior.DynamicProperty;
import org.apache.nifi.annotation.documentation.CapabilityDescription;
import org.apache.nifi.annotation.documentation.Tags;
import org.apache.nifi.annotation.lifecycle.OnDisabled;
import org.apache.nifi.annotation.lifecycle.OnEnabled;
import org.apache.nifi.components.ConfigVerificationResult;
import org.apache.nifi.components.ConfigVerificationResult.Outcome;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.components.ValidationContext;
import org.apache.nifi.components.ValidationResult;
import org.apache.nifi.controller.AbstractControllerService;
import org.apache.nifi.controller.ConfigurationContext;
import org.apache.nifi.expression.ExpressionLanguageScope;
import org.apache.nifi.logging.ComponentLog;
import org.apache.nifi.migration.PropertyConfiguration;
import org.apache.nifi.processor.util.StandardValidators;
import org.apache.nifi.proxy.ProxyConfiguration;
import org.apache.nifi.proxy.ProxySpec;
import org.apache.nifi.reporting.InitializationException;

/** Stands in for the official type of the same name. */
@Tags({"elasticsearch", "elasticsearch8", "client"})
@CapabilityDescription("Holds the connections to an Elasticsearch cluster: addresses, TLS, credentials, timeouts.")
@DynamicProperty(
        name = "Name of a request header",
        value = "Its value",
        expressionLanguageScope = ExpressionLanguageScope.ENVIRONMENT,
        description = "Sent with each request.")
public class ElasticSearchClientServiceImpl extends AbstractControllerService implements ElasticSearchClientService {

    private static final String STEP_SETUP = "Client Setup";
    private static final String STEP_CONNECTION = "Elasticsearch Connection";

    private volatile ElasticsearchClient client;
    private volatile String firstHost;
    private volatile boolean suppressingNulls;
    private volatile boolean strictDeprecation;

    @Override
    protected List<PropertyDescriptor> getSupportedPropertyDescriptors() {
        return ClientProperties.ALL;
    }

    @Override
    protected PropertyDescriptor getSupportedDynamicPropertyDescriptor(final String propertyDescriptorName) {
        return ClientProperties.dynamic(propertyDescriptorName, ExpressionLanguageScope.ENVIRONMENT,
                StandardValidators.ATTRIBUTE_EXPRESSION_LANGUAGE_VALIDATOR);
    }

    /** Later versions of NiFi name the properties as they display them. */
    @Override
    public void migrateProperties(final PropertyConfiguration config) {
        ClientProperties.renameToNames(ClientProperties.ALL, config);
        config.renameProperty("Connect Timeout", ClientProperties.CONNECT_TIMEOUT.getName());
        config.renameProperty("Read Timeout", ClientProperties.READ_TIMEOUT.getName());
        config.renameProperty("Character Set", ClientProperties.CHARSET.getName());
        config.renameProperty("Suppress Null and Empty Values", ClientProperties.SUPPRESS_NULLS.getName());
    }

    @Override
    protected Collection<ValidationResult> customValidate(final ValidationContext context) {
        final List<ValidationResult> results = new ArrayList<>();
        if (ClientProperties.PKI.getValue().equals(context.getProperty(ClientProperties.AUTHORIZATION_SCHEME).getValue())
                && !context.getProperty(ClientProperties.SSL_CONTEXT_SERVICE).isSet()) {
            results.add(ClientProperties.invalid(ClientProperties.SSL_CONTEXT_SERVICE.getDisplayName(),
                    "the authorization scheme PKI needs it, for the client certificate"));
        }
        try {
            ClientFactory.parseHosts(context.getProperty(ClientProperties.HTTP_HOSTS).evaluateAttributeExpressions().getValue());
        } catch (final IllegalArgumentException e) {
            results.add(ClientProperties.invalid(ClientProperties.HTTP_HOSTS.getDisplayName(), e.getMessage()));
        }
        context.getProperties().keySet().stream().filter(PropertyDescriptor::isDynamic).forEach(header ->
                ClientProperties.checkHeader(header.getName(), header.getName()).ifPresent(results::add));
        ProxyConfiguration.validateProxySpec(context, results, ProxySpec.HTTP, ProxySpec.HTTP_AUTH);
        return results;
    }

    @OnEnabled
    public void onEnabled(final ConfigurationContext context) throws InitializationException {
        try {
            client = ClientFactory.create(context, getLogger());
            firstHost = ClientFactory.hosts(context).getFirst().toURI() + ClientFactory.pathPrefix(context);
            suppressingNulls = ClientProperties.ALWAYS_SUPPRESS.getValue()
                    .equals(context.getProperty(ClientProperties.SUPPRESS_NULLS).getValue());
            strictDeprecation = context.getProperty(ClientProperties.STRICT_DEPRECATION).asBoolean();
        } catch (final RuntimeException e) {
            throw new InitializationException("The Elasticsearch client cannot be set up: " + e.getMessage(), e);
        }
    }

    @OnDisabled
    public void onDisabled() {
        final ElasticsearchClient closing = client;
        client = null;
        if (closing != null) {
            closing.close();
        }
    }

    @Override
    public CompletableFuture<HttpReply> bulk(final ByteBuffer body, final Map<String, String> parameters,
            final Map<String, String> headers) {
        return client().send("POST", "/_bulk", parameters, headers, body);
    }

    @Override
    public boolean exists(final String index) throws IOException {
        final HttpReply reply = await(client().send("HEAD", "/" + ElasticsearchClient.encode(index), Map.of(), Map.of(), null));
        if (reply.status() == 200 || reply.status() == 404) {
            return reply.status() == 200;
        }
        throw new IOException("Elasticsearch at " + reply.host() + " answers HTTP " + reply.status());
    }

    @Override
    public boolean isSuppressingNulls() {
        return suppressingNulls;
    }

    @Override
    public boolean isStrictDeprecation() {
        return strictDeprecation;
    }

    @Override
    public String getTransitUrl(final String index, final String type) {
        return firstHost + (index == null || index.isBlank() ? "" : "/" + index) + (type == null || type.isBlank() ? "" : "/" + type);
    }

    @Override
    public List<ConfigVerificationResult> verify(final ConfigurationContext context, final ComponentLog verificationLogger,
            final Map<String, String> variables) {
        final ElasticsearchClient trial;
        try {
            trial = ClientFactory.create(context, verificationLogger);
        } catch (final RuntimeException e) {
            verificationLogger.warn("The Elasticsearch client cannot be set up", e);
            return List.of(verified(STEP_SETUP, Outcome.FAILED, e.getMessage()),
                    verified(STEP_CONNECTION, Outcome.SKIPPED, "The client cannot be set up"));
        }
        try (trial) {
            return List.of(verified(STEP_SETUP, Outcome.SUCCESSFUL, "The properties make a client"), verifyConnection(trial));
        }
    }

    /** Asks who the user is, for that needs no privilege; a cluster without security has no such answer. */
    private static ConfigVerificationResult verifyConnection(final ElasticsearchClient trial) {
        try {
            final HttpReply reply = await(trial.send("GET", "/_security/_authenticate", Map.of(), Map.of(), null));
            final String said = reply.host() + " answers HTTP " + reply.status();
            return switch (reply.status()) {
                case 200 -> verified(STEP_CONNECTION, Outcome.SUCCESSFUL, reply.host() + " knows the user");
                case 400, 404, 405 -> verifyWithoutSecurity(trial, said + " to the question who the user is: " + reply.excerpt());
                case 401 -> verified(STEP_CONNECTION, Outcome.FAILED, said + ": the credentials are wrong or missing");
                case 403 -> verified(STEP_CONNECTION, Outcome.FAILED, said + ": the user may not be used here");
                default -> verified(STEP_CONNECTION, Outcome.FAILED, said + ": " + reply.excerpt());
            };
        } catch (final IOException e) {
            return verified(STEP_CONNECTION, Outcome.FAILED, e.getMessage());
        }
    }

    /** The same answers come from what is no Elasticsearch, and from one behind another path. */
    private static ConfigVerificationResult verifyWithoutSecurity(final ElasticsearchClient trial, final String refusal)
            throws IOException {
        final HttpReply reply = await(trial.send("GET", "/", Map.of(), Map.of(), null));
        if (reply.status() == 200 && new String(reply.body(), StandardCharsets.UTF_8).contains("\"You Know, for Search\"")) {
            return verified(STEP_CONNECTION, Outcome.SUCCESSFUL, reply.host() + " is an Elasticsearch that has no security");
        }
        return verified(STEP_CONNECTION, Outcome.FAILED, refusal + ". Nor does it answer as an Elasticsearch without security (HTTP "
                + reply.status() + "): check HTTP Hosts and Path Prefix");
    }

    private ElasticsearchClient client() {
        final ElasticsearchClient current = client;
        if (current == null) {
            throw new IllegalStateException("The Elasticsearch client service is not enabled");
        }
        return current;
    }

    private static HttpReply await(final CompletableFuture<HttpReply> reply) throws IOException {
        try {
            return reply.get();
        } catch (final ExecutionException e) {
            throw new IOException(e.getCause().getMessage(), e.getCause());
        } catch (final InterruptedException e) {
            reply.cancel(true);
            Thread.currentThread().interrupt();
            throw new IOException("Interrupted while Elasticsearch was asked", e);
        }
    }

    private static ConfigVerificationResult verified(final String step, final Outcome outcome, final String explanation) {
        return new ConfigVerificationResult.Builder().verificationStepName(step).outcome(outcome).explanation(explanation).build();
    }
}
