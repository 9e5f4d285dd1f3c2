package io.idemflow.login;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.apache.nifi.authentication.AuthenticationResponse;
import org.apache.nifi.authentication.LoginCredentials;
import org.apache.nifi.authentication.LoginIdentityProviderConfigurationContext;
import org.apache.nifi.authentication.exception.InvalidLoginCredentialsException;
import org.apache.nifi.authentication.exception.ProviderCreationException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SingleUserLoginIdentityProviderTest {

    /** Made by Python: {@code hashlib.pbkdf2_hmac("sha512", "pässwörd".encode(), bytes(range(16)), 210_000)}. */
    private static final String HASH = "$pbkdf2-sha512$i=210000$AAECAwQFBgcICQoLDA0ODw$i86sggKQEqh5IGVVRaPfW2qUSjckKUpbkHT5cwhcDvtbPYlZUzrNUFzjatkR+0tiFMtJW+j9jCRu+Rks1cLQXw";
    /** The same of {@code "another"}. */
    private static final String OTHER_HASH = "$pbkdf2-sha512$i=210000$AAECAwQFBgcICQoLDA0ODw$j45kXz8BS5BYMtJ/nXCoanmVYQ+mq41pDK4gdfK+RQg9So+akWVpxeegLyBBeORJATm34T7f4L9ZS4rTpweoxQ";

    @Test
    void logsInTheUserForTwelveHours() {
        final AuthenticationResponse response = provider(HASH).authenticate(new LoginCredentials("admin", "pässwörd"));
        assertEquals("admin", response.getIdentity());
        assertEquals("admin", response.getUsername());
        assertEquals(TimeUnit.HOURS.toMillis(12), response.getExpiration());
        assertEquals("SingleUserLoginIdentityProvider", response.getIssuer());
    }

    @Test
    void logsInAgainAndRefusesTheOthersAllTheSame() {
        final SingleUserLoginIdentityProvider provider = provider(HASH);
        final LoginCredentials right = new LoginCredentials("admin", "pässwörd");
        for (int again = 0; again < 100; again++) {
            assertEquals("admin", provider.authenticate(right).getIdentity());
        }
        for (final LoginCredentials wrong : List.of(new LoginCredentials("admin", "passwörd"),
                new LoginCredentials("other", "pässwörd"), new LoginCredentials("admin", null))) {
            assertThrows(InvalidLoginCredentialsException.class, () -> provider.authenticate(wrong));
        }
        assertEquals("admin", provider.authenticate(right).getIdentity());
        provider.onConfigured(new Configuration(Map.of("Username", "admin", "Password Hash", OTHER_HASH)));
        assertThrows(InvalidLoginCredentialsException.class, () -> provider.authenticate(right));
    }

    @Test
    void givesATokenForAsLongAsItIsTold() {
        for (final String minutes : List.of("1", "90", " 720 ")) {
            final SingleUserLoginIdentityProvider provider = provider(HASH, Map.of("Login Minutes", minutes));
            assertEquals(TimeUnit.MINUTES.toMillis(Long.parseLong(minutes.strip())),
                    provider.authenticate(new LoginCredentials("admin", "pässwörd")).getExpiration());
        }
        for (final String wrong : List.of("0", "721", "-1", "1 hour", "99999999999")) {
            final ProviderCreationException error = assertThrows(ProviderCreationException.class,
                    () -> provider(HASH, Map.of("Login Minutes", wrong)));
            assertTrue(error.getMessage().contains("'Login Minutes'"), error.getMessage());
        }
    }

    @Test
    void slowsDownAfterWrongPasswords() {
        final AtomicLong clock = new AtomicLong();
        final SingleUserLoginIdentityProvider provider = provider(HASH, Map.of(), clock::get);
        final LoginCredentials right = new LoginCredentials("admin", "pässwörd");
        for (final String name : List.of("admin", "other")) {
            for (int wrong = 0; wrong < 3; wrong++) {
                assertTrue(milliseconds(() -> refused(provider, name, "wrong")) > 20, "it was looked at");
            }
            assertTrue(milliseconds(() -> refused(provider, name, "wrong")) < 20, "it was refused unseen");
        }
        // Nor is a right one looked at, as long as it was never found right.
        assertThrows(InvalidLoginCredentialsException.class, () -> provider.authenticate(right));
        clock.addAndGet(TimeUnit.MILLISECONDS.toNanos(1001));
        assertEquals("admin", provider.authenticate(right).getIdentity());
    }

    @Test
    void tellsNothingByItsAnswerNorByItsTime() {
        final AtomicLong clock = new AtomicLong();
        final SingleUserLoginIdentityProvider provider = provider(HASH, Map.of(), clock::get);
        provider.authenticate(new LoginCredentials("admin", "pässwörd"));
        final Set<String> answers = new HashSet<>();
        long wrongPassword = 0;
        long wrongUser = 0;
        for (int again = 0; again < 6; again++) {
            wrongPassword += milliseconds(() -> answers.add(refused(provider, "admin", "passwörd")));
            wrongUser += milliseconds(() -> answers.add(refused(provider, "other", "pässwörd")));
            clock.addAndGet(TimeUnit.SECONDS.toNanos(31));
        }
        assertEquals(1, answers.size(), answers.toString());
        assertTrue(wrongUser > 0.4 * wrongPassword && wrongUser < 2.5 * wrongPassword, wrongUser + " and " + wrongPassword);
    }

    @Test
    void wrongPasswordsOfOthersLockNoProgramOut() {
        final SingleUserLoginIdentityProvider provider = provider(HASH, Map.of(), () -> 0);
        final LoginCredentials right = new LoginCredentials("admin", "pässwörd");
        provider.authenticate(right);
        for (int wrong = 0; wrong < 5; wrong++) {
            refused(provider, "admin", "wrong");
        }
        assertEquals("admin", provider.authenticate(right).getIdentity());
        // But nobody tries more than a few a second that way.
        for (int wrong = 0; wrong < Attempts.COMPARED_A_SECOND; wrong++) {
            refused(provider, "admin", "wrong");
        }
        assertThrows(InvalidLoginCredentialsException.class, () -> provider.authenticate(right));
    }

    @Test
    void waitsLongerAndLongerButNotForEver() {
        final AtomicLong clock = new AtomicLong();
        final Attempts attempts = new Attempts(clock::get);
        final List<Long> locked = new ArrayList<>();
        for (int wrong = 0; wrong < 10; wrong++) {
            locked.add(attempts.wrong("admin").lockedSeconds());
            clock.addAndGet(TimeUnit.SECONDS.toNanos(locked.getLast()));
            assertTrue(attempts.mayCheck("admin"));
        }
        assertEquals(List.of(0L, 0L, 1L, 2L, 4L, 8L, 16L, 30L, 30L, 30L), locked);
        clock.addAndGet(TimeUnit.SECONDS.toNanos(61));
        assertEquals(new Attempts.Wrong(1, 0, 0), attempts.wrong("admin"));
    }

    @Test
    void knowsNoPasswordBeforeOneWasRight() {
        final KnownPassword known = new KnownPassword();
        assertFalse(known.matches(""));
        known.remember("pässwörd");
        assertTrue(known.matches("pässwörd"));
        assertFalse(known.matches("passwörd"));
        assertFalse(known.matches(""));
    }

    @ParameterizedTest
    @CsvSource(nullValues = "null", value = {
        "admin, passwörd", "admin, ''", "admin, null", "Admin, pässwörd", "other, pässwörd", "null, pässwörd", "null, null"})
    void refusesEverythingElse(final String username, final String password) {
        final SingleUserLoginIdentityProvider provider = provider(HASH);
        final LoginCredentials credentials = new LoginCredentials(username, password);
        assertThrows(InvalidLoginCredentialsException.class, () -> provider.authenticate(credentials));
    }

    @ParameterizedTest
    @CsvSource({
        "secret, not of the form",
        "$2b$12$abcdefghijklmnopqrstuv, not of the form",
        "$pbkdf2-sha512$i=1000$AAECAwQFBgcICQoLDA0ODw$AAAA, ROUNDS",
        "$pbkdf2-sha512$i=many$AAECAwQFBgcICQoLDA0ODw$AAAA, ROUNDS",
        "$pbkdf2-sha512$i=210000$AAEC$AAAA, SALT has 3 bytes",
        "$pbkdf2-sha512$i=210000$AAECAwQFBgcICQoLDA0ODw$AAAA, HASH has 3 bytes",
        "$pbkdf2-sha512$i=210000$AAECAwQFBgcICQoLDA0ODw$!!!!, HASH is not base64"})
    void namesWhatIsWrongWithAHashButNotTheHash(final String encoded, final String expected) {
        final ProviderCreationException error = assertThrows(ProviderCreationException.class, () -> provider(encoded));
        assertTrue(error.getMessage().contains(expected), error.getMessage());
        assertFalse(error.getMessage().contains(encoded), error.getMessage());
    }

    @Test
    void namesAMissingProperty() {
        final SingleUserLoginIdentityProvider provider = new SingleUserLoginIdentityProvider();
        final ProviderCreationException error = assertThrows(ProviderCreationException.class,
                () -> provider.onConfigured(new Configuration(Map.of("Username", "admin"))));
        assertTrue(error.getMessage().contains("'Password Hash'"), error.getMessage());
    }

    private static SingleUserLoginIdentityProvider provider(final String hash) {
        return provider(hash, Map.of());
    }

    private static SingleUserLoginIdentityProvider provider(final String hash, final Map<String, String> more) {
        return provider(hash, more, System::nanoTime);
    }

    private static SingleUserLoginIdentityProvider provider(final String hash, final Map<String, String> more,
            final LongSupplier clock) {
        final SingleUserLoginIdentityProvider provider = new SingleUserLoginIdentityProvider(clock);
        final Map<String, String> properties = new HashMap<>(Map.of("Username", "admin", "Password Hash", hash));
        properties.putAll(more);
        provider.initialize(null);
        provider.onConfigured(new Configuration(properties));
        return provider;
    }

    private static String refused(final SingleUserLoginIdentityProvider provider, final String name, final String password) {
        final LoginCredentials credentials = new LoginCredentials(name, password);
        return assertThrows(InvalidLoginCredentialsException.class, () -> provider.authenticate(credentials)).getMessage();
    }

    private static long milliseconds(final Runnable work) {
        final long began = System.nanoTime();
        work.run();
        return TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
    }

    private record Configuration(Map<String, String> properties) implements LoginIdentityProviderConfigurationContext {

        @Override
        public String getIdentifier() {
            return "login";
        }

        @Override
        public Map<String, String> getProperties() {
            return properties;
        }

        @Override
        public String getProperty(final String property) {
            return properties.get(property);
        }
    }
}
