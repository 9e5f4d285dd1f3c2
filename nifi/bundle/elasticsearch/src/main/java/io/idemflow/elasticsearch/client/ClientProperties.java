package io.idemflow.elasticsearch.client;

import java.net.http.HttpRequest;
import java.util.List;
import java.util.Optional;
import org.apache.nifi.components.AllowableValue;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.components.ValidationResult;
import org.apache.nifi.components.Validator;
import org.apache.nifi.expression.ExpressionLanguageScope;
import org.apache.nifi.migration.PropertyConfiguration;
import org.apache.nifi.oauth2.OAuth2AccessTokenProvider;
import org.apache.nifi.processor.util.StandardValidators;
import org.apache.nifi.proxy.ProxyConfiguration;
import org.apache.nifi.proxy.ProxySpec;
import org.apache.nifi.ssl.SSLContextProvider;

/** The properties of the client service, by the names, display names and defaults of the official one in NiFi 2.3.0. */
public final class ClientProperties {

    public static final AllowableValue NONE = new AllowableValue("NONE", "None", "No credentials are sent.");
    public static final AllowableValue PKI = new AllowableValue("PKI", "PKI", "The client certificate of the SSL Context Service.");
    public static final AllowableValue BASIC = new AllowableValue("BASIC", "Basic", "Username and password.");
    public static final AllowableValue API_KEY_SCHEME = new AllowableValue("API_KEY", "API Key", "An API key of Elasticsearch.");
    public static final AllowableValue JWT = new AllowableValue("JWT", "JWT",
            "A bearer token of the OAuth2 Access Token Provider, with the shared secret of the JWT realm.");
    public static final AllowableValue ALWAYS_SUPPRESS = new AllowableValue("always-suppress", "Always Suppress",
            "Fields that are null, an empty string, array or object are left out of the documents");
    public static final AllowableValue NEVER_SUPPRESS =
            new AllowableValue("never-suppress", "Never Suppress", "Documents are sent as they are");
    public static final AllowableValue ANY_NODE = new AllowableValue("ANY", "Any", "Every node is asked");
    public static final AllowableValue SKIP_DEDICATED_MASTERS = new AllowableValue("SKIP_DEDICATED_MASTERS",
            "Skip Dedicated Masters", "Nodes whose only role is master are not asked; known where nodes are sniffed");

    public static final PropertyDescriptor HTTP_HOSTS = property("el-cs-http-hosts", "HTTP Hosts",
            "Addresses of Elasticsearch nodes with scheme and port, separated by commas, as "
            + "https://node1:9200,https://node2:9200. They are asked in turns.").required(true)
            .expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
            .addValidator(StandardValidators.NON_EMPTY_VALIDATOR).build();

    public static final PropertyDescriptor PATH_PREFIX = property("el-cs-path-prefix", "Path Prefix",
            "Path that precedes each request, where Elasticsearch stands behind a proxy that wants one, as /search.")
            .addValidator(StandardValidators.NON_BLANK_VALIDATOR).build();

    public static final PropertyDescriptor AUTHORIZATION_SCHEME = property("authorization-scheme", "Authorization Scheme",
            "How requests say who they come from.").required(true).allowableValues(NONE, PKI, BASIC, API_KEY_SCHEME, JWT)
            .defaultValue(BASIC).build();

    public static final PropertyDescriptor USERNAME = property("el-cs-username", "Username",
            "User of Elasticsearch.").dependsOn(AUTHORIZATION_SCHEME, BASIC).required(true)
            .expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
            .addValidator(StandardValidators.NON_EMPTY_VALIDATOR).build();

    public static final PropertyDescriptor PASSWORD = property("el-cs-password", "Password",
            "Password of the user.").dependsOn(AUTHORIZATION_SCHEME, BASIC).required(true).sensitive(true)
            .expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
            .addValidator(StandardValidators.NON_EMPTY_VALIDATOR).build();

    public static final PropertyDescriptor API_KEY_ID = property("api-key-id", "API Key ID",
            "Identifier of the API key.").dependsOn(AUTHORIZATION_SCHEME, API_KEY_SCHEME).required(true)
            .addValidator(StandardValidators.NON_EMPTY_VALIDATOR).build();

