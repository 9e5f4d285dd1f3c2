package io.idemflow.login;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;

/**
 * A password hash of PBKDF2 with HMAC-SHA-512 (RFC 8018), as text:
 *
 * <pre>$pbkdf2-sha512$i=210000$SALT$HASH</pre>
 *
 * <ul>
 * <li>{@code i}: rounds, decimal, 210,000 (OWASP's figure for SHA-512) to 10,000,000;</li>
 * <li>{@code SALT}: 16 to 64 random bytes, {@code HASH}: 64 bytes, both in standard base64 (RFC 4648, section 4)
 * without the padding;</li>
 * <li>the password goes in as its UTF-8 bytes.</li>
 * </ul>
 *
 * In Python: {@code hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 210_000)}.
 */
record PasswordHash(int rounds, byte[] salt, byte[] hash) {

    static final int MINIMUM_ROUNDS = 210_000;
    private static final int MAXIMUM_ROUNDS = 10_000_000;
    private static final int HASH_BYTES = 64;
    private static final String ALGORITHM = "PBKDF2WithHmacSHA512";
    private static final Pattern FORM = Pattern.compile("\\$pbkdf2-sha512\\$i=([^$]*)\\$([^$]*)\\$([^$]*)");

    /**
     * Reads a hash.
     *
     * @param encoded the text form, see the class
     * @return the hash
     * @throws IllegalArgumentException where the text is malformed or weaker than allowed; the message never holds it
     */
    static PasswordHash parse(final String encoded) {
        final Matcher parts = FORM.matcher(encoded.strip());
        if (!parts.matches()) {
            throw new IllegalArgumentException("it is not of the form $pbkdf2-sha512$i=ROUNDS$SALT$HASH");
        }
        return new PasswordHash(parseRounds(parts.group(1)), decode(parts.group(2), "SALT", 16, 64),
                decode(parts.group(3), "HASH", HASH_BYTES, HASH_BYTES));
    }

    /**
     * Compares in a time that depends neither on where the hashes differ nor on whether they do.
     *
     * @param password the password to check
     * @return whether it is the password that was hashed
     */
    boolean matches(final String password) {
        final PBEKeySpec spec = new PBEKeySpec(password.toCharArray(), salt, rounds, HASH_BYTES * Byte.SIZE);
        try {
            final byte[] actual = SecretKeyFactory.getInstance(ALGORITHM).generateSecret(spec).getEncoded();
            return MessageDigest.isEqual(hash, actual);
        } catch (final GeneralSecurityException e) {
            throw new IllegalStateException(ALGORITHM + " is missing in this Java", e);
        } finally {
            spec.clearPassword();
        }
    }

    static boolean sameText(final String one, final String other) {
        return MessageDigest.isEqual(one.getBytes(StandardCharsets.UTF_8), other.getBytes(StandardCharsets.UTF_8));
    }

    private static int parseRounds(final String text) {
        try {
            final int rounds = Integer.parseInt(text);
            if (rounds >= MINIMUM_ROUNDS && rounds <= MAXIMUM_ROUNDS) {
                return rounds;
            }
        } catch (final NumberFormatException e) {
            // said below, together with a number out of range
        }
        throw new IllegalArgumentException("its ROUNDS are not a number from " + MINIMUM_ROUNDS + " to " + MAXIMUM_ROUNDS);
    }

    private static byte[] decode(final String text, final String part, final int least, final int most) {
        final byte[] bytes;
        try {
            bytes = Base64.getDecoder().decode(text);
        } catch (final IllegalArgumentException e) {
            // the cause would quote characters of the hash
            throw new IllegalArgumentException("its " + part + " is not base64");
        }
        if (bytes.length < least || bytes.length > most) {
            throw new IllegalArgumentException("its " + part + " has " + bytes.length + " bytes, not "
                    + (least == most ? "" : least + " to ") + most);
        }
        return bytes;
    }
}
