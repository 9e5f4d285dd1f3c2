package io.idemflow.python;

import javax.script.ScriptException;

/**
 * A Python error that left a script.
 *
 * <p>Both the message and {@link #toString()} are the one short line {@code FILE:LINE: TYPE: MESSAGE}, since NiFi puts
 * the one or the other into a bulletin. The traceback is kept apart, and the engine has logged it already.
 */
public final class PythonException extends ScriptException {

    private static final long serialVersionUID = 1L;

    private final String summary;
    private final String traceback;
    private final boolean interrupted;

    /**
     * @param summary   one line: file, line, type and message
     * @param fileName  the file that the line belongs to; null where Python names none
     * @param line      line number, from 1; -1 where there is none
     * @param column    column number, from 1; -1 where there is none
     * @param traceback Python's traceback, many lines; empty where there is none
     * @param interrupted whether a request to stop ended the script
     */
    PythonException(final String summary, final String fileName, final int line, final int column,
                    final String traceback, final boolean interrupted) {
        super(summary, fileName, line, column);
        this.summary = summary;
        this.traceback = traceback;
        this.interrupted = interrupted;
    }

    @Override
    public String getMessage() {
        return summary;
    }

    /** Python's traceback, as Python prints it. */
    public String getTraceback() {
        return traceback;
    }

    /** Whether the script was ended by a request to stop rather than by an error of its own. */
    public boolean isInterrupted() {
        return interrupted;
    }

    @Override
    public String toString() {
        return summary;
    }
}
