package io.idemflow.elasticsearch.documents;

import java.io.IOException;
import java.io.InputStream;

/** Reads NDJSON: each line that is not blank is a record. */
public final class LineReader extends RecordReader {

    private static final byte LINE_FEED = '\n';

    private long line = -1;

    /**
     * @param stream the content, in an encoding with ASCII's line ends
     * @param maximumRecordBytes longest line to keep in memory, in bytes
     */
    public LineReader(final InputStream stream, final int maximumRecordBytes) {
        super(stream, maximumRecordBytes);
    }

    @Override
    public boolean next() throws IOException {
        while (peek() >= 0) {
            line++;
            startRecord();
            final boolean ended = skipTo(LINE_FEED);
            endRecord(kept() > 0 && before(1) == '\r' ? 1 : 0);
            final boolean blank = isBlank();
            if (ended) {
                skip();
            }
            if (!blank) {
                return true;
            }
        }
        return false;
    }

    @Override
    public long index() {
        return line;
    }

    private boolean isBlank() {
        for (int i = kept(); i > 0; i--) {
            if (before(i) != ' ' && before(i) != '\t' && before(i) != '\r') {
                return false;
            }
        }
        return !isTooLong();
    }
}
