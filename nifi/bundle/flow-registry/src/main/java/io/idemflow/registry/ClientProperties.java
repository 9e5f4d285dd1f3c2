package io.idemflow.registry;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.nifi.components.AllowableValue;
import org.apache.nifi.components.PropertyDescriptor;
import org.apache.nifi.components.ValidationResult;
import org.apache.nifi.components.Validator;
import org.apache.nifi.context.PropertyContext;
import org.apache.nifi.registry.flow.FlowRegistryException;
import org.eclipse.jgit.lib.Constants;
import org.eclipse.jgit.lib.Repository;

/** The properties of {@link GitFlowRegistryClient} and what they may hold. */
final class ClientProperties {

    static final AllowableValue LINES = new AllowableValue("lines", "Array of lines",
            "Each line of a script stands on a line of its own, so that a changed line is a one-line diff");
    static final AllowableValue STRING = new AllowableValue("string", "One string",
            "As in NiFi's own flow definitions: such files can be uploaded on any NiFi's canvas as they are");

    static final PropertyDescriptor REPOSITORY = text("Repository Path",
            "Folder of the git repository on NiFi's machine: a working tree or a bare repository. NiFi's user must be "
                    + "able to read and write it.").required(true).build();
    static final PropertyDescriptor BRANCH = text("Branch",
            "Branch that is used where none is chosen.").required(true).defaultValue("main").build();
    static final PropertyDescriptor DIRECTORY = text("Directory",
            "Folder of the buckets inside the repository. A dot stands for the repository's root.")
            .required(true).defaultValue("flows").build();
    static final PropertyDescriptor BUCKET = text("New Bucket",
            "A bucket that is offered even where the repository has no such folder yet; the first commit makes it. "
                    + "Where nothing is given, a repository without buckets offers one named default.").build();
    static final PropertyDescriptor MULTI_LINE = text("Multi-line Text",
            "How text of several lines, such as a script, is written. Both forms are always read.")
            .required(true).allowableValues(LINES, STRING).defaultValue(LINES.getValue()).build();
    static final PropertyDescriptor REMOTE = text("Remote",
            "Name of a git remote of the repository, such as origin. It is fetched before flows are read, and a commit "
                    + "counts only once it is pushed. Without it nothing leaves this machine.").build();
    static final PropertyDescriptor FETCH_INTERVAL = text("Fetch Interval",
            "How old what was fetched may be before the remote is asked again. A commit always fetches.")
            .required(true).defaultValue("30 sec").dependsOn(REMOTE).build();
    static final PropertyDescriptor USERNAME = text("Username",
            "User at an https remote. For a token the host says what to give here; often any name will do.")
            .dependsOn(REMOTE).build();
    static final PropertyDescriptor PASSWORD = text("Password or Token",
            "Password or access token of the user at an https remote.").sensitive(true).dependsOn(REMOTE).build();
    static final PropertyDescriptor PRIVATE_KEY = text("SSH Private Key File",
            "File on NiFi's machine with the private key for an ssh remote.").dependsOn(REMOTE).build();
    static final PropertyDescriptor PASSPHRASE = text("SSH Key Passphrase",
            "Passphrase of the private key.").sensitive(true).dependsOn(PRIVATE_KEY).build();
    static final PropertyDescriptor KNOWN_HOSTS = text("SSH Known Hosts File",
            "File on NiFi's machine with the host keys that are trusted, in the form of OpenSSH's known_hosts. A host "
                    + "that is not in it is refused.").dependsOn(PRIVATE_KEY).build();

    static final List<PropertyDescriptor> ALL = List.of(REPOSITORY, BRANCH, DIRECTORY, BUCKET, MULTI_LINE, REMOTE,
            FETCH_INTERVAL, USERNAME, PASSWORD, PRIVATE_KEY, PASSPHRASE, KNOWN_HOSTS);

    private ClientProperties() {
    }

    /**
     * @param context a valid configuration
     * @return the settings
     */
    static GitSettings settings(final PropertyContext context) {
        final String directory = value(context, DIRECTORY);
        final Long interval = context.getProperty(FETCH_INTERVAL).asTimePeriod(TimeUnit.MILLISECONDS);
        return new GitSettings(
                Path.of(value(context, REPOSITORY)).normalize(),
                value(context, BRANCH),
                ".".equals(directory) ? "" : directory,
                value(context, BUCKET),
                value(context, REMOTE),
                Duration.ofMillis(interval == null ? 0 : interval),
                value(context, USERNAME),
                context.getProperty(PASSWORD).getValue(),
                path(value(context, PRIVATE_KEY)),
                context.getProperty(PASSPHRASE).getValue(),
                path(value(context, KNOWN_HOSTS)),
                LINES.getValue().equals(value(context, MULTI_LINE)));
    }

