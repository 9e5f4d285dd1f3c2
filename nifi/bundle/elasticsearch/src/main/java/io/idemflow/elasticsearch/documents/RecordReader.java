package io.idemflow.elasticsearch.documents;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

/**
 * Reads the records of a FlowFile one after the other, with no more of it in memory than a record.
 *
 * <p>A record that is longer than the maximum is passed over, and told of as such. Not thread-safe.
 */
public abstract class RecordReader {

    private static final int BUFFER_BYTES = 256 * 1024;

    private final InputStream stream;
    private final int maximumRecordBytes;
    private byte[] buffer = new byte[BUFFER_BYTES];
    /** Position in the content of the first byte of the buffer. */
    private long base;
    private int position;
    private int limit;
    private int recordStart;
    private boolean inRecord;
    private long recordOffset;
    private long recordEnd;
    private boolean tooLong;

    /**
     * @param stream the content, as UTF-8 or whatever has the bytes of ASCII for ASCII
     * @param maximumRecordBytes longest record to keep in memory, in bytes
     */
    protected RecordReader(final InputStream stream, final int maximumRecordBytes) {
        this.stream = stream;
        this.maximumRecordBytes = maximumRecordBytes;
    }

    /**
     * Goes to the next record.
     *
     * @return whether there is one
     * @throws BadDocumentException where the content as a whole is malformed; the records before are not
     */
    public abstract boolean next() throws IOException, BadDocumentException;

    /** Number of the record, from 0; of the line where a record is a line. */
    public abstract long index();

    /** Holds the record, until the next is asked for. */
    public final byte[] bytes() {
        return buffer;
    }

    /** Index of the record's first byte in {@link #bytes()}. */
    public final int start() {
        return recordStart;
    }

    /** Position of the record in the content. */
    public final long offset() {
        return recordOffset;
    }

    /** Length of the record in bytes. */
    public final long length() {
        return recordEnd - recordOffset;
    }

    /** Whether the record is an element of an array. */
    public boolean isInArray() {
        return false;
    }

    /** Whether the record was passed over because of its length. */
    public final boolean isTooLong() {
        return tooLong;
    }

    /** Position in the content up to which it was read. */
    protected final long position() {
        return base + position;
    }

    /** The next byte, which stays the next one, or -1 at the end of the content. */
    protected final int peek() throws IOException {
        return position < limit || fill() ? buffer[position] & 0xFF : -1;
    }

    /** Goes over the byte that was peeked at. */
    protected final void skip() {
        position++;
    }

    /** Goes on to a byte, or to the end. */
    protected final boolean skipTo(final byte wanted) throws IOException {
        while (position < limit || fill()) {
            final byte[] bytes = buffer;
            final int end = limit;
            for (int i = position; i < end; i++) {
                if (bytes[i] == wanted) {
                    position = i;
                    return true;
                }
            }
            position = end;
        }
        return false;
    }

    /** Says that a record starts with the next byte. */
    protected final void startRecord() {
        recordStart = position;
        recordOffset = base + position;
        inRecord = true;
        tooLong = false;
    }

    /**
     * Says that the record ended before the next byte.
     *
     * @param trailing how many bytes before do not belong to it either
     */
    protected final void endRecord(final int trailing) {
        recordEnd = base + position - trailing;
        inRecord = false;
    }

    /** The byte so many before the next one; only for what is within the record. */
    protected final byte before(final int count) {
        return buffer[position - count];
    }

    /** Number of bytes of the record up to the next byte that are in memory. */
    protected final int kept() {
        return tooLong ? 0 : position - recordStart;
    }

    private boolean fill() throws IOException {
        final int from = inRecord && !tooLong ? recordStart : limit;
        System.arraycopy(buffer, from, buffer, 0, limit - from);
        base += from;
        position -= from;
        limit -= from;
        recordStart -= from;
        if (limit == buffer.length) {
            if (limit < maximumRecordBytes) {
                buffer = Arrays.copyOf(buffer, (int) Math.min(2L * limit, maximumRecordBytes));
            } else {
                tooLong = true;
                base += limit;
                position = 0;
                limit = 0;
            }
        }
        final int read = stream.read(buffer, limit, buffer.length - limit);
        if (read <= 0) {
            return false;
        }
        limit += read;
        return true;
    }
}
