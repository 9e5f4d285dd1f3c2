package io.idemflow.login;

import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.apache.nifi.authentication.AuthenticationResponse;
import org.apache.nifi.authentication.LoginCredentials;
import org.apache.nifi.authentication.LoginIdentityProvider;
import org.apache.nifi.authentication.LoginIdentityProviderConfigurationContext;
import org.apache.nifi.authentication.LoginIdentityProviderInitializationContext;
import org.apache.nifi.authentication.exception.InvalidLoginCredentialsException;
import org.apache.nifi.authentication.exception.ProviderCreationException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Logs in one user whose name and password hash stand in {@code login-identity-providers.xml}:
 *
 * <pre>{@code
 * <provider>
 *     <identifier>idemflow-login</identifier>
 *     <class>io.idemflow.login.SingleUserLoginIdentityProvider</class>
 *     <property name="Username">admin</property>
 *     <property name="Password Hash">$pbkdf2-sha512$i=210000$SALT$HASH</property>
 *     <property name="Login Minutes">720</property>
 * </provider>
 * }</pre>
 *
 * The identity handed to NiFi is the user name. A token lasts as many minutes as the last property says, 1 to 720, by
 * default 720: NiFi gives none that lasts longer. {@link PasswordHash} defines the hash, {@link Attempts} what becomes of
 * wrong passwords. Those are logged, never themselves, and a name that is not the user's is not either: people type a
 * password where the name belongs.
 */
public class SingleUserLoginIdentityProvider implements LoginIdentityProvider {

    static final String USERNAME = "Username";
    static final String PASSWORD_HASH = "Password Hash";
    static final String LOGIN_MINUTES = "Login Minutes";
    private static final int LONGEST_MINUTES = 720;
    /** One text for whatever was wrong; NiFi shows another, which is the same for all as well. */
    private static final String REFUSED = "The username or the password is wrong";
    private static final Logger LOG = LoggerFactory.getLogger(SingleUserLoginIdentityProvider.class);

    private final Attempts attempts;
    /** A hash takes a tenth of a second of a processor: one at a time leaves the others to NiFi. */
    private final Object oneAtATime = new Object();
    private volatile String issuer;
    private volatile String username;
    private volatile PasswordHash passwordHash;
    private volatile KnownPassword knownPassword;
    private volatile long expirationMillis;

    /** For NiFi. */
    public SingleUserLoginIdentityProvider() {
        this(System::nanoTime);
    }

    SingleUserLoginIdentityProvider(final LongSupplier clock) {
        attempts = new Attempts(clock);
    }

    @Override
    public void initialize(final LoginIdentityProviderInitializationContext context) throws ProviderCreationException {
        issuer = getClass().getSimpleName();
    }

    /**
     * @throws ProviderCreationException where a property is missing or the hash is malformed
     */
    @Override
    public void onConfigured(final LoginIdentityProviderConfigurationContext context) throws ProviderCreationException {
        username = required(context, USERNAME);
        expirationMillis = TimeUnit.MINUTES.toMillis(minutes(context));
        final String encoded = required(context, PASSWORD_HASH);
        try {
            passwordHash = PasswordHash.parse(encoded);
            knownPassword = new KnownPassword();
        } catch (final IllegalArgumentException e) {
            throw new ProviderCreationException("Property '" + PASSWORD_HASH + "' of login identity provider '"
                    + context.getIdentifier() + "' cannot be used: " + e.getMessage());
        }
    }

    /**
     * @throws InvalidLoginCredentialsException where the name or the password is wrong; the message does not say which
     */
    @Override
    public AuthenticationResponse authenticate(final LoginCredentials credentials) throws InvalidLoginCredentialsException {
        final String givenName = credentials.getUsername() == null ? "" : credentials.getUsername();
        final String givenPassword = credentials.getPassword() == null ? "" : credentials.getPassword();
        final boolean nameMatches = PasswordHash.sameText(username, givenName);
        // Only a login that succeeds is quick. Any other is checked whole: an unknown user must take as long as a wrong
        // password.
        final boolean known = attempts.mayCompare(givenName) && nameMatches & knownPassword.matches(givenPassword);
        if (!known) {
            check(givenName, givenPassword, nameMatches);
        }
        return new AuthenticationResponse(username, username, expirationMillis, issuer);
    }

    private void check(final String givenName, final String givenPassword, final boolean nameMatches) {
        synchronized (oneAtATime) {
            if (!attempts.mayCheck(givenName)) {
                throw new InvalidLoginCredentialsException(REFUSED);
            }
            final boolean passwordMatches = passwordHash.matches(givenPassword);
            if (passwordMatches & nameMatches) {
                knownPassword.remember(givenPassword);
                return;
            }
            final Attempts.Wrong wrong = attempts.wrong(givenName);
            LOG.warn("Login refused: {} ({} in a row, {} more refused unseen; the next are for {} s)",
                    nameMatches ? "a wrong password for " + username : "an unknown user", wrong.inARow(), wrong.unseen(),
                    wrong.lockedSeconds());
        }
        throw new InvalidLoginCredentialsException(REFUSED);
    }

    @Override
    public void preDestruction() {
        passwordHash = null;
        knownPassword = null;
    }

    private static int minutes(final LoginIdentityProviderConfigurationContext context) {
        final String value = context.getProperty(LOGIN_MINUTES);
        if (value == null || value.isBlank()) {
            return LONGEST_MINUTES;
        }
        if (value.strip().matches("\\d{1,3}")) {
            final int minutes = Integer.parseInt(value.strip());
            if (minutes >= 1 && minutes <= LONGEST_MINUTES) {
                return minutes;
            }
        }
        throw new ProviderCreationException("Property '" + LOGIN_MINUTES + "' of login identity provider '"
                + context.getIdentifier() + "' is not a number from 1 to " + LONGEST_MINUTES);
    }

    private static String required(final LoginIdentityProviderConfigurationContext context, final String property) {
        final String value = context.getProperty(property);
        if (value == null || value.isBlank()) {
            throw new ProviderCreationException("Property '" + property + "' of login identity provider '"
                    + context.getIdentifier() + "' is missing");
        }
        return value.strip();
    }
}
