package io.idemflow.python;

import java.lang.reflect.Array;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import javax.script.ScriptException;
import org.jpy.PyObject;

/**
 * What Python needs of Java beyond jpy's own functions. Called from Python only.
 *
 * <p>A parameter {@code type} is a class: declared as Object, since jpy passes its types as classes only there.
 */
public final class JavaBridge {

    private static final List<Class<?>> TRAITS = List.of(
            Throwable.class, List.class, Collection.class, Map.class, Iterable.class, Iterator.class, AutoCloseable.class);

    private JavaBridge() {
    }

    /**
     * An empty array of a class, by which jpy learns of classes that its own lookup does not see: jpy asks the class
     * loader of its own jar, while NiFi's classes are seen by the context class loader of the evaluating thread.
     *
     * @return null where there is no class of that name
     */
    public static Object emptyArray(final String className) {
        try {
            return Array.newInstance(
                    Class.forName(className, false, Thread.currentThread().getContextClassLoader()), 0);
        } catch (final ClassNotFoundException | LinkageError e) {
            return null;
        }
    }

    /** The same object, declared as Object: jpy then gives it the type that it has at run time. */
    public static Object identity(final Object object) {
        return object;
    }

    public static boolean isInstance(final Object type, final Object object) {
        return ((Class<?>) type).isInstance(object);
    }

    public static boolean isInterface(final Object type) {
        return ((Class<?>) type).isInterface();
    }

    /** Which of the types that Python treats in its own way this class is: their simple names, split by spaces. */
    public static String traits(final Object type) {
        final StringBuilder traits = new StringBuilder();
        for (final Class<?> trait : TRAITS) {
            if (trait.isAssignableFrom((Class<?>) type)) {
                traits.append(trait.getSimpleName()).append(' ');
            }
        }
        return traits.toString();
    }

    /**
     * Where methods of a name take any object rather than a number: jpy would make a Byte of a small integer there.
     *
     * @return pairs {@code COUNT:POSITION} split by spaces; both count the object itself, if the method is not static
     */
    public static String objectParameters(final Object type, final String name) {
        final Set<String> objects = new TreeSet<>();
        final Set<String> numbers = new TreeSet<>();
        for (final Method method : ((Class<?>) type).getMethods()) {
            if (!method.getName().equals(name)) {
                continue;
            }
            final int self = Modifier.isStatic(method.getModifiers()) ? 0 : 1;
            final Class<?>[] parameters = method.getParameterTypes();
            for (int i = 0; i < parameters.length; i++) {
                final String position = "%d:%d".formatted(parameters.length + self, i + self);
                if (parameters[i].isPrimitive()) {
                    numbers.add(position);
                } else if (parameters[i].isAssignableFrom(Integer.class)) {
                    objects.add(position);
                }
            }
        }
        objects.removeAll(numbers);
        return String.join(" ", objects);
    }

    /** A map of texts, in one call for all: what scripts give FlowFiles as attributes. */
    public static Map<String, String> textMap(final String[] keys, final String[] values) {
        final Map<String, String> map = LinkedHashMap.newLinkedHashMap(keys.length);
        for (int i = 0; i < keys.length; i++) {
            map.put(keys[i], values[i]);
        }
        return map;
    }

    /** The same array: given bytes of Python, jpy makes a new one of them. */
    public static byte[] bytes(final byte[] content) {
        return content;
    }

    /** Hash code of a Java object, without the -1 that Python takes for an error. */
    public static int hash(final Object object) {
        final int hash = object.hashCode();
        return hash == -1 ? -2 : hash;
    }

    /** A Java object that implements the interfaces by calling the methods of the Python object. */
    public static Object implement(final PyObject target, final Object[] types) throws ScriptException {
        final Class<?>[] interfaces = new Class<?>[types.length];
        for (int i = 0; i < types.length; i++) {
            interfaces[i] = (Class<?>) types[i];
        }
        return Proxy.newProxyInstance(interfaces[0].getClassLoader(), interfaces,
                new PythonImplementation(PythonInterpreter.get().getRuntime(), target));
    }

    /** The Python object behind an object that {@link #implement} made; null for any other object. */
    public static PyObject implementation(final Object object) {
        return Proxy.isProxyClass(object.getClass())
                && Proxy.getInvocationHandler(object) instanceof PythonImplementation implementation
                ? implementation.target() : null;
    }
}
