package io.idemflow.elasticsearch.documents;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.filter.TokenFilter;
import java.io.IOException;

/**
 * Leaves out fields that are null, an empty string, an empty array, or an object of which nothing remains; what
 * stands in an array stays.
 */
final class EmptyFields extends TokenFilter {

    /** The filter of a document and of an array's elements. */
    static final TokenFilter KEPT = new EmptyFields(true);
    private static final TokenFilter LEFT_OUT = new EmptyFields(false);

    private final boolean keepsEmpty;

    private EmptyFields(final boolean keepsEmpty) {
        this.keepsEmpty = keepsEmpty;
    }

    @Override
    public TokenFilter includeProperty(final String name) {
        return LEFT_OUT;
    }

    @Override
    public TokenFilter includeElement(final int index) {
        return KEPT;
    }

    @Override
    public boolean includeEmptyObject(final boolean contentsFiltered) {
        return keepsEmpty;
    }

    @Override
    public boolean includeEmptyArray(final boolean contentsFiltered) {
        return keepsEmpty;
    }

    @Override
    public boolean includeValue(final JsonParser parser) throws IOException {
        return keepsEmpty || !parser.hasToken(JsonToken.VALUE_NULL)
                && !(parser.hasToken(JsonToken.VALUE_STRING) && parser.getTextLength() == 0);
    }
}
