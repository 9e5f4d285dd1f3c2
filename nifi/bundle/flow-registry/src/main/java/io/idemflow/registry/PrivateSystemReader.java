package io.idemflow.registry;

import java.io.IOException;
import org.eclipse.jgit.lib.Config;
import org.eclipse.jgit.storage.file.FileBasedConfig;
import org.eclipse.jgit.util.FS;
import org.eclipse.jgit.util.SystemReader;

/**
 * Keeps JGit to the repository's own configuration.
 *
 * <p>NiFi's user often has no home folder of its own and no git: without this JGit would start the git command to find
 * the machine's configuration and would write a file of its own to that home folder.
 */
final class PrivateSystemReader extends SystemReader.Delegate {

    private PrivateSystemReader(final SystemReader machine) {
        super(machine);
    }

    /** Takes effect for the JGit of this NAR only: each NAR has its own copy of its libraries. */
    static void install() {
        if (!(SystemReader.getInstance() instanceof PrivateSystemReader)) {
            SystemReader.setInstance(new PrivateSystemReader(SystemReader.getInstance()));
        }
    }

    @Override
    public String getenv(final String variable) {
        return variable.startsWith("GIT_") ? null : super.getenv(variable);
    }

    @Override
    public FileBasedConfig openUserConfig(final Config parent, final FS fs) {
        return new Empty(parent, fs);
    }

    @Override
    public FileBasedConfig openSystemConfig(final Config parent, final FS fs) {
        return openUserConfig(parent, fs);
    }

    @Override
    public FileBasedConfig openJGitConfig(final Config parent, final FS fs) {
        return openUserConfig(parent, fs);
    }

    private static final class Empty extends FileBasedConfig {

        private Empty(final Config parent, final FS fs) {
            super(parent, null, fs);
        }

        @Override
        public void load() {
            // there is no file
        }

        @Override
        public void save() throws IOException {
            // what JGit measured about the file system is kept in memory
        }

        @Override
        public boolean isOutdated() {
            return false;
        }
    }
}
