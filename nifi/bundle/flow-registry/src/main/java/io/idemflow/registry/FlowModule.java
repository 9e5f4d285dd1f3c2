package io.idemflow.registry;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.BeanDescription;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.JsonDeserializer;
import com.fasterxml.jackson.databind.JsonSerializer;
import com.fasterxml.jackson.databind.SerializationConfig;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.deser.std.StringDeserializer;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.ser.BeanPropertyWriter;
import com.fasterxml.jackson.databind.ser.BeanSerializerModifier;
import com.fasterxml.jackson.databind.ser.std.StdDelegatingSerializer;
import com.fasterxml.jackson.databind.util.StdConverter;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.apache.nifi.flow.VersionedComponent;
import org.apache.nifi.flow.VersionedParameter;

/** How Jackson treats NiFi's flow model: sets in a fixed order, texts as lines, no properties of one NiFi's instances. */
final class FlowModule extends SimpleModule {

    private static final long serialVersionUID = 1L;
    private static final Pattern LINE_FEED = Pattern.compile("\n");
    private static final Set<String> INSTANCE = Set.of("instanceIdentifier", "instanceGroupId");

    FlowModule(final boolean lines) {
        super("flows");
        addSerializer(Set.class, new StdDelegatingSerializer(new SortedSet()));
        addDeserializer(String.class, new Text());
        if (lines) {
            addSerializer(String.class, new Lines());
        }
        setSerializerModifier(new ModelOnly());
    }

    /** NiFi hands over sets whose order differs from call to call. */
    private static final class SortedSet extends StdConverter<Set<?>, List<?>> {

        @Override
        public List<?> convert(final Set<?> set) {
            return set.stream().sorted(Comparator.comparing(SortedSet::key)).toList();
        }

        private static String key(final Object element) {
            return switch (element) {
                case VersionedComponent component -> String.valueOf(component.getIdentifier());
                case VersionedParameter parameter -> String.valueOf(parameter.getName());
                default -> String.valueOf(element);
            };
        }
    }

    private static final class Lines extends JsonSerializer<String> {

        @Override
        public void serialize(final String text, final JsonGenerator generator, final SerializerProvider provider) throws IOException {
            if (text.indexOf('\n') < 0) {
                generator.writeString(text);
                return;
            }
            generator.writeStartArray();
            for (final String line : LINE_FEED.split(text, -1)) {
                generator.writeString(line);
            }
            generator.writeEndArray();
        }
    }

    private static final class Text extends JsonDeserializer<String> {

        @Override
        public String deserialize(final JsonParser parser, final DeserializationContext context) throws IOException {
            if (parser.currentToken() != JsonToken.START_ARRAY) {
                return StringDeserializer.instance.deserialize(parser, context);
            }
            final List<String> lines = new ArrayList<>();
            while (parser.nextToken() != JsonToken.END_ARRAY) {
                if (parser.currentToken() != JsonToken.VALUE_STRING) {
                    context.reportWrongTokenException(String.class, JsonToken.VALUE_STRING, "a line of a text must be a string");
                }
                lines.add(parser.getText());
            }
            return String.join("\n", lines);
        }
    }

    /** NiFi hands over subclasses of its model whose further properties name the components of one NiFi. */
    private static final class ModelOnly extends BeanSerializerModifier {

        private static final long serialVersionUID = 1L;
        private static final String MODEL = VersionedComponent.class.getPackageName();

        @Override
        public List<BeanPropertyWriter> changeProperties(
                final SerializationConfig config, final BeanDescription description, final List<BeanPropertyWriter> properties) {
            Class<?> type = description.getBeanClass();
            boolean ofModel = false;
            while (type != null && !ofModel) {
                ofModel = type.getPackageName().equals(MODEL);
                type = type.getSuperclass();
            }
            if (ofModel) {
                properties.removeIf(property -> INSTANCE.contains(property.getName())
                        || !property.getMember().getDeclaringClass().getPackageName().equals(MODEL));
            }
            return properties;
        }
    }
}
