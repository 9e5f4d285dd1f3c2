package io.idemflow.registry;

import java.io.IOException;
import java.net.URISyntaxException;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.apache.nifi.registry.flow.FlowRegistryException;
import org.eclipse.jgit.lib.Constants;
import org.eclipse.jgit.lib.NullProgressMonitor;
import org.eclipse.jgit.lib.ObjectId;
import org.eclipse.jgit.transport.CredentialItem;
import org.eclipse.jgit.transport.HttpConfig;
import org.eclipse.jgit.transport.RefSpec;
import org.eclipse.jgit.transport.RemoteConfig;
import org.eclipse.jgit.transport.RemoteRefUpdate;
import org.eclipse.jgit.transport.SshTransport;
import org.eclipse.jgit.transport.TagOpt;
import org.eclipse.jgit.transport.Transport;
import org.eclipse.jgit.transport.URIish;
import org.eclipse.jgit.transport.UsernamePasswordCredentialsProvider;
import org.eclipse.jgit.transport.sshd.SshdSessionFactory;

/** Fetches from and pushes to the remote of a repository. */
final class Remote {

    private static final int TIMEOUT_SECONDS = 30;
    private static final Set<String> LOOPBACK = Set.of("localhost", "127.0.0.1", "::1", "[::1]");

    private final FlowRepository source;
    private final GitSettings settings;

    Remote(final FlowRepository source) {
        this.source = source;
        this.settings = source.settings();
    }

    /**
     * @param source the repository
     * @return the remote's address without user and password, or null where no such remote is configured
     */
    static String address(final FlowRepository source) {
        try {
            return first(source).map(address -> address.setUser(null).setPass(null).toString()).orElse(null);
        } catch (final URISyntaxException e) {
            return null;
        }
    }

    private static Optional<URIish> first(final FlowRepository source) throws URISyntaxException {
        return new RemoteConfig(source.git().getConfig(), source.settings().remote()).getURIs().stream().findFirst();
    }

    /** Brings the remote's branches and tags here. Local branches and the working tree stay as they are. */
    void fetch() throws FlowRegistryException {
        final RefSpec branches = new RefSpec("+" + Constants.R_HEADS + "*:" + Constants.R_REMOTES + settings.remote() + "/*");
        connect("fetch from", Transport.Operation.FETCH, transport -> {
            transport.setRemoveDeletedRefs(true);
            transport.setTagOpt(TagOpt.AUTO_FOLLOW);
            return transport.fetch(NullProgressMonitor.INSTANCE, List.of(branches));
        });
    }

    /**
     * Pushes one commit, unless the remote's branch has moved.
     *
     * @param branch the branch
     * @param expected the branch's commit when last fetched, or null where it has no such branch
     * @param commit the commit to push
     * @return whether it was pushed; otherwise nothing changed and another fetch shows why
     * @throws FlowRegistryException where the remote refuses or cannot be reached
     */
    boolean push(final String branch, final ObjectId expected, final ObjectId commit) throws FlowRegistryException {
        return connect("push to", Transport.Operation.PUSH, transport -> {
            final RemoteRefUpdate update = new RemoteRefUpdate(source.git(), null, commit, Constants.R_HEADS + branch, false,
                    source.tracking(branch), expected == null ? ObjectId.zeroId() : expected);
            transport.push(NullProgressMonitor.INSTANCE, List.of(update));
            if (update.getStatus() == RemoteRefUpdate.Status.REJECTED_OTHER_REASON
                    && String.valueOf(update.getMessage()).contains("lock")) {
                // Somebody else pushes at this very moment.
                return false;
            }
            return switch (update.getStatus()) {
                case OK, UP_TO_DATE -> true;
                case REJECTED_NONFASTFORWARD, REJECTED_REMOTE_CHANGED -> false;
                default -> throw new FlowRegistryException("Remote '" + settings.remote() + "' refused the commit on branch '"
                        + branch + "': " + (update.getMessage() == null ? update.getStatus() : update.getMessage())
                        + ". Nothing was committed. Choose another branch, or ask for the right to push to this one");
            };
        });
    }

    private interface Call<T> {
        T on(Transport transport) throws FlowRegistryException, IOException;
    }

