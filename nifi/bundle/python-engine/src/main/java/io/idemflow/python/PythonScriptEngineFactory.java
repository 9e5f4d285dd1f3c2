package io.idemflow.python;

import java.util.List;
import javax.script.ScriptEngine;
import javax.script.ScriptEngineFactory;

/**
 * Offers CPython 3 to everything that looks for JSR-223 script engines.
 *
 * <p>Listing the engines starts no interpreter and loads no native library: a machine without a shared libpython still
 * lists {@code python}, and is told what is missing when a script is to run.
 */
public final class PythonScriptEngineFactory implements ScriptEngineFactory {

    private static final String ENGINE_NAME = "idemflow CPython";
    private static final String ENGINE_VERSION = "0.1.0";
    private static final String LANGUAGE_NAME = "python";
    private static final String LANGUAGE_VERSION = "3";

    @Override
    public String getEngineName() {
        return ENGINE_NAME;
    }

    @Override
    public String getEngineVersion() {
        return ENGINE_VERSION;
    }

    @Override
    public String getLanguageName() {
        return LANGUAGE_NAME;
    }

    @Override
    public String getLanguageVersion() {
        return LANGUAGE_VERSION;
    }

    @Override
    public List<String> getNames() {
        return List.of("python", "Python", "python3", "cpython");
    }

    @Override
    public List<String> getExtensions() {
        return List.of("py");
    }

    @Override
    public List<String> getMimeTypes() {
        return List.of("text/x-python", "application/x-python");
    }

    /** {@code THREAD-ISOLATED}: engines run in parallel and no script sees the variables of another thread. */
    @Override
    public Object getParameter(final String key) {
        return switch (key) {
            case ScriptEngine.ENGINE -> getEngineName();
            case ScriptEngine.ENGINE_VERSION -> getEngineVersion();
            case ScriptEngine.LANGUAGE -> getLanguageName();
            case ScriptEngine.LANGUAGE_VERSION -> getLanguageVersion();
            case ScriptEngine.NAME -> LANGUAGE_NAME;
            case "THREADING" -> "THREAD-ISOLATED";
            default -> null;
        };
    }

    @Override
    public String getMethodCallSyntax(final String object, final String method, final String... arguments) {
        return "%s.%s(%s)".formatted(object, method, String.join(", ", arguments));
    }

    @Override
    public String getOutputStatement(final String toDisplay) {
        return "print(\"%s\")".formatted(toDisplay.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n"));
    }

    @Override
    public String getProgram(final String... statements) {
        return String.join("\n", statements) + "\n";
    }

    @Override
    public ScriptEngine getScriptEngine() {
        return new PythonScriptEngine(this);
    }
}
