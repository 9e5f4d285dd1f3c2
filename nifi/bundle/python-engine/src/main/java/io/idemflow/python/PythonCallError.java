package io.idemflow.python;

/**
 * A Python method that Java called raised. The Python exception itself waits on the Python side: where this exception
 * comes back to Python, it is raised again there.
 */
public final class PythonCallError extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /** @param summary Python's type and message, one line */
    public PythonCallError(final String summary) {
        super(summary);
    }
}
