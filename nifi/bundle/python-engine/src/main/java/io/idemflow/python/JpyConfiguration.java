package io.idemflow.python;

import java.io.IOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Properties;
import javax.script.ScriptException;

/**
 * What jpy has to know of this machine's Python: the properties {@code jpy.pythonLib} (libpython), {@code jpy.jpyLib}
 * and {@code jpy.jdlLib} (jpy's two native libraries) and, to find the virtual environment, {@code
 * jpy.pythonExecutable}. They come from the file that the system property {@code jpy.config} names, or are system
 * properties themselves.
 *
 * <p>jpy would fail in a static initialiser, with no word on what is missing, so everything is looked at before.
 */
final class JpyConfiguration {

    private static final String CONFIG_FILE = "jpy.config";
    private static final String PYTHON_LIBRARY = "jpy.pythonLib";
    private static final String JPY_LIBRARY = "jpy.jpyLib";
    private static final String JDL_LIBRARY = "jpy.jdlLib";
    private static final String PYTHON_EXECUTABLE = "jpy.pythonExecutable";

    private final Properties properties;

    private JpyConfiguration(final Properties properties) {
        this.properties = properties;
    }

    /**
     * @throws ScriptException naming the file or property that is missing, and how to mend it
     */
    static JpyConfiguration read() throws ScriptException {
        final Properties properties = new Properties();
        final String file = System.getProperty(CONFIG_FILE);
        if (file != null) {
            try (Reader reader = Files.newBufferedReader(Path.of(file))) {
                properties.load(reader);
            } catch (final IOException | IllegalArgumentException e) {
                throw missing("the file %s that the system property jpy.config names cannot be read (%s)"
                        .formatted(file, e.getMessage()));
            }
        } else if (System.getProperty(JPY_LIBRARY) == null) {
            throw missing("the system property jpy.config is not set");
        }
        final JpyConfiguration configuration = new JpyConfiguration(properties);
        configuration.requireFile(PYTHON_LIBRARY, "Python's shared library (install a Python that is built with "
                + "--enable-shared, or Debian's package libpython3-dev)");
        configuration.requireFile(JPY_LIBRARY, "jpy's native library (pip install jpy==1.2.0)");
        configuration.requireFile(JDL_LIBRARY, "jpy's native library (pip install jpy==1.2.0)");
        return configuration;
    }

    /** Python's program, by which Python finds its virtual environment. */
    Optional<String> pythonExecutable() {
        return Optional.ofNullable(value(PYTHON_EXECUTABLE));
    }

    private void requireFile(final String key, final String what) throws ScriptException {
        final String value = value(key);
        if (value == null) {
            throw missing("%s is not set: the path of %s".formatted(key, what));
        }
        if (!Files.isReadable(Path.of(value))) {
            throw missing("%s=%s is not a readable file: it must be %s".formatted(key, value, what));
        }
    }

    private String value(final String key) {
        return System.getProperty(key, properties.getProperty(key));
    }

    private static ScriptException missing(final String cause) {
        return new ScriptException(("Python cannot start: %s. Run \"python -m jpyutil --req_java --out DIRECTORY\", "
                + "give NiFi's JVM -Djpy.config=DIRECTORY/jpyconfig.properties, and restart NiFi").formatted(cause));
    }
}
