package io.idemflow.elasticsearch.put;

import org.apache.nifi.components.DescribedValue;

/** The values of the property Input Content Format, as the official processor has them. */
public enum InputFormat implements DescribedValue {
    SINGLE_JSON("Single JSON", "Each FlowFile is one document"),
    NDJSON("NDJSON", "Each line of a FlowFile is a document"),
    JSON_ARRAY("JSON Array", "Each element of an array, or of several one after the other, is a document");

    private final String value;
    private final String description;

    InputFormat(final String value, final String description) {
        this.value = value;
        this.description = description;
    }

    @Override
    public String getValue() {
        return value;
    }

    @Override
    public String getDisplayName() {
        return value;
    }

    @Override
    public String getDescription() {
        return description;
    }
}
