package io.idemflow.python;

import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One run of one script on one thread. Python reports to it; its methods are public because jpy offers only public
 * ones to Python.
 */
public final class Evaluation {

    private static final AtomicLong COUNTER = new AtomicLong();
    private static final Logger logger = LoggerFactory.getLogger("io.idemflow.python.script");

    private final long number = COUNTER.incrementAndGet();
    private final Thread thread = Thread.currentThread();
    private final String source;
    private volatile PythonException failure;

    Evaluation(final String source) {
        this.source = source;
    }

    /** Number of this evaluation, unique in this JVM. */
    public long getNumber() {
        return number;
    }

    /** Text of the script, for the source lines of a traceback. */
    public String getSource() {
        return source;
    }

    /** Takes the error that ended the script; the parameters are those of {@link PythonException}. */
    public void fail(final String summary, final String fileName, final int line, final int column,
                     final String traceback, final boolean interrupted) {
        failure = new PythonException(summary, fileName, line, column, traceback, interrupted);
    }

    /** Takes a line of a script that has no binding {@code log} to print to. */
    public void print(final String line, final boolean error) {
        if (error) {
            logger.warn("{}", line);
        } else {
            logger.info("{}", line);
        }
    }

    /** The error that ended the script; null while there is none. */
    PythonException getFailure() {
        return failure;
    }

    boolean isInterruptRequested() {
        return thread.isInterrupted();
    }
}