    public static final PropertyDescriptor API_KEY = property("api-key", "API Key",
            "The API key itself.").dependsOn(AUTHORIZATION_SCHEME, API_KEY_SCHEME).required(true).sensitive(true)
            .addValidator(StandardValidators.NON_EMPTY_VALIDATOR).build();

    public static final PropertyDescriptor JWT_SHARED_SECRET = property("jwt-shared-secret", "JWT Shared Secret",
            "Shared secret of the JWT realm.").dependsOn(AUTHORIZATION_SCHEME, JWT).required(true)
            .sensitive(true).addValidator(StandardValidators.NON_EMPTY_VALIDATOR).build();

    public static final PropertyDescriptor OAUTH2_ACCESS_TOKEN_PROVIDER =
            property("el-cs-oauth2-token-provider", "OAuth2 Access Token Provider",
            "Gives the bearer token of each request.").dependsOn(AUTHORIZATION_SCHEME, JWT).required(true)
            .identifiesControllerService(OAuth2AccessTokenProvider.class).build();

    public static final PropertyDescriptor RUN_AS_USER = property("el-cs-run-as-user", "Run As User",
            "User of Elasticsearch on whose behalf requests are made.")
            .expressionLanguageSupported(ExpressionLanguageScope.ENVIRONMENT)
            .addValidator(StandardValidators.NON_EMPTY_VALIDATOR).build();

    public static final PropertyDescriptor SSL_CONTEXT_SERVICE = property("el-cs-ssl-context-service", "SSL Context Service",
            "Certificates to trust, and the client certificate, for hosts that speak HTTPS.")
            .identifiesControllerService(SSLContextProvider.class).build();

    public static final PropertyDescriptor PROXY_CONFIGURATION_SERVICE =
            ProxyConfiguration.createProxyConfigPropertyDescriptor(ProxySpec.HTTP, ProxySpec.HTTP_AUTH);

    public static final PropertyDescriptor CONNECT_TIMEOUT = property("el-cs-connect-timeout", "Connect timeout",
            "Milliseconds within which a connection must stand.").required(true).defaultValue("5000")
            .addValidator(StandardValidators.POSITIVE_INTEGER_VALIDATOR).build();

    public static final PropertyDescriptor READ_TIMEOUT = property("el-cs-socket-timeout", "Read timeout",
            "Milliseconds within which a reply must start; its end may take as long again.").required(true)
            .defaultValue("60000").addValidator(StandardValidators.POSITIVE_INTEGER_VALIDATOR).build();

    public static final PropertyDescriptor CHARSET = property("el-cs-charset", "Charset",
            "Kept for flows of the official service: the replies of Elasticsearch are always UTF-8.").required(true)
            .defaultValue("UTF-8").addValidator(StandardValidators.CHARACTER_SET_VALIDATOR).build();

    public static final PropertyDescriptor SUPPRESS_NULLS = property("el-cs-suppress-nulls", "Suppress Null/Empty Values",
            "Whether fields that are null or empty are left out of the documents. The official service leaves them out "
            + "unless told otherwise; here nothing is lost unless asked for.").required(true)
            .allowableValues(NEVER_SUPPRESS, ALWAYS_SUPPRESS).defaultValue(NEVER_SUPPRESS).build();

    public static final PropertyDescriptor COMPRESSION = flag("el-cs-enable-compression", "Enable Compression", "false",
            "Whether requests are compressed with gzip and compressed replies are asked for.").required(true).build();

    public static final PropertyDescriptor SEND_META_HEADER = flag("el-cs-send-meta-header", "Send Meta Header", "true",
            "Whether the header X-Elastic-Client-Meta tells the version of Java.").required(true).build();

    public static final PropertyDescriptor STRICT_DEPRECATION = flag("el-cs-strict-deprecation", "Strict Deprecation", "false",
            "Whether a reply that warns of something deprecated counts as a failure.").required(true).build();

    public static final PropertyDescriptor NODE_SELECTOR = property("el-cs-node-selector", "Node Selector",
            "Which nodes are asked.").required(true).allowableValues(ANY_NODE, SKIP_DEDICATED_MASTERS).defaultValue(ANY_NODE)
            .build();

    public static final PropertyDescriptor SNIFF_CLUSTER_NODES = flag("el-cs-sniff-cluster-nodes", "Sniff Cluster Nodes", "false",
            "Whether the cluster is asked for its nodes from time to time; the user needs the privilege monitor, and the "
            + "addresses that the nodes publish must be reachable from here.").required(true).build();