    private <T> T connect(final String doing, final Transport.Operation operation, final Call<T> call) throws FlowRegistryException {
        final URIish address = configured();
        try (SshdSessionFactory ssh = SshSessions.make(settings);
                Transport transport = Transport.open(source.git(), new RemoteConfig(source.git().getConfig(), settings.remote()), operation)) {
            // What is connected to in fact: a push may have an address of its own, and the configuration may rewrite either.
            refuseOpenText(transport.getURI());
            refuseAnyCertificate(transport.getURI());
            // They may name programs of this machine, which a remote in another folder would run.
            transport.setOptionUploadPack(RemoteConfig.DEFAULT_UPLOAD_PACK);
            transport.setOptionReceivePack(RemoteConfig.DEFAULT_RECEIVE_PACK);
            transport.setTimeout(TIMEOUT_SECONDS);
            if (settings.password() != null) {
                transport.setCredentialsProvider(new OneHost(transport.getURI(), settings));
            }
            if (transport instanceof SshTransport secureShell) {
                secureShell.setSshSessionFactory(ssh);
            }
            return call.on(transport);
        } catch (final IOException | URISyntaxException e) {
            throw new FlowRegistryException("Cannot " + doing + " remote '" + settings.remote() + "' ("
                    + address.setPass(null) + "): " + message(e) + ". Nothing was committed. " + advice(e), e);
        }
    }

    /** Gives the password to the remote alone, not to where it redirects to. */
    private static final class OneHost extends UsernamePasswordCredentialsProvider {

        private final URIish remote;

        private OneHost(final URIish remote, final GitSettings settings) {
            super(settings.username(), settings.password());
            this.remote = remote;
        }

        @Override
        public boolean get(final URIish address, final CredentialItem... items) {
            return Objects.equals(remote.getScheme(), address.getScheme()) && Objects.equals(remote.getHost(), address.getHost())
                    && remote.getPort() == address.getPort() && super.get(address, items);
        }
    }

    private URIish configured() throws FlowRegistryException {
        try {
            return first(source).orElseThrow(() -> new FlowRegistryException(settings.repository() + " has no remote '"
                    + settings.remote() + "'. Add it with `git -C " + settings.repository() + " remote add " + settings.remote()
                    + " ADDRESS`, or clear '" + ClientProperties.REMOTE.getDisplayName() + "' of the registry client"));
        } catch (final URISyntaxException e) {
            throw new FlowRegistryException("The address of remote '" + settings.remote() + "' in " + settings.repository()
                    + " is malformed. Correct it with `git remote set-url " + settings.remote() + " ADDRESS`", e);
        }
    }

    private void refuseOpenText(final URIish address) throws FlowRegistryException {
        final String scheme = address.getScheme() == null ? "" : address.getScheme().toLowerCase(Locale.ROOT);
        final boolean open = "git".equals(scheme) || "http".equals(scheme) || "ftp".equals(scheme);
        if (open && !LOOPBACK.contains(address.getHost())) {
            throw new FlowRegistryException("Remote '" + settings.remote() + "' would send flows unencrypted (" + scheme
                    + "). Give it an https or ssh address with `git remote set-url " + settings.remote() + " ADDRESS`");
        }
    }

    private void refuseAnyCertificate(final URIish address) throws FlowRegistryException {
        if ("https".equalsIgnoreCase(address.getScheme()) && !new HttpConfig(source.git().getConfig(), address).isSslVerify()) {
            throw new FlowRegistryException("Remote '" + settings.remote() + "' would be trusted whatever its certificate: "
                    + "http.sslVerify is false in " + settings.repository() + ". Remove it with `git config --unset http.sslVerify` "
                    + "and add the certificate to the trust store of NiFi's Java");
        }
    }

    /** The innermost message: JGit wraps it in ones that repeat the address, which may hold a password. */
    private static String message(final Exception error) {
        Throwable cause = error;
        while (cause.getCause() != null && cause.getCause() != cause) {
            cause = cause.getCause();
        }
        final String text = String.valueOf(cause.getMessage() == null ? cause : cause.getMessage());
        return text.replaceAll("://[^/@\\s]*@", "://");
    }

    private static String advice(final Exception error) {
        final StringBuilder all = new StringBuilder();
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            all.append(' ').append(cause.getMessage());
        }
        final String text = all.toString().toLowerCase(Locale.ROOT);
        if (text.contains("hostkey") || text.contains("host key") || text.contains("server key")) {
            return "Check the host's key and add it to the file of '" + ClientProperties.KNOWN_HOSTS.getDisplayName() + "'";
        }
        if (text.contains("auth") || text.contains("credential") || text.contains("cannot log in") || text.contains("passphrase")) {
            return "Check user, password or token, or the ssh key, of the registry client";
        }
        return "Check the address and the network, then try again";
    }
}
