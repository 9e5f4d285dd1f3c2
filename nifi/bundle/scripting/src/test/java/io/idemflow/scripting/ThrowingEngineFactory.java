package io.idemflow.scripting;

import java.io.Reader;
import java.util.List;
import javax.script.AbstractScriptEngine;
import javax.script.Bindings;
import javax.script.ScriptContext;
import javax.script.ScriptEngine;
import javax.script.ScriptEngineFactory;
import javax.script.ScriptException;
import javax.script.SimpleBindings;
import org.apache.nifi.processor.ProcessSession;

/**
 * A language whose scripts take a FlowFile and throw: a script is the name of a class of Throwable. Engines of other
 * languages throw checked exceptions that no signature names.
 */
public final class ThrowingEngineFactory implements ScriptEngineFactory {

    public static final String LANGUAGE = "throwing";

    @Override
    public String getEngineName() {
        return LANGUAGE;
    }

    @Override
    public String getEngineVersion() {
        return "1";
    }

    @Override
    public List<String> getExtensions() {
        return List.of();
    }

    @Override
    public List<String> getMimeTypes() {
        return List.of();
    }

    @Override
    public List<String> getNames() {
        return List.of(LANGUAGE);
    }

    @Override
    public String getLanguageName() {
        return LANGUAGE;
    }

    @Override
    public String getLanguageVersion() {
        return "1";
    }

    @Override
    public Object getParameter(final String key) {
        return null;
    }

    @Override
    public String getMethodCallSyntax(final String object, final String method, final String... arguments) {
        throw new UnsupportedOperationException();
    }

    @Override
    public String getOutputStatement(final String toDisplay) {
        throw new UnsupportedOperationException();
    }

    @Override
    public String getProgram(final String... statements) {
        throw new UnsupportedOperationException();
    }

    @Override
    public ScriptEngine getScriptEngine() {
        return new Engine();
    }

    private final class Engine extends AbstractScriptEngine {

        @Override
        public Object eval(final String script, final ScriptContext scriptContext) throws ScriptException {
            ((ProcessSession) scriptContext.getAttribute("session")).get();
            try {
                throw Engine.<RuntimeException>unchecked(
                        (Throwable) Class.forName(script).getConstructor(String.class).newInstance("thrown"));
            } catch (final ReflectiveOperationException e) {
                throw new ScriptException(e);
            }
        }

        @Override
        public Object eval(final Reader reader, final ScriptContext scriptContext) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Bindings createBindings() {
            return new SimpleBindings();
        }

        @Override
        public ScriptEngineFactory getFactory() {
            return ThrowingEngineFactory.this;
        }

        @SuppressWarnings("unchecked")
        private static <T extends Throwable> T unchecked(final Throwable thrown) throws T {
            throw (T) thrown;
        }
    }
}
