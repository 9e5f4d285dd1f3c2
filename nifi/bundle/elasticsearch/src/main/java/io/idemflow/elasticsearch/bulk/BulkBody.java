package io.idemflow.elasticsearch.bulk;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** The body of a {@code _bulk} request while it is built: a growing array that remembers where each operation starts. */
public final class BulkBody {

    private static final int MINIMUM_OPERATIONS = 64;

    private byte[] bytes;
    private int length;
    private int[] starts = new int[MINIMUM_OPERATIONS];
    private int operations;

    /**
     * @param capacity expected size in bytes
     */
    public BulkBody(final int capacity) {
        bytes = new byte[capacity];
    }

    public int length() {
        return length;
    }

    /** Number of operations that are complete. */
    public int operations() {
        return operations;
    }

    public byte[] bytes() {
        return bytes;
    }

    public void append(final byte[] more) {
        append(more, 0, more.length);
    }

    public void append(final byte[] source, final int offset, final int size) {
        reserve(size);
        System.arraycopy(source, offset, bytes, length, size);
        length += size;
    }

    public void append(final char ascii) {
        reserve(1);
        bytes[length++] = (byte) ascii;
    }

    /**
     * Reads a stream to its end.
     *
     * @param stream what to read
     * @param size its size in bytes
     * @throws IOException where it cannot be read or ends early
     */
    public void append(final InputStream stream, final int size) throws IOException {
        reserve(size);
        final int read = stream.readNBytes(bytes, length, size);
        if (read != size) {
            throw new IOException("Content ends after " + read + " of " + size + " bytes");
        }
        length += size;
    }

    /** Ends the operation that has been written since the last call. */
    public void endOperation() {
        if (operations + 1 == starts.length) {
            starts = Arrays.copyOf(starts, 2 * starts.length);
        }
        operations++;
        starts[operations] = length;
    }

    /** Takes back what was written since the last {@link #endOperation()}. */
    public void dropOperation() {
        length = starts[operations];
    }

    /** Number of bytes of the operation that is being written. */
    public int operationLength() {
        return length - starts[operations];
    }

    /**
     * Takes the last complete operation out.
     *
     * @param capacity expected size in bytes of the body that it starts
     */
    public BulkBody takeLast(final int capacity) {
        final int size = length - starts[operations - 1];
        final BulkBody last = new BulkBody(Math.max(size, capacity));
        operations--;
        length = starts[operations];
        last.append(bytes, length, size);
        last.endOperation();
        return last;
    }

    /** Appends one operation of another body. */
    public void append(final BulkBody source, final int operation) {
        append(source.bytes, source.starts[operation], source.starts[operation + 1] - source.starts[operation]);
        endOperation();
    }

    /** Takes back everything from a position on, within the operation that is being written. */
    public void truncate(final int position) {
        length = position;
    }

    /**
     * Takes back blanks at the end, and a comma before them.
     *
     * @param start where to stop at the latest
     * @return what the body ends with then
     */
    public char dropComma(final int start) {
        while (length > start && bytes[length - 1] >= 0 && bytes[length - 1] <= ' ') {
            length--;
        }
        if (length > start && bytes[length - 1] == ',') {
            length--;
        }
        return (char) bytes[length - 1];
    }

    /** The operations from one (inclusive) to another (exclusive). */
    public ByteBuffer slice(final int from, final int to) {
        return ByteBuffer.wrap(bytes, starts[from], starts[to] - starts[from]);
    }

    private void reserve(final int more) {
        final long needed = (long) length + more;
        if (needed > bytes.length) {
            final long grown = Math.min(Math.max(needed, 2L * bytes.length), Integer.MAX_VALUE - 8);
            if (grown < needed) {
                throw new IllegalArgumentException("A bulk request cannot hold " + needed + " bytes");
            }
            bytes = Arrays.copyOf(bytes, (int) grown);
        }
    }
}
