package io.idemflow.login;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * The password that was found right: a program that logs in often need not wait each time for a hash that is slow on
 * purpose. What is kept is an HMAC-SHA-256 under a random key, both of this process alone; they are in no file.
 */
final class KnownPassword {

    private static final String ALGORITHM = "HmacSHA256";
    private static final int KEY_BYTES = 32;

    private final SecretKeySpec key;
    private volatile byte[] known;

    KnownPassword() {
        final byte[] random = new byte[KEY_BYTES];
        new SecureRandom().nextBytes(random);
        key = new SecretKeySpec(random, ALGORITHM);
    }

    /** Keeps a password that was found right. */
    void remember(final String password) {
        known = digest(password);
    }

    /** Whether it is the one that was found right; in a time that does not depend on where they differ. */
    boolean matches(final String password) {
        final byte[] right = known;
        return right != null && MessageDigest.isEqual(right, digest(password));
    }

    private byte[] digest(final String password) {
        try {
            final Mac mac = Mac.getInstance(ALGORITHM);
            mac.init(key);
            return mac.doFinal(password.getBytes(StandardCharsets.UTF_8));
        } catch (final GeneralSecurityException e) {
            throw new IllegalStateException(ALGORITHM + " is missing in this Java", e);
        }
    }
}
