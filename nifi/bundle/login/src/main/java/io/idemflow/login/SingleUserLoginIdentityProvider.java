package io.idemflow.login;

import java.util.concurrent.TimeUnit;
import org.apache.nifi.authentication.AuthenticationResponse;
import org.apache.nifi.authentication.LoginCredentials;
import org.apache.nifi.authentication.LoginIdentityProvider;
import org.apache.nifi.authentication.LoginIdentityProviderConfigurationContext;
import org.apache.nifi.authentication.LoginIdentityProviderInitializationContext;
import org.apache.nifi.authentication.exception.InvalidLoginCredentialsException;
import org.apache.nifi.authentication.exception.ProviderCreationException;

/**
 * Logs in one user whose name and password hash stand in {@code login-identity-providers.xml}:
 *
 * <pre>{@code
 * <provider>
 *     <identifier>idemflow-login</identifier>
 *     <class>io.idemflow.login.SingleUserLoginIdentityProvider</class>
 *     <property name="Username">admin</property>
 *     <property name="Password Hash">$pbkdf2-sha512$i=210000$SALT$HASH</property>
 * </provider>
 * }</pre>
 *
 * The identity handed to NiFi is the user name; a token lasts 12 hours. {@link PasswordHash} defines the hash.
 */
public class SingleUserLoginIdentityProvider implements LoginIdentityProvider {

    static final String USERNAME = "Username";
    static final String PASSWORD_HASH = "Password Hash";
    private static final long EXPIRATION_MILLIS = TimeUnit.HOURS.toMillis(12);

    private volatile String issuer;
    private volatile String username;
    private volatile PasswordHash passwordHash;
    private volatile KnownPassword knownPassword;

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
        final boolean known = nameMatches & knownPassword.matches(givenPassword);
        if (!known) {
            final boolean passwordMatches = passwordHash.matches(givenPassword);
            if (!(passwordMatches & nameMatches)) {
                throw new InvalidLoginCredentialsException("The username or the password is wrong");
            }
            knownPassword.remember(givenPassword);
        }
        return new AuthenticationResponse(username, username, EXPIRATION_MILLIS, issuer);
    }

    @Override
    public void preDestruction() {
        passwordHash = null;
        knownPassword = null;
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
