package io.idemflow.python;

import java.io.IOException;
import java.io.Reader;
import java.io.StringWriter;
import java.util.Map;
import javax.script.AbstractScriptEngine;
import javax.script.Bindings;
import javax.script.Compilable;
import javax.script.CompiledScript;
import javax.script.ScriptContext;
import javax.script.ScriptEngine;
import javax.script.ScriptEngineFactory;
import javax.script.ScriptException;
import javax.script.SimpleBindings;

/**
 * Runs Python scripts on the one interpreter of this JVM.
 *
 * <p>Each evaluation gets a namespace of its own, filled with the bindings of the context (engine scope over global
 * scope). What a script assigns is gone when it ends: bindings are not written back.
 *
 * <p>{@link ScriptEngine#FILENAME} in the engine scope names the script in errors and gives {@code __file__}. Without
 * it, and with a binding {@code context} that has NiFi's properties {@code Script File} and {@code Module Directory}
 * (as every ExecuteScript binds it), these are used: so scripts import from their Module Directory under any
 * ExecuteScript.
 */
public final class PythonScriptEngine extends AbstractScriptEngine implements Compilable {

    private final PythonScriptEngineFactory factory;

    PythonScriptEngine(final PythonScriptEngineFactory factory) {
        this.factory = factory;
    }

    /**
     * @return the value where the script is one expression, else null
     * @throws PythonException if the script does not compile, raises, or is interrupted
     * @throws ScriptException if Python cannot be started on this machine
     */
    @Override
    public Object eval(final String script, final ScriptContext scriptContext) throws ScriptException {
        return PythonInterpreter.get().evaluate(script, variables(scriptContext));
    }

    @Override
    public Object eval(final Reader reader, final ScriptContext scriptContext) throws ScriptException {
        return eval(read(reader), scriptContext);
    }

    /** Compiles now, so that a syntax error shows here; the engine keeps the code for later evaluations. */
    @Override
    public CompiledScript compile(final String script) throws ScriptException {
        PythonInterpreter.get().compile(script, variables(getContext()));
        return new CompiledScript() {
            @Override
            public Object eval(final ScriptContext scriptContext) throws ScriptException {
                return PythonScriptEngine.this.eval(script, scriptContext);
            }

            @Override
            public ScriptEngine getEngine() {
                return PythonScriptEngine.this;
            }
        };
    }

    @Override
    public CompiledScript compile(final Reader reader) throws ScriptException {
        return compile(read(reader));
    }

    @Override
    public Bindings createBindings() {
        return new SimpleBindings();
    }

    @Override
    public ScriptEngineFactory getFactory() {
        return factory;
    }

    private static Bindings variables(final ScriptContext scriptContext) {
        final Bindings variables = new SimpleBindings();
        for (final int scope : new int[] {ScriptContext.GLOBAL_SCOPE, ScriptContext.ENGINE_SCOPE}) {
            final Map<String, Object> bindings = scriptContext.getBindings(scope);
            if (bindings != null) {
                variables.putAll(bindings);
            }
        }
        return variables;
    }

    private static String read(final Reader reader) throws ScriptException {
        final StringWriter text = new StringWriter();
        try {
            reader.transferTo(text);
        } catch (final IOException e) {
            throw new ScriptException(e);
        }
        return text.toString();
    }
}
