package io.idemflow.registry;

import java.io.OutputStream;
import org.eclipse.jgit.lib.Repository;
import org.eclipse.jgit.util.FS;
import org.eclipse.jgit.util.FS_POSIX;
import org.eclipse.jgit.util.ProcessResult;

/** A file system on which no hook runs: whoever may write to the repository must not run programs as NiFi's user. */
final class WithoutHooks extends FS_POSIX {

    WithoutHooks() {
    }

    private WithoutHooks(final FS other) {
        super(other);
    }

    @Override
    public FS newInstance() {
        return new WithoutHooks(this);
    }

    @Override
    public ProcessResult runHookIfPresent(final Repository repository, final String hook, final String[] arguments,
            final OutputStream output, final OutputStream errors, final String input) {
        return new ProcessResult(ProcessResult.Status.NOT_SUPPORTED);
    }
}
