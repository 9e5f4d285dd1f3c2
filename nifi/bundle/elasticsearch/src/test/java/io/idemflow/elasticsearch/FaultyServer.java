package io.idemflow.elasticsearch;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.regex.Pattern;
import javax.net.ServerSocketFactory;

/** An HTTP server on loopback that replies what it is told to, broken replies included. */
public final class FaultyServer implements AutoCloseable {

    /** What a server does with a request. */
    @FunctionalInterface
    public interface Behaviour {
        /** The bytes to write before the connection is closed; null closes it with a reset. */
        byte[] reply(Request request);
    }

    /** A request as it came in. */
    public record Request(String line, String headers, String body) {

        /** Lines of the body. */
        public List<String> lines() {
            return body.lines().toList();
        }

        /** Number of operations in the body; a delete has no second line. */
        public int operations() {
            return (int) ACTION.matcher(body).results().count();
        }
    }

    private static final Pattern ACTION = Pattern.compile("^\\{\"(?:index|create|update|delete)\":\\{\"_index\":", Pattern.MULTILINE);

    private final String scheme;
    private final ServerSocket listener;
    private final List<Request> requests = new CopyOnWriteArrayList<>();
    private volatile Behaviour behaviour;

    public FaultyServer(final Behaviour behaviour) throws IOException {
        this(behaviour, "http", ServerSocketFactory.getDefault());
    }

    public FaultyServer(final Behaviour behaviour, final String scheme, final ServerSocketFactory sockets) throws IOException {
        this.behaviour = behaviour;
        this.scheme = scheme;
        listener = sockets.createServerSocket(0, 50, InetAddress.getLoopbackAddress());
        final Thread acceptor = new Thread(this::accept, "faulty-server");
        acceptor.setDaemon(true);
        acceptor.start();
    }

    public String address() {
        return scheme + "://127.0.0.1:" + listener.getLocalPort();
    }

    public void behave(final Behaviour next) {
        behaviour = next;
    }

    public List<Request> requests() {
        return requests;
    }

    @Override
    public void close() throws IOException {
        listener.close();
    }

    /** A whole reply. */
    public static byte[] http(final int status, final String body) {
        return head(status, body.getBytes(StandardCharsets.UTF_8).length, body);
    }

    /** A reply whose header promises more than follows. */
    public static byte[] truncated(final String body) {
        return head(200, body.length() + 100, body);
    }

    /** What Elasticsearch replies where all went well. */
    public static byte[] created(final int operations) {
        return http(200, items("{\"index\":{\"_index\":\"people\",\"_id\":\"x\",\"result\":\"created\",\"status\":201}}", operations));
    }

    /** The same for the operations of a request. */
    public static byte[] createdEach(final Request request) {
        return created(request.operations());
    }

    /** A reply with the same item for each operation. */
    public static String items(final String item, final int operations) {
        return "{\"took\":1,\"errors\":false,\"items\":[" + String.join(",", Collections.nCopies(operations, item)) + "]}";
    }

    private static byte[] head(final int status, final int length, final String body) {
        return ("HTTP/1.1 " + status + " Status\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: "
                + length + "\r\n\r\n" + body).getBytes(StandardCharsets.UTF_8);
    }

    private void accept() {
        while (!listener.isClosed()) {
            try {
                final Socket socket = listener.accept();
                final Thread thread = new Thread(() -> serve(socket), "faulty-server-connection");
                thread.setDaemon(true);
                thread.start();
            } catch (final IOException e) {
                return;
            }
        }
    }

    private void serve(final Socket socket) {
        try (socket; InputStream in = new BufferedInputStream(socket.getInputStream())) {
            final Request request = read(in);
            requests.add(request);
            final byte[] reply = behaviour.reply(request);
            if (reply == null) {
                socket.setSoLinger(true, 0);
                return;
            }
            socket.getOutputStream().write(reply);
            socket.getOutputStream().flush();
        } catch (final IOException e) {
            // the client broke off, which some tests want
        }
    }

    private static Request read(final InputStream in) throws IOException {
        final String headers = readHead(in);
        final int length = headers.lines()
                .filter(line -> line.toLowerCase(Locale.ROOT).startsWith("content-length:"))
                .map(line -> Integer.parseInt(line.substring(line.indexOf(':') + 1).strip()))
                .findFirst().orElse(0);
        final byte[] body = headers.toLowerCase(Locale.ROOT).contains("transfer-encoding: chunked") ? readChunks(in) : in.readNBytes(length);
        return new Request(headers.lines().findFirst().orElseThrow(), headers, new String(body, StandardCharsets.UTF_8));
    }

    private static byte[] readChunks(final InputStream in) throws IOException {
        final ByteArrayOutputStream body = new ByteArrayOutputStream();
        while (true) {
            final int size = Integer.parseInt(readTo(in, "\r\n").strip(), 16);
            body.write(in.readNBytes(size));
            in.skipNBytes(2);
            if (size == 0) {
                return body.toByteArray();
            }
        }
    }

    /** The first line and the headers of a request. */
    static String readHead(final InputStream in) throws IOException {
        return readTo(in, "\r\n\r\n");
    }

    private static String readTo(final InputStream in, final String end) throws IOException {
        final StringBuilder text = new StringBuilder();
        while (text.length() < end.length() || text.lastIndexOf(end) != text.length() - end.length()) {
            final int next = in.read();
            if (next < 0) {
                throw new IOException("The request has no end");
            }
            text.append((char) next);
        }
        return text.toString();
    }
}
