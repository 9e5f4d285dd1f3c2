package io.idemflow.elasticsearch.put;

import io.idemflow.elasticsearch.documents.BadDocumentException;
import io.idemflow.elasticsearch.documents.RecordReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.function.LongPredicate;
import org.apache.nifi.flowfile.FlowFile;
import org.apache.nifi.processor.ProcessSession;
import org.apache.nifi.processor.exception.ProcessException;

/** Copies chosen records of a FlowFile, all of which were read before, into FlowFiles of the same format. */
final class RecordCopy {

    private final ProcessSession session;
    private final FlowFile whole;
    private final boolean lines;

    RecordCopy(final ProcessSession session, final FlowFile whole, final boolean lines) {
        this.session = session;
        this.whole = whole;
        this.lines = lines;
    }

    /**
     * Copies the records before a position, one behind the other.
     *
     * @param chosen told a record's position, says whether it is copied
     * @param end where to stop
     */
    FlowFile joined(final LongPredicate chosen, final long end) {
        return copy(chosen, end, -1);
    }

    /**
     * The same; but a line that is left out becomes a blank one, so that those behind it keep their numbers.
     *
     * @param first number of the line to begin with
     */
    FlowFile numbered(final LongPredicate chosen, final long end, final long first) {
        return copy(chosen, end, lines ? first : -1);
    }

    /** Copies what an array has from an element on, as an array, whether it is sound or not. */
    FlowFile restOfArray(final long offset) {
        return session.write(session.create(whole), target -> {
            target.write('[');
            try (InputStream source = session.read(whole)) {
                source.skipNBytes(offset);
                source.transferTo(target);
            }
        });
    }

    private FlowFile copy(final LongPredicate chosen, final long end, final long first) {
        return session.write(session.create(whole), target -> {
            try (InputStream source = session.read(whole)) {
                write(PutBatch.reader(lines, source), chosen, end, first, target);
            } catch (final BadDocumentException e) {
                throw new ProcessException("The content of " + whole + " has changed while it was sent", e);
            }
        });
    }

    private void write(final RecordReader records, final LongPredicate chosen, final long end, final long first,
            final OutputStream target) throws IOException, BadDocumentException {
        target.write(ascii(lines ? "" : "["));
        long line = first;
        boolean separated = true;
        while (records.next() && records.offset() < end) {
            if (!chosen.test(records.offset())) {
                continue;
            }
            if (first >= 0) {
                for (; line < records.index(); line++) {
                    target.write('\n');
                }
            } else if (!separated) {
                target.write(ascii(lines ? "\n" : ","));
            }
            separated = false;
            target.write(records.bytes(), records.start(), (int) records.length());
        }
        target.write(ascii(lines ? "" : "]"));
    }

    private static byte[] ascii(final String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
