package io.idemflow.python;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import org.jpy.PyObject;

/** Answers calls of Java interfaces with the methods of a Python object. */
record PythonImplementation(PythonRuntime runtime, PyObject target) implements InvocationHandler {

    @Override
    public Object invoke(final Object proxy, final Method method, final Object[] arguments) throws Throwable {
        final String name = method.getName();
        if (method.getDeclaringClass() == Object.class && !runtime.implementing(target, name)) {
            return switch (name) {
                case "equals" -> arguments[0] != null && target.equals(JavaBridge.implementation(arguments[0]));
                case "hashCode" -> target.hashCode();
                default -> "Python implementation of " + proxy.getClass().getInterfaces()[0].getName();
            };
        }
        if (method.isDefault() && !runtime.implementing(target, name)) {
            return InvocationHandler.invokeDefault(proxy, method, arguments);
        }
        final Object result = runtime.call(target, name, arguments == null ? new Object[0] : arguments);
        if (result instanceof PythonCallError error) {
            throw error;
        }
        return convert(result, method);
    }

    /** Python has one type of integer and one of float: they become the one that the Java method declares. */
    private static Object convert(final Object result, final Method method) {
        final Class<?> type = method.getReturnType();
        if (type == void.class) {
            return null;
        }
        if (result instanceof Number number) {
            if (type == int.class || type == Integer.class) {
                return Math.toIntExact(number.longValue());
            } else if (type == long.class || type == Long.class) {
                return number.longValue();
            } else if (type == double.class || type == Double.class) {
                return number.doubleValue();
            } else if (type == float.class || type == Float.class) {
                return number.floatValue();
            } else if (type == short.class || type == Short.class) {
                return number.shortValue();
            } else if (type == byte.class || type == Byte.class) {
                return number.byteValue();
            }
        }
        if (result == null && type.isPrimitive()) {
            throw new IllegalStateException("%s.%s must return a %s, but the Python method returned None"
                    .formatted(method.getDeclaringClass().getName(), method.getName(), type.getName()));
        }
        return result;
    }
}
