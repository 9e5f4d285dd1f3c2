package io.idemflow.elasticsearch.client;

import java.io.IOException;
import java.net.Proxy;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.http.Header;
import org.apache.http.HttpHost;
import org.apache.http.auth.AuthScope;
import org.apache.http.auth.UsernamePasswordCredentials;
import org.apache.http.client.CredentialsProvider;
import org.apache.http.impl.client.BasicCredentialsProvider;
import org.apache.http.impl.nio.client.HttpAsyncClientBuilder;
import org.apache.http.impl.nio.reactor.IOReactorConfig;
import org.apache.http.message.BasicHeader;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.context.PropertyContext;
import org.apache.nifi.controller.ConfigurationContext;
import org.apache.nifi.logging.ComponentLog;
import org.apache.nifi.oauth2.OAuth2AccessTokenProvider;
import org.apache.nifi.proxy.ProxyConfiguration;
import org.apache.nifi.ssl.SSLContextProvider;
import org.elasticsearch.client.NodeSelector;
import org.elasticsearch.client.RestClient;
import org.elasticsearch.client.RestClientBuilder;
import org.elasticsearch.client.sniff.ElasticsearchNodesSniffer;
import org.elasticsearch.client.sniff.ElasticsearchNodesSniffer.Scheme;
import org.elasticsearch.client.sniff.NodesSniffer;
import org.elasticsearch.client.sniff.SniffOnFailureListener;
import org.elasticsearch.client.sniff.Sniffer;

/** Makes a client of the properties of the service. */
public final class ClientFactory {

    /** A connection that is idle for longer may have been dropped by what stands between, without a word. */
    private static final long KEEP_ALIVE_MILLIS = 30_000;
    private static final long TIMEOUT_CHECK_MILLIS = 100;

    private ClientFactory() {
    }

    /**
     * @throws IllegalArgumentException where a property is malformed; the message names what is wrong
     */
    public static ElasticsearchClient create(final ConfigurationContext context, final ComponentLog log) {
        final List<HttpHost> hosts = hosts(context);
        final Duration readTimeout = Duration.ofMillis(context.getProperty(ClientProperties.READ_TIMEOUT).asLong());
        final boolean skipsMasters = ClientProperties.SKIP_DEDICATED_MASTERS.getValue()
                .equals(context.getProperty(ClientProperties.NODE_SELECTOR).getValue());
        final RestClientBuilder builder = RestClient.builder(hosts.toArray(HttpHost[]::new))
                .setDefaultHeaders(headers(context))
                .setMetaHeaderEnabled(context.getProperty(ClientProperties.SEND_META_HEADER).asBoolean())
                .setCompressionEnabled(context.getProperty(ClientProperties.COMPRESSION).asBoolean())
                .setRequestConfigCallback(request -> request
                        .setConnectTimeout(context.getProperty(ClientProperties.CONNECT_TIMEOUT).asInteger())
                        .setSocketTimeout((int) readTimeout.toMillis())
                        .setRedirectsEnabled(false))
                .setHttpClientConfigCallback(http -> connections(context, http));
        if (!pathPrefix(context).isEmpty()) {
            builder.setPathPrefix(pathPrefix(context));
        }
        return new ElasticsearchClient(builder, skipsMasters ? NodeSelector.SKIP_DEDICATED_MASTERS : NodeSelector.ANY,
                sniffer(context, builder, hosts.getFirst().getSchemeName(), log), bearerToken(context), readTimeout);
    }

    /** The addresses that the service is given. */
    public static List<HttpHost> hosts(final PropertyContext context) {
        return parseHosts(context.getProperty(ClientProperties.HTTP_HOSTS).evaluateAttributeExpressions().getValue());
    }

    /** A path that precedes each request, without a slash at its end; may be empty. */
    public static String pathPrefix(final PropertyContext context) {
        final String prefix = context.getProperty(ClientProperties.PATH_PREFIX).getValue();
        return prefix == null ? "" : ("/" + prefix.strip()).replaceAll("/+", "/").replaceAll("/$", "");
    }

    /**
     * @param text addresses, separated by commas
     * @throws IllegalArgumentException where one is not an address; the message names it
     */
    public static List<HttpHost> parseHosts(final String text) {
        final List<HttpHost> hosts = new ArrayList<>();
        for (final String part : text.split(",")) {
            final String host = part.strip();
            final URI address;
            try {
                address = new URI(host);
            } catch (final URISyntaxException e) {
                throw new IllegalArgumentException("'" + host + "' is not an address such as https://localhost:9200", e);
            }
            final String scheme = address.getScheme();
            final boolean secure = "https".equalsIgnoreCase(scheme);
            if (!secure && !"http".equalsIgnoreCase(scheme) || address.getHost() == null) {
                throw new IllegalArgumentException("'" + host + "' is not an address such as https://localhost:9200");
            }
            if (address.getUserInfo() != null) {
                throw new IllegalArgumentException("the address of " + address.getHost()
                        + " holds credentials: they belong in Username and Password");
            }
            hosts.add(new HttpHost(address.getHost(), address.getPort() < 0 ? secure ? 443 : 80 : address.getPort(), scheme));
        }
        return hosts;
    }

