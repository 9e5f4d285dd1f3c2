package io.idemflow.elasticsearch.put;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.components.PropertyValue;
import org.apache.nifi.flowfile.FlowFile;
import org.apache.nifi.processor.ProcessContext;

/**
 * A property whose value may depend on the FlowFile.
 *
 * <p>One that does not is evaluated once; one that only names an attribute, as {@code ${index}}, is looked up, which
 * costs a tenth of an evaluation.
 */
public final class FlowFileProperty {

    private static final Pattern ATTRIBUTE_ALONE = Pattern.compile("\\$\\{([A-Za-z_][A-Za-z0-9_.-]*)}");

    private final PropertyValue property;
    private final boolean constant;
    private final String value;
    private final String attribute;

    FlowFileProperty(final ProcessContext context, final PropertyDescriptor descriptor) {
        property = context.getProperty(descriptor);
        constant = !property.isExpressionLanguagePresent();
        value = constant ? blankToNull(property.evaluateAttributeExpressions(Map.of()).getValue()) : null;
        final Matcher alone = ATTRIBUTE_ALONE.matcher(String.valueOf(context.getProperties().get(descriptor)));
        attribute = alone.matches() ? alone.group(1) : null;
    }

    /** The value where it is the same for all FlowFiles; null where it is not, or blank. */
    String constant() {
        return value;
    }

    /** The value for a FlowFile; null where it is blank. */
    String value(final FlowFile flowFile) {
        if (constant) {
            return value;
        }
        final String found = attribute == null ? null : flowFile.getAttribute(attribute);
        return blankToNull(found == null ? property.evaluateAttributeExpressions(flowFile).getValue() : found);
    }

    /** The values for a FlowFile that are not blank. */
    static Map<String, String> values(final Map<String, FlowFileProperty> properties, final FlowFile flowFile) {
        final Map<String, String> values = LinkedHashMap.newLinkedHashMap(properties.size());
        properties.forEach((name, property) -> {
            final String value = property.value(flowFile);
            if (value != null) {
                values.put(name, value);
            }
        });
        return values;
    }

    static String blankToNull(final String text) {
        return text == null || text.isBlank() ? null : text;
    }
}
