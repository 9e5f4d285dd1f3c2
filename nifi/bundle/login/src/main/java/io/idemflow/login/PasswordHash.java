package io.idemflow.login;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Base64;
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
public final class PasswordHash {

    static final int MINIMUM_ROUNDS = 210_000;
    private static final int MAXIMUM_ROUNDS = 10_000_000;
    private static final int MINIMUM_SALT_BYTES = 16;
    private static final int MAXIMUM_SALT_BYTES = 64;
    private static final int HASH_BYTES = 64;
    private static final String ALGORITHM = "PBKDF2WithHmacSHA512";
    private static final String FORMAT = "$pbkdf2-sha512$i=ROUNDS$SALT$HASH";

    private final int rounds;
    private final byte[] salt;
    private final byte[] hash;

    private PasswordHash(final int rounds, final byte[] salt, final byte[] hash) {
        this.rounds = rounds;
        this.salt = salt;
        this.hash = hash;
    }

    /**
     * Reads a hash.
     *
     * @param encoded the text form, see the class
     * @return the hash
     * @throws IllegalArgumentException where the text is malformed or weaker than allowed; the message never holds it
     */
    public static PasswordHash parse(final String encoded) {
        final String[] parts = encoded.strip().split("\\$", -1);
        if (parts.length != 5 || !parts[0].isEmpty() || !"pbkdf2-sha512".equals(parts[1]) || !parts[2].startsWith("i=")) {
            throw new IllegalArgumentException("it is not of the form " + FORMAT);
        }
        final int rounds = parseRounds(parts[2].substring(2));
        final byte[] salt = decode(parts[3], "SALT");
        final byte[] hash = decode(parts[4], "HASH");
        if (salt.length < MINIMUM_SALT_BYTES || salt.length > MAXIMUM_SALT_BYTES) {
            throw new IllegalArgumentException("its SALT has " + salt.length + " bytes, not "
                    + MINIMUM_SALT_BYTES + " to " + MAXIMUM_SALT_BYTES);
        }
        if (hash.length != HASH_BYTES) {
            throw new IllegalArgumentException("its HASH has " + hash.length + " bytes, not " + HASH_BYTES);
        }
        return new PasswordHash(rounds, salt, hash);
    }

    /**
     * Compares in a time that depends neither on where the hashes differ nor on whether they do.
     *
     * @param password the password to check
     * @return whether it is the password that was hashed
     */
    public boolean matches(final String password) {
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

    private static byte[] decode(final String text, final String part) {
        try {
            return Base64.getDecoder().decode(text);
        } catch (final IllegalArgumentException e) {
            // the cause would quote characters of the hash
            throw new IllegalArgumentException("its " + part + " is not base64");
        }
    }
}
