package io.idemflow.scripting;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.script.ScriptEngine;
import javax.script.ScriptEngineFactory;
import javax.script.ScriptEngineManager;
import javax.script.ScriptException;
import org.apache.nifi.components.AllowableValue;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.components.Validator;
import org.apache.nifi.components.ValidationResult;
import org.apache.nifi.expression.ExpressionLanguageScope;

/** The JSR-223 engines that the processor's class loader sees, by language name. */
public final class ScriptEngines {

    private final Map<String, ScriptEngineFactory> factories = new TreeMap<>();

    public ScriptEngines() {
        final ClassLoader classLoader = ScriptEngines.class.getClassLoader();
        for (final ScriptEngineFactory factory : new ScriptEngineManager(classLoader).getEngineFactories()) {
            factories.putIfAbsent(factory.getLanguageName(), factory);
        }
    }

    /** The property that chooses an engine; its values are the language names. */
    public PropertyDescriptor descriptor(final String name) {
        final PropertyDescriptor.Builder builder = new PropertyDescriptor.Builder()
                .name(name)
                .required(true)
                .expressionLanguageSupported(ExpressionLanguageScope.NONE);
        if (factories.isEmpty()) {
            return builder.description("No script engine was found on NiFi's lib directory")
                    .addValidator(NO_ENGINE)
                    .build();
        }
        final List<AllowableValue> values = factories.values().stream().map(ScriptEngines::allowableValue).toList();
        return builder.description("Language of the script")
                .allowableValues(values.toArray(AllowableValue[]::new))
                .defaultValue(values.getFirst().getValue())
                .build();
    }

    /** @throws ScriptException if there is no engine of this language */
    public ScriptEngine create(final String languageName) throws ScriptException {
        final ScriptEngineFactory factory = factories.get(languageName);
        if (factory == null) {
            throw new ScriptException("Script Engine %s is not known: there are %s".formatted(
                    languageName, factories.keySet()));
        }
        return factory.getScriptEngine();
    }

    private static final Validator NO_ENGINE = (subject, input, context) -> new ValidationResult.Builder()
            .subject(subject)
            .input(input)
            .valid(false)
            .explanation("no script engine was found; put one on NiFi's lib directory and restart NiFi")
            .build();

    private static AllowableValue allowableValue(final ScriptEngineFactory factory) {
        final String description = "%s %s [%s %s]".formatted(factory.getLanguageName(), factory.getLanguageVersion(),
                factory.getEngineName(), factory.getEngineVersion());
        return new AllowableValue(factory.getLanguageName(), factory.getLanguageName(), description);
    }
}
