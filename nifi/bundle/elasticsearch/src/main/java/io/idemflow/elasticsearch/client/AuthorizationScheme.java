package io.idemflow.elasticsearch.client;

import org.apache.nifi.components.DescribedValue;

/** How the client service says who it is. The values are the ones of the official service. */
public enum AuthorizationScheme implements DescribedValue {
    NONE("None", "No credentials are sent."),
    PKI("PKI", "The client certificate of the SSL Context Service."),
    BASIC("Basic", "Username and password."),
    API_KEY("API Key", "An API key of Elasticsearch."),
    JWT("JWT", "A bearer token of the OAuth2 Access Token Provider, with the shared secret of the JWT realm.");

    private final String displayName;
    private final String description;

    AuthorizationScheme(final String displayName, final String description) {
        this.displayName = displayName;
        this.description = description;
    }

    @Override
    public String getValue() {
        return name();
    }

    @Override
    public String getDisplayName() {
        return displayName;
    }

    @Override
    public String getDescription() {
        return description;
    }
}
