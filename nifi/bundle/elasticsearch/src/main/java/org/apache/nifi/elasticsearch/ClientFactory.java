package org.apache.nifi.elasticsearch;

import io.idemflow.elasticsearch.ElasticsearchClient;
import io.idemflow.elasticsearch.NodeSniffer;
import io.idemflow.elasticsearch.Nodes;
import java.net.Authenticator;
import java.net.InetSocketAddress;
import java.net.PasswordAuthentication;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.http.HttpClient;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.controller.ConfigurationContext;
import org.apache.nifi.logging.ComponentLog;
import org.apache.nifi.oauth2.OAuth2AccessTokenProvider;
import org.apache.nifi.proxy.ProxyConfiguration;
import org.apache.nifi.ssl.SSLContextProvider;

/** Makes a client of the properties of the service. */
final class ClientFactory {

    private ClientFactory() {
    }

    /**
     * What the service needs while it is enabled.
     *
     * @param connection the connections
     * @param sniffer looks for nodes, or null
     * @param firstHost the first of the addresses
     * @param suppressingNulls value of the property
     * @param strictDeprecation value of the property
     */
    record Client(ElasticsearchClient connection, NodeSniffer sniffer, String firstHost, boolean suppressingNulls,
            boolean strictDeprecation) implements AutoCloseable {

        @Override
        public void close() {
            if (sniffer != null) {
                sniffer.close();
            }
            connection.close();
        }
    }

    /**
     * @throws IllegalArgumentException where a property is malformed; the message names what is wrong
     */
    static Client create(final ConfigurationContext context, final ComponentLog log) {
        final List<URI> hosts = parseHosts(
                context.getProperty(ClientProperties.HTTP_HOSTS).evaluateAttributeExpressions().getValue(),
                context.getProperty(ClientProperties.PATH_PREFIX).getValue());
        final HttpClient.Builder http = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(Duration.ofMillis(context.getProperty(ClientProperties.CONNECT_TIMEOUT).asLong()));
        final SSLContextProvider certificates =
                context.getProperty(ClientProperties.SSL_CONTEXT_SERVICE).asControllerService(SSLContextProvider.class);
        if (certificates != null) {
            http.sslContext(certificates.createContext());
        }
        addProxy(context, http);
        final Nodes nodes = new Nodes(hosts);
        final ElasticsearchClient connection = new ElasticsearchClient(http.build(), nodes, headers(context),
                bearerToken(context),
                Duration.ofMillis(context.getProperty(ClientProperties.READ_TIMEOUT).asLong()),
                context.getProperty(ClientProperties.COMPRESSION).asBoolean());
        return new Client(connection, sniffer(context, connection, nodes, log), hosts.getFirst().toString(),
                ElasticSearchClientService.ALWAYS_SUPPRESS.getValue().equals(context.getProperty(ClientProperties.SUPPRESS_NULLS).getValue()),
                context.getProperty(ClientProperties.STRICT_DEPRECATION).asBoolean());
    }

    /**
     * @param text addresses, separated by commas
     * @param pathPrefix a path that precedes each request, or null
     * @throws IllegalArgumentException where one is not an address; the message names it
     */
    static List<URI> parseHosts(final String text, final String pathPrefix) {
        final String prefix = pathPrefix == null ? "" : ("/" + pathPrefix.strip()).replaceAll("/+", "/").replaceAll("/$", "");
        final List<URI> hosts = new ArrayList<>();
        for (final String part : text.split(",")) {
            final String host = part.strip();
            final URI address;
            try {
                address = new URI(host);
            } catch (final URISyntaxException e) {
                throw new IllegalArgumentException("'" + host + "' is not an address such as https://localhost:9200", e);
            }
            final String scheme = address.getScheme();
            final boolean known = "http".equalsIgnoreCase(scheme) || "https".equalsIgnoreCase(scheme);
            if (!known || address.getHost() == null) {
                throw new IllegalArgumentException("'" + host + "' is not an address such as https://localhost:9200");
            }
            if (address.getUserInfo() != null) {
                throw new IllegalArgumentException("the address of " + address.getHost()
                        + " holds credentials: they belong in Username and Password");
            }
            final int port = address.getPort() < 0 ? "https".equalsIgnoreCase(scheme) ? 443 : 80 : address.getPort();
            hosts.add(URI.create(scheme + "://" + address.getHost() + ":" + port + prefix));
        }
        return hosts;
    }