    /**
     * Checks what can be known without asking a remote.
     *
     * @param context the configuration as typed
     * @return one result for each problem
     */
    static List<ValidationResult> validate(final PropertyContext context) {
        final List<ValidationResult> problems = new ArrayList<>();
        repository(value(context, REPOSITORY), problems);
        final String branch = value(context, BRANCH);
        if (branch != null && !Names.isBranch(branch)) {
            problems.add(problem(BRANCH, branch, "is no name that git allows for a branch; give a name such as main"));
        }
        final String remote = value(context, REMOTE);
        if (remote != null && !Repository.isValidRefName(Constants.R_REMOTES + remote + "/main")) {
            problems.add(problem(REMOTE, remote, "is no name that git allows for a remote; give a name such as origin"));
        }
        directory(value(context, DIRECTORY), problems);
        final String bucket = value(context, BUCKET);
        if (bucket != null && !Names.isAllowed(bucket)) {
            problems.add(problem(BUCKET, bucket, "cannot be a folder's name; give one such as team"));
        }
        final String interval = value(context, FETCH_INTERVAL);
        if (interval != null && !interval.matches("\\d{1,6}\\s*(ms|millis?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)")) {
            problems.add(problem(FETCH_INTERVAL, interval, "is no period; give one such as 30 sec"));
        }
        readable(PRIVATE_KEY, value(context, PRIVATE_KEY), problems);
        readable(KNOWN_HOSTS, value(context, KNOWN_HOSTS), problems);
        if (value(context, PRIVATE_KEY) != null && value(context, KNOWN_HOSTS) == null) {
            problems.add(problem(KNOWN_HOSTS, null, "is missing; write the host's key to a file with "
                    + "`ssh-keyscan HOST`, compare it with what the host publishes, and name that file"));
        }
        if (context.getProperty(PASSWORD).getValue() != null && value(context, USERNAME) == null) {
            problems.add(problem(USERNAME, null, "is missing; give the user that the password or token belongs to"));
        }
        return problems;
    }

    private static void repository(final String text, final List<ValidationResult> problems) {
        if (text == null) {
            return;
        }
        final Path path;
        try {
            path = Path.of(text);
        } catch (final InvalidPathException e) {
            problems.add(problem(REPOSITORY, text, "is no path; give the whole path of a folder"));
            return;
        }
        if (!path.isAbsolute()) {
            problems.add(problem(REPOSITORY, text, "is not a whole path; give one that starts at the root, such as /srv/flows"));
        } else if (!Files.isDirectory(path)) {
            problems.add(problem(REPOSITORY, text, "is no folder that NiFi's user can see; make it with "
                    + "`git init -b main " + text + "`, or clone a repository there, and give NiFi's user access"));
        } else if (!FlowRepository.isRepository(path)) {
            problems.add(problem(REPOSITORY, text, "is no git repository; make it one with `git init -b main " + text
                    + "`, or name the folder that holds .git"));
        }
    }

    private static void directory(final String text, final List<ValidationResult> problems) {
        if (text == null || ".".equals(text)) {
            return;
        }
        for (final String part : text.split("/", -1)) {
            try {
                Names.check(part, "folder");
            } catch (final FlowRegistryException e) {
                problems.add(problem(DIRECTORY, text, "is no folder inside the repository; give one such as flows, or a dot "
                        + "for the repository's root"));
                return;
            }
        }
    }

    private static void readable(final PropertyDescriptor property, final String text, final List<ValidationResult> problems) {
        if (text != null && !Files.isReadable(Path.of(text))) {
            problems.add(problem(property, text, "cannot be read by NiFi's user; give the whole path of a file and check its owner"));
        }
    }

    private static ValidationResult problem(final PropertyDescriptor property, final String input, final String explanation) {
        return new ValidationResult.Builder().subject(property.getDisplayName()).input(input).valid(false)
                .explanation((input == null ? property.getDisplayName() : property.getDisplayName() + " '" + input + "'")
                        + " " + explanation).build();
    }

    private static String value(final PropertyContext context, final PropertyDescriptor property) {
        final String value = context.getProperty(property).getValue();
        return value == null || value.isBlank() ? null : value.strip();
    }

    private static Path path(final String text) {
        return text == null ? null : Path.of(text);
    }

    private static PropertyDescriptor.Builder text(final String name, final String description) {
        return new PropertyDescriptor.Builder().name(name).displayName(name).description(description)
                .addValidator(Validator.VALID);
    }
}
