package org.apache.nifi.processors.elasticsearch;

import java.util.Map;
import org.apache.nifi.components.PropertyValue;
import org.apache.nifi.flowfile.FlowFile;

/** A property whose value may depend on the FlowFile; one that does not is evaluated once. */
final class FlowFileProperty {

    private final PropertyValue property;
    private final boolean constant;
    private final String value;

    FlowFileProperty(final PropertyValue property) {
        this.property = property;
        constant = !property.isExpressionLanguagePresent();
        value = constant ? blankToNull(property.evaluateAttributeExpressions(Map.of()).getValue()) : null;
    }

    /** The value for a FlowFile; null where it is blank. */
    String value(final FlowFile flowFile) {
        return constant ? value : blankToNull(property.evaluateAttributeExpressions(flowFile).getValue());
    }

    private static String blankToNull(final String text) {
        return text == null || text.isBlank() ? null : text;
    }
}
