package io.idemflow.python;

import java.io.IOException;
import java.net.JarURLConnection;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import javax.script.Bindings;
import javax.script.ScriptException;
import org.jpy.PyLib;
import org.jpy.PyModule;
import org.jpy.PyObject;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one Python interpreter of this JVM. It is started by the first script and never stopped: CPython does not survive
 * a second start in one process.
 */
final class PythonInterpreter {

    private static final Logger logger = LoggerFactory.getLogger(PythonInterpreter.class);
    private static final int COMPILED_SCRIPTS = 256;
    private static final String PACKAGE = "idemflow_engine";
    private static final String PYTHON_VALUE = "Value: ";

    private static PythonInterpreter instance;

    private final PythonRuntime runtime;
    private final InterruptWatch watch;
    private final Map<Source, PyObject> compiled = Collections.synchronizedMap(new LinkedHashMap<>(64, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(final Map.Entry<Source, PyObject> eldest) {
            return size() > COMPILED_SCRIPTS;
        }
    });

    private PythonInterpreter(final PythonRuntime runtime) {
        this.runtime = runtime;
        this.watch = new InterruptWatch(runtime::interrupt);
    }

    /**
     * The interpreter, started by the first call. After a failure the next call tries again.
     *
     * @throws ScriptException if this machine's Python cannot be started: names the cause and how to mend it
     */
    static synchronized PythonInterpreter get() throws ScriptException {
        if (instance == null) {
            final Thread thread = Thread.currentThread();
            final ClassLoader contextClassLoader = thread.getContextClassLoader();
            // jpy looks for its configuration with the context class loader
            thread.setContextClassLoader(PythonInterpreter.class.getClassLoader());
            try {
                instance = start();
            } finally {
                thread.setContextClassLoader(contextClassLoader);
            }
        }
        return instance;
    }

    PythonRuntime getRuntime() {
        return runtime;
    }

    /** Compiles a script, or finds it compiled. */
    PyObject compile(final String script, final Bindings bindings) throws PythonException {
        return compile(new Evaluation(script), ScriptOrigin.of(bindings));
    }

    /**
     * Runs a script on the calling thread.
     *
     * @param bindings the script's variables; not changed
     * @return the value where the script is one expression, else null
     * @throws PythonException if the script does not compile, raises, or is interrupted
     */
    Object evaluate(final String script, final Bindings bindings) throws PythonException {
        final Evaluation evaluation = new Evaluation(script);
        final ScriptOrigin origin = ScriptOrigin.of(bindings);
        final PyObject code = compile(evaluation, origin);
        final Object[] names = bindings.keySet().toArray();
        final Object[] values = new Object[names.length];
        for (int i = 0; i < names.length; i++) {
            values[i] = bindings.get(names[i]);
        }
        watch.begin(evaluation);
        final Object value;
        try {
            value = runtime.evaluate(evaluation, code, names, values, origin.moduleDirectories().toArray());
        } catch (final RuntimeException e) {
            // An interrupt that arrives while Python is already reporting another error.
            if (evaluation.getFailure() == null) {
                evaluation.fail("%s: the script was ended: %s".formatted(origin.fileName(), reason(e)),
                        origin.fileName(), -1, -1, String.valueOf(e.getMessage()), evaluation.isInterruptRequested());
            }
            throw failed(evaluation);
        } finally {
            if (watch.end(evaluation)) {
                runtime.finish(evaluation.getNumber());
            }
        }
        if (evaluation.getFailure() != null) {
            throw failed(evaluation);
        }
        return value;
    }

    private PyObject compile(final Evaluation evaluation, final ScriptOrigin origin) throws PythonException {
        final Source source = new Source(evaluation.getSource(), origin.fileName());
        PyObject code = compiled.get(source);
        if (code == null) {
            code = runtime.prepare(evaluation, source.text(), source.fileName());
            if (evaluation.getFailure() != null) {
                throw failed(evaluation);
            }
            compiled.put(source, code);
        }
        return code;
    }

    private static PythonException failed(final Evaluation evaluation) {
        final PythonException failure = evaluation.getFailure();
        logger.error("Python script failed: {}\n{}", failure.getMessage(), failure.getTraceback());
        return failure;
    }

    private static PythonInterpreter start() throws ScriptException {
        final JpyConfiguration configuration = JpyConfiguration.read();
        try {
            configuration.pythonExecutable().ifPresent(PyLib::setProgramName);
            PyLib.startPython(packageLocation());
            final PyModule module = PyModule.importModule(PACKAGE);
            final PythonRuntime runtime = module.createProxy(PythonRuntime.class);
            logger.info("Python {} started", PyLib.getPythonVersion());
            return new PythonInterpreter(runtime);
        } catch (final RuntimeException | LinkageError e) {
            throw (ScriptException) new ScriptException(("Python cannot start: %s. Check that the files which "
                    + "-Djpy.config names belong to one Python, and restart NiFi")
                    .formatted(reason(e))).initCause(e);
        }
    }

    /** Directory, inside the jar or unpacked, from which Python imports {@code idemflow_engine}. */
    private static String packageLocation() {
        final URL resource = PythonInterpreter.class.getResource(PACKAGE + "/__init__.py");
        try {
            if (resource.openConnection() instanceof JarURLConnection jar) {
                final String directory = PythonInterpreter.class.getPackageName().replace('.', '/');
                return Path.of(jar.getJarFileURL().toURI()).resolve(directory).toString();
            }
            return Path.of(resource.toURI()).getParent().getParent().toString();
        } catch (final IOException | URISyntaxException e) {
            throw new IllegalStateException("The engine's Python package cannot be found at " + resource, e);
        }
    }

    /** What jpy says of a Python error is many lines; its value is the one that tells. */
    private static String reason(final Throwable error) {
        final String message = error.getMessage() == null ? error.toString() : error.getMessage();
        return message.lines().filter(line -> line.startsWith(PYTHON_VALUE)).map(
                line -> line.substring(PYTHON_VALUE.length())).findFirst()
                .or(() -> message.lines().findFirst()).orElse(message);
    }

    private record Source(String text, String fileName) {
    }
}
