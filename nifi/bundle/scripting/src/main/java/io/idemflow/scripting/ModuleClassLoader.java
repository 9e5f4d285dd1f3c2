package io.idemflow.scripting;

import java.io.File;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.List;
import org.apache.nifi.components.resource.ResourceReference;
import org.apache.nifi.components.resource.ResourceReferences;

/**
 * Lets scripts see the Java classes of the jars and directories of Module Directory.
 *
 * <p>The class loader is kept as long as the property names the same files, and is never closed: a language may hold on
 * to the classes of it beyond the stop of a processor.
 */
public final class ModuleClassLoader {

    private volatile List<String> locations = List.of();
    private volatile ClassLoader classLoader;

    /**
     * Takes the modules for the evaluations to come. To be called with the processor's own class loader as the thread's
     * context class loader.
     */
    public void set(final ResourceReferences modules) throws MalformedURLException {
        final List<URL> urls = new ArrayList<>();
        for (final ResourceReference module : modules.asList()) {
            final File file = module.asFile();
            if (file != null && file.exists()) {
                urls.add(file.toURI().toURL());
                final File[] jars = file.listFiles((directory, name) -> name.endsWith(".jar"));
                for (final File jar : jars == null ? new File[0] : jars) {
                    urls.add(jar.toURI().toURL());
                }
            }
        }
        final List<String> found = urls.stream().map(URL::toString).toList();
        if (!found.equals(locations)) {
            locations = found;
            classLoader = urls.isEmpty() ? null
                    : new URLClassLoader(urls.toArray(URL[]::new), Thread.currentThread().getContextClassLoader());
        }
    }

    /** Makes it the context class loader of this thread until the result is closed. */
    public Entered enter() {
        final Thread thread = Thread.currentThread();
        final ClassLoader before = thread.getContextClassLoader();
        if (classLoader != null) {
            thread.setContextClassLoader(classLoader);
        }
        return () -> thread.setContextClassLoader(before);
    }

    /** Brings the earlier context class loader back. */
    public interface Entered extends AutoCloseable {
        @Override
        void close();
    }
}