    public static final PropertyDescriptor SNIFFER_INTERVAL = property("el-cs-sniffer-interval", "Sniffer Interval",
            "Time between two such questions.").dependsOn(SNIFF_CLUSTER_NODES, "true").required(true).defaultValue("5 mins")
            .addValidator(StandardValidators.TIME_PERIOD_VALIDATOR).build();

    public static final PropertyDescriptor SNIFFER_REQUEST_TIMEOUT =
            property("el-cs-sniffer-request-timeout", "Sniffer Request Timeout",
            "Time within which the cluster must answer such a question.").dependsOn(SNIFF_CLUSTER_NODES, "true").required(true)
            .defaultValue("1 sec").addValidator(StandardValidators.TIME_PERIOD_VALIDATOR).build();

    public static final PropertyDescriptor SNIFF_ON_FAILURE = flag("el-cs-sniff-failure", "Sniff on Failure", "false",
            "Whether the cluster is also asked at once after a node has failed.").dependsOn(SNIFF_CLUSTER_NODES, "true").required(true)
            .build();

    public static final PropertyDescriptor SNIFFER_FAILURE_DELAY =
            property("el-cs-sniffer-failure-delay", "Sniffer Failure Delay",
            "Time between that question and the next one.").dependsOn(SNIFF_ON_FAILURE, "true").required(true)
            .defaultValue("1 min").addValidator(StandardValidators.TIME_PERIOD_VALIDATOR).build();

    public static final List<PropertyDescriptor> ALL = List.of(
            HTTP_HOSTS, PATH_PREFIX, AUTHORIZATION_SCHEME, USERNAME, PASSWORD, API_KEY_ID, API_KEY, JWT_SHARED_SECRET,
            OAUTH2_ACCESS_TOKEN_PROVIDER, RUN_AS_USER, SSL_CONTEXT_SERVICE, PROXY_CONFIGURATION_SERVICE, CONNECT_TIMEOUT,
            READ_TIMEOUT, CHARSET, SUPPRESS_NULLS, COMPRESSION, SEND_META_HEADER, STRICT_DEPRECATION, NODE_SELECTOR,
            SNIFF_CLUSTER_NODES, SNIFFER_INTERVAL, SNIFFER_REQUEST_TIMEOUT, SNIFF_ON_FAILURE, SNIFFER_FAILURE_DELAY);

    private ClientProperties() {
    }

    /** A property with any value. */
    public static PropertyDescriptor.Builder property(final String name, final String displayName, final String description) {
        return new PropertyDescriptor.Builder().name(name).displayName(displayName).description(description)
                .addValidator(Validator.VALID);
    }

    /** A property that is true or false. */
    public static PropertyDescriptor.Builder flag(final String name, final String displayName, final String defaultValue,
            final String description) {
        return property(name, displayName, description).allowableValues("true", "false").defaultValue(defaultValue);
    }

    /** A property that the user makes up. */
    public static PropertyDescriptor dynamic(final String name, final ExpressionLanguageScope scope, final Validator validator) {
        return new PropertyDescriptor.Builder().name(name).expressionLanguageSupported(scope).addValidator(validator).dynamic(true)
                .build();
    }

    /** Takes the properties of a flow of a later version of NiFi, which names them as it displays them. */
    public static void renameToNames(final List<PropertyDescriptor> properties, final PropertyConfiguration config) {
        properties.stream()
                .filter(property -> !property.getName().equals(property.getDisplayName()))
                .forEach(property -> config.renameProperty(property.getDisplayName(), property.getName()));
    }

    /** Says what is wrong with a property that makes a header. */
    public static Optional<ValidationResult> checkHeader(final String subject, final String header) {
        try {
            HttpRequest.newBuilder().setHeader(header, "value");
            return Optional.empty();
        } catch (final IllegalArgumentException e) {
            return Optional.of(invalid(subject, "it cannot be a request header: " + e.getMessage()));
        }
    }

    /** Says what is wrong with a property. */
    public static ValidationResult invalid(final String subject, final String explanation) {
        return new ValidationResult.Builder().subject(subject).valid(false).explanation(explanation).build();
    }
}
