package io.idemflow.registry;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.nifi.registry.flow.FlowRegistryException;
import org.eclipse.jgit.lib.Constants;
import org.eclipse.jgit.lib.Repository;

/**
 * Names of flows and buckets, and the file names they become.
 *
 * <p>A flow's identifier is its file name without {@code .json}. Letters and digits of ASCII, space, dot, underscore
 * and hyphen stand for themselves; every other byte of the name's UTF-8 form is written {@code =XX}, as in
 * quoted-printable (RFC 2045). That keeps slashes and control characters out of paths, and unlike a percent sign the
 * equals sign may stand in the address of a REST call. {@link #decode} gives the name back exactly.
 */
final class Names {

    static final String ENDING = ".json";
    /** Bytes that do not stand for themselves: nor does a dot at either end, nor a hyphen that comes first. */
    private static final Pattern ESCAPED = Pattern.compile("[^A-Za-z0-9 ._-]|^[.-]|\\.\\z");
    private static final Pattern ESCAPE = Pattern.compile("=([0-9A-F]{2})");
    private static final Pattern ENCODED = Pattern.compile("(?:[A-Za-z0-9 ._-]|" + ESCAPE + ")*");
    private static final int MAXIMUM_BYTES = 200;
    private static final int SHOWN = 80;

    private Names() {
    }

    /**
     * Makes the identifier of a new flow.
     *
     * @param name what the user typed
     * @return the identifier, safe as a file name
     * @throws IllegalArgumentException where the name is blank or too long
     */
    static String encode(final String name) {
        final String trimmed = name == null ? "" : name.strip();
        if (trimmed.isEmpty()) {
            throw new IllegalArgumentException("The flow has no name: give it one");
        }
        final String bytes = new String(trimmed.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
        final String encoded = ESCAPED.matcher(bytes).replaceAll(found -> "=%02X".formatted((int) found.group().charAt(0)));
        if (encoded.length() > MAXIMUM_BYTES) {
            throw new IllegalArgumentException("The flow's name is too long for a file name (" + encoded.length()
                    + " characters as a file name, at most " + MAXIMUM_BYTES + "): give it a shorter one");
        }
        return encoded;
    }

    /**
     * Gives the name of a flow.
     *
     * @param identifier the file name without ending, perhaps one that a person chose
     * @return the name; the identifier itself where it is no encoded name
     */
    static String decode(final String identifier) {
        if (!ENCODED.matcher(identifier).matches()) {
            return identifier;
        }
        final String bytes = ESCAPE.matcher(identifier).replaceAll(
                found -> Matcher.quoteReplacement(String.valueOf((char) Integer.parseInt(found.group(1), 16))));
        try {
            return StandardCharsets.UTF_8.newDecoder()
                    .decode(ByteBuffer.wrap(bytes.getBytes(StandardCharsets.ISO_8859_1))).toString();
        } catch (final CharacterCodingException e) {
            return identifier;
        }
    }

    /**
     * Refuses a name that could leave its folder or that git or a file system would not take.
     *
     * @param name a bucket's or a flow's identifier, as it came from outside
     * @param what what it names, for the message
     * @return the name
     * @throws FlowRegistryException where it cannot be a file's name
     */
    static String check(final String name, final String what) throws FlowRegistryException {
        final String problem = problem(name);
        if (problem == null) {
            return name;
        }
        final String shown = name == null ? "" : name.length() > SHOWN ? name.substring(0, SHOWN) + "…" : name;
        throw new FlowRegistryException("The " + what + " '" + shown.replaceAll("\\p{Cntrl}", "?")
                + "' cannot be a name in the repository: " + problem
                + ". Use letters, digits, spaces, dots, underscores and hyphens");
    }

    /**
     * Refuses a branch that could leave the folder of branches: JGit writes whatever name it is given.
     *
     * @param branch a branch's name, as it came from outside
     * @return the name
     * @throws FlowRegistryException where git would not take it
     */
    static String checkBranch(final String branch) throws FlowRegistryException {
        if (isBranch(branch)) {
            return branch;
        }
        final String shown = branch.length() > SHOWN ? branch.substring(0, SHOWN) + "…" : branch;
        throw new FlowRegistryException("'" + shown.replaceAll("\\p{Cntrl}", "?")
                + "' is no name that git allows for a branch; give a name such as main");
    }

    /**
     * @param branch a branch's name
     * @return whether git takes it; a name of its parts that ends in .lock would block another branch
     */
    static boolean isBranch(final String branch) {
        return Repository.isValidRefName(Constants.R_HEADS + branch) && !branch.startsWith("-") && !Constants.HEAD.equals(branch)
                && !(branch + "/").contains(".lock/");
    }

    /**
     * @param name a name that stands in the repository
     * @return whether {@link #check} takes it
     */
    static boolean isAllowed(final String name) {
        return problem(name) == null;
    }

    private static String problem(final String name) {
        if (name == null || name.isBlank()) {
            return "it is empty";
        }
        if (name.indexOf('/') >= 0 || name.indexOf('\\') >= 0) {
            return "it has a slash";
        }
        if (name.startsWith(".") || name.endsWith(".")) {
            return "it starts or ends with a dot";
        }
        if (name.startsWith(" ") || name.endsWith(" ") || name.startsWith("-")) {
            return "it starts or ends with a space or starts with a hyphen";
        }
        if (name.chars().anyMatch(c -> Character.isISOControl(c) || Character.isSurrogate((char) c)
                || "<>:\"|?*".indexOf(c) >= 0)) {
            return "it has a character that cannot stand in a file name";
        }
        if (name.toLowerCase(Locale.ROOT).startsWith("git~")) {
            return "it is a short form of .git";
        }
        if (name.getBytes(StandardCharsets.UTF_8).length > MAXIMUM_BYTES) {
            return "it is longer than " + MAXIMUM_BYTES + " bytes";
        }
        return null;
    }
}
