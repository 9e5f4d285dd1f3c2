package io.idemflow.management;

import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsServer;
import com.sun.net.httpserver.spi.HttpServerProvider;
import java.io.IOException;
import java.net.InetSocketAddress;

/**
 * Makes the JDK's HTTP servers, but for the one of NiFi's management port, which never listens.
 *
 * <p>Every NiFi 2 starts that server, and asks nobody for a login there: its diagnostics tell any user of the machine of
 * the flow, the disks and the JVM. No property of NiFi turns it off. NiFi makes it with the JDK's own
 * {@link HttpServer}, whose provider is named by a system property:</p>
 *
 * <pre>-Dcom.sun.net.httpserver.HttpServerProvider=io.idemflow.management.ShutHttpServerProvider
 * --add-exports=jdk.httpserver/sun.net.httpserver=ALL-UNNAMED</pre>
 *
 * <p>The second option lets it make the others as the JDK does.</p>
 */
public final class ShutHttpServerProvider extends HttpServerProvider {

    static final String ADDRESS = "org.apache.nifi.management.server.address";
    private static final String STANDARD = "sun.net.httpserver.DefaultHttpServerProvider";

    @Override
    public HttpServer createHttpServer(final InetSocketAddress address, final int backlog) throws IOException {
        // NiFi makes it first and binds it then.
        final HttpServer server = new GuardedHttpServer(standard().createHttpServer(null, 0),
                ShutHttpServerProvider::isManagement);
        if (address != null) {
            server.bind(address, backlog);
        }
        return server;
    }

    @Override
    public HttpsServer createHttpsServer(final InetSocketAddress address, final int backlog) throws IOException {
        return standard().createHttpsServer(address, backlog);
    }

    private static boolean isManagement(final InetSocketAddress address) {
        final String management = System.getProperty(ADDRESS);
        return address != null && management != null && address.getPort() != 0
                && management.endsWith(":" + address.getPort());
    }

    private static HttpServerProvider standard() {
        try {
            return (HttpServerProvider) Class.forName(STANDARD).getConstructor().newInstance();
        } catch (final ReflectiveOperationException e) {
            throw new IllegalStateException("the JDK's own HTTP server needs the option"
                    + " --add-exports=jdk.httpserver/sun.net.httpserver=ALL-UNNAMED", e);
        }
    }
}
