package io.idemflow.login;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
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
        final SingleUserLoginIdentityProvider provider = new SingleUserLoginIdentityProvider();
        provider.initialize(null);
        provider.onConfigured(new Configuration(Map.of("Username", "admin", "Password Hash", hash)));
        return provider;
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
