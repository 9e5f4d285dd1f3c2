package io.idemflow.elasticsearch;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** A proxy on loopback that tunnels for those who give its password. */
public final class AuthenticatingProxy implements AutoCloseable {

    private static final String UNAUTHORIZED = "HTTP/1.1 407 Proxy Authentication Required\r\n"
            + "Proxy-Authenticate: Basic realm=\"proxy\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

    private final ServerSocket listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    private final String authorization;
    private final List<String> tunnels = new CopyOnWriteArrayList<>();

    /**
     * @param authorization what the header {@code Proxy-Authorization} must say
     */
    public AuthenticatingProxy(final String authorization) throws IOException {
        this.authorization = authorization;
        Thread.ofVirtual().start(() -> {
            while (true) {
                try {
                    final Socket socket = listener.accept();
                    Thread.ofVirtual().start(() -> serve(socket));
                } catch (final IOException e) {
                    return;
                }
            }
        });
    }

    public int port() {
        return listener.getLocalPort();
    }

    /** What tunnels were made to, as {@code host:port}. */
    public List<String> tunnels() {
        return tunnels;
    }

    @Override
    public void close() throws IOException {
        listener.close();
    }

    private void serve(final Socket client) {
        try (client) {
            final String head = FaultyServer.readHead(client.getInputStream());
            if (head.lines().noneMatch(("Proxy-Authorization: " + authorization)::equalsIgnoreCase) || !head.startsWith("CONNECT ")) {
                client.getOutputStream().write(UNAUTHORIZED.getBytes(StandardCharsets.US_ASCII));
                return;
            }
            final String[] target = head.split(" ")[1].split(":");
            tunnels.add(target[0] + ":" + target[1]);
            try (Socket server = new Socket(target[0], Integer.parseInt(target[1]))) {
                client.getOutputStream().write("HTTP/1.1 200 Connected\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
                final Thread up = Thread.ofVirtual().start(() -> copy(client, server));
                copy(server, client);
                up.join();
            }
        } catch (final IOException | InterruptedException e) {
            // one of the two broke off
        }
    }

    private static void copy(final Socket from, final Socket to) {
        try (InputStream source = from.getInputStream()) {
            source.transferTo(to.getOutputStream());
            to.shutdownOutput();
        } catch (final IOException e) {
            // one of the two broke off
        }
    }
}
