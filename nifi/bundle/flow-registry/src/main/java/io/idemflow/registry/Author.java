package io.idemflow.registry;

import java.time.Instant;
import java.time.ZoneId;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.eclipse.jgit.lib.PersonIdent;

/** Turns the identity of a NiFi user into the author of a commit. */
final class Author {

    private static final String NOBODY = "Apache NiFi";
    private static final String DOMAIN = "nifi.local";
    private static final Pattern EMAIL = Pattern.compile("[\\w.+-]+@[\\w-]+(\\.[\\w-]+)*", Pattern.UNICODE_CHARACTER_CLASS);
    private static final Pattern COMMON_NAME = Pattern.compile("(?i)^CN=((?:[^,\\\\]|\\\\.)+)");
    private static final int MAXIMUM_LENGTH = 200;

    private Author() {
    }

    /**
     * Makes the author of a commit that is made now.
     *
     * @param identity NiFi's name of the user: a login name, an e-mail address or a certificate's distinguished name;
     *     null for NiFi itself
     * @param when the time of the commit
     * @return name and address; an identity that is no address gets one below {@code nifi.local}, where no mail arrives
     */
    static PersonIdent of(final String identity, final Instant when) {
        // Angle brackets and line ends are the separators of a commit's header.
        final String clean = identity == null ? "" : identity.replaceAll("[<>\\p{Cntrl}]+", " ").strip();
        String name = clean.isEmpty() ? NOBODY : clean;
        final Matcher distinguished = COMMON_NAME.matcher(name);
        if (distinguished.find()) {
            name = distinguished.group(1).replaceAll("\\\\(.)", "$1").strip();
        }
        if (name.length() > MAXIMUM_LENGTH) {
            name = name.substring(0, MAXIMUM_LENGTH);
        }
        final String email;
        if (EMAIL.matcher(name).matches()) {
            email = name;
        } else {
            final String local = name.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9._-]+", ".").replaceAll("^\\.+|\\.+$", "");
            email = (local.isEmpty() ? "user" : local) + "@" + DOMAIN;
        }
        return new PersonIdent(name, email, when, ZoneId.systemDefault());
    }
}
