package io.idemflow.python;

import java.io.File;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.script.ScriptEngine;

/**
 * Where a script comes from, told by its bindings.
 *
 * @param fileName          path of the script's file, or what an error calls a script without one
 * @param moduleDirectories where its imports are looked for first: NiFi's Module Directory, then the directory of the
 *                          script's file
 */
record ScriptOrigin(String fileName, List<String> moduleDirectories) {

    private static final String UNNAMED = "<script>";
    private static final String SCRIPT_BODY = "Script Body";

    /** Methods of NiFi's ProcessContext and PropertyValue by class: the engine has no NiFi class to compile against. */
    private static final ClassValue<Methods> METHODS = new ClassValue<>() {
        @Override
        protected Methods computeValue(final Class<?> type) {
            return new Methods(method(type, "getProperty", String.class),
                    method(type, "evaluateAttributeExpressions"), method(type, "getValue"));
        }
    };

    static ScriptOrigin of(final Map<String, Object> bindings) {
        final Object context = bindings.get("context");
        final boolean hasProperties = context != null && METHODS.get(context.getClass()).getProperty() != null;
        String fileName = bindings.get(ScriptEngine.FILENAME) instanceof String name ? name : null;
        if (fileName == null && hasProperties) {
            fileName = property(context, "Script File");
        }
        final List<String> directories = new ArrayList<>();
        final String modules = hasProperties ? property(context, "Module Directory") : null;
        if (modules != null) {
            for (final String module : modules.split(",")) {
                if (!module.isBlank()) {
                    directories.add(new File(module.strip()).getAbsolutePath());
                }
            }
        }
        if (fileName == null) {
            return new ScriptOrigin(hasProperties ? SCRIPT_BODY : UNNAMED, directories);
        }
        final File file = new File(fileName).getAbsoluteFile();
        if (file.getParent() != null && file.isFile()) {
            directories.add(file.getParent());
        }
        return new ScriptOrigin(fileName, directories);
    }

    private static String property(final Object context, final String name) {
        final Object value = call(METHODS.get(context.getClass()).getProperty(), context, name);
        if (value == null) {
            return null;
        }
        final Object evaluated = call(METHODS.get(value.getClass()).evaluate(), value);
        if (evaluated == null) {
            return null;
        }
        final Object text = call(METHODS.get(evaluated.getClass()).getValue(), evaluated);
        return text instanceof String string && !string.isBlank() ? string : null;
    }

    private static Object call(final Method method, final Object target, final Object... arguments) {
        if (method == null) {
            return null;
        }
        try {
            return method.invoke(target, arguments);
        } catch (final ReflectiveOperationException e) {
            return null;
        }
    }

    private static Method method(final Class<?> type, final String name, final Class<?>... parameters) {
        try {
            final Method method = type.getMethod(name, parameters);
            return method.trySetAccessible() ? method : null;
        } catch (final NoSuchMethodException e) {
            return null;
        }
    }

    private record Methods(Method getProperty, Method evaluate, Method getValue) {
    }
}
