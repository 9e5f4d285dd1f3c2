package io.idemflow.python;

import org.jpy.PyObject;

/** The functions of the Python package {@code idemflow_engine} that Java calls, under the names they have there. */
interface PythonRuntime {

    /**
     * Compiles a script.
     *
     * @return the code object; null where {@link Evaluation#fail} was called instead
     */
    PyObject prepare(Evaluation evaluation, String source, String fileName);

    /**
     * Runs a compiled script in a namespace of its own.
     *
     * @param names       names of the bindings
     * @param values      their values, in the same order
     * @param moduleDirectories where the script's imports are looked for first
     * @return the value of a script that is one expression, else null; null after {@link Evaluation#fail}
     */
    Object evaluate(Evaluation evaluation, PyObject code, Object[] names, Object[] values, Object[] moduleDirectories);

    /** Raises an exception in the thread that runs this evaluation; does nothing when it has ended. */
    void interrupt(long evaluation);

    /** Cleans up after an evaluation that {@link #interrupt} was called for. Called on the thread that ran it. */
    void finish(long evaluation);

    /**
     * Calls a method of a Python object for Java code that was given it as an interface.
     *
     * @return what the method returned; a {@link PythonCallError} when it raised
     */
    Object call(PyObject target, String method, Object[] arguments);

    /** Whether the Python object's own class has this method. */
    boolean implementing(PyObject target, String method);
}