    private static NodeSniffer sniffer(final ConfigurationContext context, final ElasticsearchClient connection, final Nodes nodes,
            final ComponentLog log) {
        if (!context.getProperty(ClientProperties.SNIFF_CLUSTER_NODES).asBoolean()) {
            return null;
        }
        return new NodeSniffer(connection, nodes,
                ClientProperties.SKIP_DEDICATED_MASTERS.getValue().equals(context.getProperty(ClientProperties.NODE_SELECTOR).getValue()),
                duration(context, ClientProperties.SNIFFER_INTERVAL),
                duration(context, ClientProperties.SNIFFER_REQUEST_TIMEOUT),
                context.getProperty(ClientProperties.SNIFF_ON_FAILURE).asBoolean()
                        ? duration(context, ClientProperties.SNIFFER_FAILURE_DELAY) : null,
                (message, cause) -> log.warn(message, cause));
    }

    private static Duration duration(final ConfigurationContext context, final PropertyDescriptor property) {
        return Duration.ofMillis(context.getProperty(property).asTimePeriod(TimeUnit.MILLISECONDS));
    }

    private static void addProxy(final ConfigurationContext context, final HttpClient.Builder http) {
        final ProxyConfiguration proxy = ProxyConfiguration.getConfiguration(context);
        if (proxy.getProxyType() != Proxy.Type.HTTP) {
            return;
        }
        http.proxy(ProxySelector.of(new InetSocketAddress(proxy.getProxyServerHost(), proxy.getProxyServerPort())));
        if (proxy.hasCredential()) {
            http.authenticator(new Authenticator() {
                @Override
                protected PasswordAuthentication getPasswordAuthentication() {
                    return getRequestorType() == RequestorType.PROXY
                            ? new PasswordAuthentication(proxy.getProxyUserName(), proxy.getProxyUserPassword().toCharArray())
                            : null;
                }
            });
        }
    }

    private static Map<String, String> headers(final ConfigurationContext context) {
        final Map<String, String> headers = new LinkedHashMap<>();
        if (context.getProperty(ClientProperties.SEND_META_HEADER).asBoolean()) {
            headers.put("X-Elastic-Client-Meta", "es=8.17.0,jv=" + Runtime.version().feature());
        }
        for (final PropertyDescriptor property : context.getProperties().keySet()) {
            final String value = property.isDynamic() ? context.getProperty(property).evaluateAttributeExpressions().getValue() : null;
            if (value != null && !value.isBlank()) {
                headers.put(property.getName(), value);
            }
        }
        switch (context.getProperty(ClientProperties.AUTHORIZATION_SCHEME).asAllowableValue(AuthorizationScheme.class)) {
            case BASIC -> headers.put("Authorization", "Basic " + encode(
                    context.getProperty(ClientProperties.USERNAME).evaluateAttributeExpressions().getValue(),
                    context.getProperty(ClientProperties.PASSWORD).evaluateAttributeExpressions().getValue()));
            case API_KEY -> headers.put("Authorization", "ApiKey " + encode(
                    context.getProperty(ClientProperties.API_KEY_ID).getValue(),
                    context.getProperty(ClientProperties.API_KEY).getValue()));
            case JWT -> headers.put("ES-Client-Authentication",
                    "SharedSecret " + context.getProperty(ClientProperties.JWT_SHARED_SECRET).getValue());
            default -> { }
        }
        final String runAs = context.getProperty(ClientProperties.RUN_AS_USER).evaluateAttributeExpressions().getValue();
        if (runAs != null) {
            headers.put("es-security-runas-user", runAs);
        }
        return headers;
    }

    private static Supplier<String> bearerToken(final ConfigurationContext context) {
        final OAuth2AccessTokenProvider tokens = context.getProperty(ClientProperties.OAUTH2_ACCESS_TOKEN_PROVIDER)
                .asControllerService(OAuth2AccessTokenProvider.class);
        final boolean wanted = context.getProperty(ClientProperties.AUTHORIZATION_SCHEME)
                .asAllowableValue(AuthorizationScheme.class) == AuthorizationScheme.JWT;
        return wanted && tokens != null ? () -> tokens.getAccessDetails().getAccessToken() : null;
    }

    private static String encode(final String name, final String secret) {
        return Base64.getEncoder().encodeToString((name + ":" + secret).getBytes(StandardCharsets.UTF_8));
    }
}
