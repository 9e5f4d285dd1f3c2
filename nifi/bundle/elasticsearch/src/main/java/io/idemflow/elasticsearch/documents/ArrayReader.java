package io.idemflow.elasticsearch.documents;

import io.idemflow.elasticsearch.documents.BadDocumentException.Fault;
import java.io.IOException;
import java.io.InputStream;

/**
 * Reads JSON arrays: each element is a record. There may be several arrays one after the other, and objects among them
 * that are records themselves.
 *
 * <p>Where an element ends is told from its brackets and quotes; whether it is sound is not asked here. That is why this is
 * no JSON parser, which would be as fast: a parser ends at the first element that is malformed, while here that element goes
 * to errors alone, as it came, and those after it are sent.
 */
public final class ArrayReader extends RecordReader {

    private long element = -1;
    private boolean inArray;

    /**
     * @param stream the content, as UTF-8
     * @param maximumRecordBytes longest element to keep in memory, in bytes
     */
    public ArrayReader(final InputStream stream, final int maximumRecordBytes) throws IOException {
        super(stream, maximumRecordBytes);
        for (final int mark : new int[] {0xEF, 0xBB, 0xBF}) {
            if (peek() == mark) {
                skip();
            }
        }
    }

    @Override
    public boolean next() throws IOException, BadDocumentException {
        boolean separated = !inArray;
        while (true) {
            final int found = skipBlanks();
            if (found < 0 && !inArray) {
                return false;
            } else if (inArray && found == ']' && !separated) {
                inArray = false;
                separated = true;
                skip();
            } else if (inArray && found == ',' && !separated) {
                separated = true;
                skip();
            } else if (!inArray && found == '[') {
                skip();
                inArray = skipBlanks() != ']';
                if (!inArray) {
                    skip();
                }
            } else if (separated && found >= 0 && found != ',' && found != ']' && (inArray || found == '{')) {
                readElement(found);
                return true;
            } else {
                throw malformed(found < 0 ? "the content ends before the array does" : "'" + (char) found
                        + (inArray ? "' stands where " + (separated ? "an element" : "a comma or its end") + " should" : "' starts no array"));
            }
        }
    }

    @Override
    public long index() {
        return element;
    }

    @Override
    public boolean isInArray() {
        return inArray;
    }

    private void readElement(final int first) throws IOException, BadDocumentException {
        element++;
        startRecord();
        if (first == '"' || first == '{' || first == '[') {
            int depth = 0;
            do {
                final int next = inside();
                if (next == '"') {
                    skipString();
                } else if (next == '{' || next == '[') {
                    depth++;
                } else if (next == '}' || next == ']') {
                    depth--;
                }
            } while (depth > 0);
        } else {
            for (int next = first; next > ' ' && next != ',' && next != ']' && next != '}'; next = peek()) {
                skip();
            }
        }
        endRecord(0);
    }

    private void skipString() throws IOException, BadDocumentException {
        for (int next = inside(); next != '"'; next = inside()) {
            if (next == '\\') {
                inside();
            }
        }
    }

    /** Goes over the next byte of an element. */
    private int inside() throws IOException, BadDocumentException {
        final int next = peek();
        if (next < 0) {
            throw malformed("the content ends within it");
        }
        skip();
        return next;
    }

    private int skipBlanks() throws IOException {
        int next = peek();
        while (next == ' ' || next == '\n' || next == '\r' || next == '\t') {
            skip();
            next = peek();
        }
        return next;
    }

    private BadDocumentException malformed(final String what) {
        return new BadDocumentException(Fault.CONTENT, "It is not a JSON array of objects: after " + (element + 1)
                + " elements, at byte " + position() + ", " + what);
    }
}
