package io.idemflow.registry;

import java.io.File;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.eclipse.jgit.annotations.NonNull;
import org.eclipse.jgit.transport.SshConfigStore;
import org.eclipse.jgit.transport.SshConstants;
import org.eclipse.jgit.transport.URIish;
import org.eclipse.jgit.transport.sshd.KeyPasswordProvider;
import org.eclipse.jgit.transport.sshd.SshdSessionFactory;
import org.eclipse.jgit.transport.sshd.SshdSessionFactoryBuilder;

/** Connections over ssh with the key and the known hosts of the settings, and nothing of the user's home folder. */
final class SshSessions {

    private static final String PUBLIC_KEY = "publickey";

    private SshSessions() {
    }

    static SshdSessionFactory make(final GitSettings settings) {
        final Path key = settings.privateKey();
        final File home = (key == null ? settings.repository() : key.toAbsolutePath().getParent()).toFile();
        return new SshdSessionFactoryBuilder()
                .setHomeDirectory(home)
                .setSshDirectory(home)
                .setPreferredAuthentications(PUBLIC_KEY)
                .setConfigStoreFactory((directory, file, user) -> new Strict())
                .setDefaultIdentities(directory -> key == null ? List.of() : List.of(key))
                .setDefaultKnownHostsFiles(directory -> settings.knownHosts() == null ? List.of() : List.of(settings.knownHosts()))
                .setKeyPasswordProvider(credentials -> new Passphrase(settings.passphrase()))
                .setConnectorFactory(null)
                .build(null);
    }

    /** Every host is looked up strictly: there is nobody to ask. */
    private static final class Strict implements SshConfigStore {

        @Override
        public HostConfig lookup(@NonNull final String host, final int port, final String user) {
            return new HostConfig() {
                @Override
                public String getValue(final String key) {
                    return getOptions().get(key);
                }

                @Override
                public List<String> getValues(final String key) {
                    final String value = getValue(key);
                    return value == null ? List.of() : List.of(value);
                }

                @Override
                public Map<String, String> getOptions() {
                    final Map<String, String> options = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
                    options.put(SshConstants.STRICT_HOST_KEY_CHECKING, "yes");
                    options.put(SshConstants.PREFERRED_AUTHENTICATIONS, PUBLIC_KEY);
                    return options;
                }

                @Override
                public Map<String, List<String>> getMultiValuedOptions() {
                    return Map.of();
                }
            };
        }

        @Override
        public HostConfig lookupDefault(@NonNull final String host, final int port, final String user) {
            return lookup(host, port, user);
        }
    }

    private record Passphrase(String text) implements KeyPasswordProvider {

        @Override
        public char[] getPassphrase(final URIish key, final int attempt) {
            return text == null || attempt > 0 ? null : text.toCharArray();
        }

        @Override
        public void setAttempts(final int attempts) {
            // one attempt: the passphrase does not change
        }

        @Override
        public int getAttempts() {
            return 1;
        }

        @Override
        public boolean keyLoaded(final URIish key, final int attempt, final Exception error) {
            return false;
        }
    }
}
