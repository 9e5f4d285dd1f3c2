package io.idemflow.management;

import com.sun.net.httpserver.HttpContext;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.Executor;
import java.util.function.Predicate;

/** The JDK's HTTP server, but for one address: bound to that, it can be set up, started and stopped, and never listens. */
final class GuardedHttpServer extends HttpServer {

    private final HttpServer server;
    private final Predicate<InetSocketAddress> isShut;
    private InetSocketAddress shut;

    /**
     * @param server the JDK's own, not bound yet
     * @param isShut tells the address
     */
    GuardedHttpServer(final HttpServer server, final Predicate<InetSocketAddress> isShut) {
        this.server = server;
        this.isShut = isShut;
    }

    @Override
    public void bind(final InetSocketAddress address, final int backlog) throws IOException {
        if (isShut.test(address)) {
            shut = address;
        } else {
            server.bind(address, backlog);
        }
    }

    @Override
    public void start() {
        if (shut == null) {
            server.start();
        }
    }

    @Override
    public void stop(final int delay) {
        if (shut == null) {
            server.stop(delay);
        }
    }

    @Override
    public void setExecutor(final Executor executor) {
        server.setExecutor(executor);
    }

    @Override
    public Executor getExecutor() {
        return server.getExecutor();
    }

    @Override
    public HttpContext createContext(final String path, final HttpHandler handler) {
        return server.createContext(path, handler);
    }

    @Override
    public HttpContext createContext(final String path) {
        return server.createContext(path);
    }

    @Override
    public void removeContext(final String path) {
        server.removeContext(path);
    }

    @Override
    public void removeContext(final HttpContext context) {
        server.removeContext(context);
    }

    @Override
    public InetSocketAddress getAddress() {
        return shut == null ? server.getAddress() : shut;
    }
}