    private static Function<RestClient, Sniffer> sniffer(final ConfigurationContext context, final RestClientBuilder builder,
            final String scheme, final ComponentLog log) {
        if (!context.getProperty(ClientProperties.SNIFF_CLUSTER_NODES).asBoolean()) {
            return client -> null;
        }
        final SniffOnFailureListener failures = new SniffOnFailureListener();
        if (context.getProperty(ClientProperties.SNIFF_ON_FAILURE).asBoolean()) {
            builder.setFailureListener(failures);
        }
        return client -> {
            final NodesSniffer nodes = new ElasticsearchNodesSniffer(client,
                    millis(context, ClientProperties.SNIFFER_REQUEST_TIMEOUT), Scheme.valueOf(scheme.toUpperCase(Locale.ROOT)));
            final Sniffer sniffer = Sniffer.builder(client)
                    .setSniffIntervalMillis(millis(context, ClientProperties.SNIFFER_INTERVAL))
                    .setSniffAfterFailureDelayMillis(millis(context, ClientProperties.SNIFFER_FAILURE_DELAY))
                    .setNodesSniffer(() -> {
                        try {
                            return nodes.sniff();
                        } catch (final IOException | RuntimeException e) {
                            log.warn("The nodes of the Elasticsearch cluster cannot be asked for; the known ones are used on", e);
                            return List.of();
                        }
                    })
                    .build();
            failures.setSniffer(sniffer);
            return sniffer;
        };
    }

    private static int millis(final ConfigurationContext context, final PropertyDescriptor property) {
        return Math.clamp(context.getProperty(property).asTimePeriod(TimeUnit.MILLISECONDS), 1, Integer.MAX_VALUE);
    }

    private static HttpAsyncClientBuilder connections(final ConfigurationContext context, final HttpAsyncClientBuilder http) {
        http.setMaxConnPerRoute(Integer.MAX_VALUE)
                .setMaxConnTotal(Integer.MAX_VALUE)
                .setKeepAliveStrategy((response, exchange) -> KEEP_ALIVE_MILLIS)
                .setDefaultIOReactorConfig(IOReactorConfig.custom().setSelectInterval(TIMEOUT_CHECK_MILLIS).build())
                .disableCookieManagement()
                // Without it a connection with a client certificate is never used again.
                .disableConnectionState();
        final SSLContextProvider certificates =
                context.getProperty(ClientProperties.SSL_CONTEXT_SERVICE).asControllerService(SSLContextProvider.class);
        if (certificates != null) {
            http.setSSLContext(certificates.createContext());
        }
        final ProxyConfiguration proxy = ProxyConfiguration.getConfiguration(context);
        if (proxy.getProxyType() == Proxy.Type.HTTP) {
            final HttpHost address = new HttpHost(proxy.getProxyServerHost(), proxy.getProxyServerPort());
            http.setProxy(address);
            if (proxy.hasCredential()) {
                final CredentialsProvider credentials = new BasicCredentialsProvider();
                credentials.setCredentials(new AuthScope(address),
                        new UsernamePasswordCredentials(proxy.getProxyUserName(), proxy.getProxyUserPassword()));
                http.setDefaultCredentialsProvider(credentials);
            }
        }
        return http;
    }

    private static Header[] headers(final ConfigurationContext context) {
        final Map<String, String> headers = new LinkedHashMap<>();
        for (final PropertyDescriptor property : context.getProperties().keySet()) {
            final String value = property.isDynamic() ? context.getProperty(property).evaluateAttributeExpressions().getValue() : null;
            if (value != null && !value.isBlank()) {
                headers.put(property.getName(), value);
            }
        }
        switch (context.getProperty(ClientProperties.AUTHORIZATION_SCHEME).getValue()) {
            case "BASIC" -> headers.put("Authorization", "Basic " + encode(
                    context.getProperty(ClientProperties.USERNAME).evaluateAttributeExpressions().getValue(),
                    context.getProperty(ClientProperties.PASSWORD).evaluateAttributeExpressions().getValue()));
            case "API_KEY" -> headers.put("Authorization", "ApiKey " + encode(
                    context.getProperty(ClientProperties.API_KEY_ID).getValue(),
                    context.getProperty(ClientProperties.API_KEY).getValue()));
            case "JWT" -> headers.put("ES-Client-Authentication",
                    "SharedSecret " + context.getProperty(ClientProperties.JWT_SHARED_SECRET).getValue());
            default -> { }
        }
        final String runAs = context.getProperty(ClientProperties.RUN_AS_USER).evaluateAttributeExpressions().getValue();
        if (runAs != null) {
            headers.put("es-security-runas-user", runAs);
        }
        return headers.entrySet().stream().map(header -> new BasicHeader(header.getKey(), header.getValue())).toArray(Header[]::new);
    }

    private static Supplier<String> bearerToken(final ConfigurationContext context) {
        final OAuth2AccessTokenProvider tokens = context.getProperty(ClientProperties.OAUTH2_ACCESS_TOKEN_PROVIDER)
                .asControllerService(OAuth2AccessTokenProvider.class);
        final boolean wanted = ClientProperties.JWT.getValue()
                .equals(context.getProperty(ClientProperties.AUTHORIZATION_SCHEME).getValue());
        return wanted && tokens != null ? () -> tokens.getAccessDetails().getAccessToken() : null;
    }

    private static String encode(final String name, final String secret) {
        return Base64.getEncoder().encodeToString((name + ":" + secret).getBytes(StandardCharsets.UTF_8));
    }
}
