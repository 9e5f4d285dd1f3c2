package io.idemflow.registry;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Locale;
import org.apache.nifi.registry.flow.FlowRegistryException;
import org.eclipse.jgit.errors.CorruptObjectException;
import org.eclipse.jgit.errors.IncorrectObjectTypeException;
import org.eclipse.jgit.errors.LockFailedException;
import org.eclipse.jgit.errors.MissingObjectException;
import org.eclipse.jgit.errors.RepositoryNotFoundException;

/** Says in one sentence what failed in a repository and what to do about it. */
final class Faults {

    private Faults() {
    }

    /**
     * @param settings which repository
     * @param doing what was being done, such as {@code commit flows/a/b.json}
     * @param error what JGit or the file system said
     * @return the error for NiFi's user
     */
    static FlowRegistryException of(final GitSettings settings, final String doing, final IOException error) {
        return new FlowRegistryException("Cannot " + doing + " in " + settings.repository() + ": " + reason(settings, error), error);
    }

    private static String user() {
        final String name = System.getProperty("user.name");
        if (name != null && !"?".equals(name)) {
            return "'" + name + "'";
        }
        try {
            // Java knows no name for a number without an account.
            return "(number " + Files.getAttribute(Path.of("/proc/self"), "unix:uid") + ")";
        } catch (final IOException | UnsupportedOperationException e) {
            return "";
        }
    }

    private static String lock(final String lock) {
        return "another git command is at work, or one was killed and left " + lock
                + " behind. Nothing was committed. Try again; if no git command runs there, delete that file";
    }

    private static String reason(final GitSettings settings, final IOException error) {
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            final String text = String.valueOf(cause.getMessage());
            final String known = text.toLowerCase(Locale.ROOT);
            if (cause instanceof LockFailedException locked) {
                return lock(locked.getFile() + ".lock");
            }
            if (cause instanceof RepositoryNotFoundException) {
                return "there is no git repository. Put it back, or correct the path in the registry client's properties";
            }
            if (known.contains("no space left") || known.contains("disk quota exceeded")) {
                return "the disk is full. Nothing was committed. Free some space and try again";
            }
            if (known.contains("read-only file system")) {
                return "the file system is read-only. Nothing was committed. Mount it for writing and try again";
            }
            if (cause instanceof AccessDeniedException || known.contains("permission denied")) {
                return "NiFi's user " + user() + " may not read or write there (" + text
                        + "). Nothing was committed. Change the owner or the mode and try again";
            }
            if (cause instanceof MissingObjectException || cause instanceof CorruptObjectException
                    || cause instanceof IncorrectObjectTypeException) {
                return "the repository is damaged (" + text + "). Look with `git -C " + settings.repository()
                        + " fsck`, then fetch the missing objects from another clone or restore a backup";
            }
            if (cause instanceof NoSuchFileException || cause instanceof FileNotFoundException) {
                return "a file is missing (" + text + "). Look with `git -C " + settings.repository() + " fsck`";
            }
        }
        return String.valueOf(error.getMessage() == null ? error : error.getMessage());
    }
}
