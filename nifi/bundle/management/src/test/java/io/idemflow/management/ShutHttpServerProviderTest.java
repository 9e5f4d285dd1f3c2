package io.idemflow.management;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.spi.HttpServerProvider;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ShutHttpServerProviderTest {

    private final HttpServerProvider provider = new ShutHttpServerProvider();

    @AfterEach
    void forget() {
        System.clearProperty(ShutHttpServerProvider.ADDRESS);
    }

    @Test
    void neverListensOnTheManagementPort() throws IOException {
        final InetSocketAddress address = free();
        System.setProperty(ShutHttpServerProvider.ADDRESS, "127.0.0.1:" + address.getPort());
        // As NiFi does, and at once.
        final HttpServer late = provider.createHttpServer(null, 0);
        late.bind(address, 10);
        for (final HttpServer server : List.of(late, provider.createHttpServer(address, 10))) {
            assertEquals("/health", server.createContext("/health", exchange -> { }).getPath());
            server.setExecutor(Runnable::run);
            server.start();
            assertEquals(address, server.getAddress());
            assertThrows(ConnectException.class, () -> new Socket(address.getAddress(), address.getPort()).close());
            server.stop(0);
        }
    }

    @Test
    void leavesTheOthersAlone() throws IOException {
        System.setProperty(ShutHttpServerProvider.ADDRESS, "127.0.0.1:" + free().getPort());
        final InetSocketAddress any = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        final HttpServer late = provider.createHttpServer(null, 0);
        late.bind(any, 10);
        for (final HttpServer server : List.of(late, provider.createHttpServer(any, 10))) {
            server.start();
            new Socket(server.getAddress().getAddress(), server.getAddress().getPort()).close();
            server.stop(0);
        }
    }

    private static InetSocketAddress free() throws IOException {
        final InetAddress loopback = InetAddress.getLoopbackAddress();
        try (ServerSocket socket = new ServerSocket(0, 1, loopback)) {
            return new InetSocketAddress(loopback, socket.getLocalPort());
        }
    }
}
