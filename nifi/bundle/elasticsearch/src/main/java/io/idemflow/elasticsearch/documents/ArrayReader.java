package io.idemflow.elasticsearch.documents;

import io.idemflow.elasticsearch.documents.BadDocumentException.Fault;
import java.io.IOException;
import java.io.InputStream;

/**
 * Reads JSON arrays: each element is a record. There may be several arrays one after the other, and objects among them
 * that are records themselves.
 *
 * <p>Where an element ends is told from its brackets and quotes; whether it is sound is not asked here.
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
        skipByteOrderMark();
    }

    @Override
    public boolean next() throws IOException, BadDocumentException {
        boolean separated = !inArray;
        while (true) {
            final int found = skipBlanks();
            if (found < 0) {
                if (inArray) {
                    throw malformed("the content ends before the array does");
                }
                return false;
            }
            if (inArray && found == ']') {
                if (separated) {
                    throw malformed("an element is missing before its end");
                }
                inArray = false;
                separated = true;
                skip();
            } else if (inArray && found == ',' && !separated) {
                separated = true;
                skip();
            } else if (!inArray && found == '[') {
                inArray = true;
                skip();
                if (skipBlanks() == ']') {
                    inArray = false;
                    skip();
                }
            } else if (separated && found != ',' && found != ']' && (inArray || found == '{')) {
                readElement(found);
                return true;
            } else {
                throw malformed(inArray ? "'" + (char) found + "' stands where a comma or its end should"
                        : "it starts with '" + (char) found + "'");
            }
        }
    }

    @Override
    public long index() {
        return element;
    }

    private void readElement(final int first) throws IOException, BadDocumentException {
        element++;
        startRecord();
        if (first == '"') {
            readString();
        } else if (first == '{' || first == '[') {
            readStructure();
        } else {
            for (int next = first; next > ' ' && next != ',' && next != ']' && next != '}'; next = peek()) {
                skip();
            }
        }
        endRecord(0);
    }

    private void readStructure() throws IOException, BadDocumentException {
        int depth = 0;
        do {
            final int next = peek();
            if (next < 0) {
                throw malformed("the content ends within it");
            }
            if (next == '"') {
                readString();
                continue;
            }
            if (next == '{' || next == '[') {
                depth++;
            } else if (next == '}' || next == ']') {
                depth--;
            }
            skip();
        } while (depth > 0);
    }

    private void readString() throws IOException, BadDocumentException {
        skip();
        for (int next = peek(); next != '"'; next = peek()) {
            if (next < 0) {
                throw malformed("the content ends within a string");
            }
            skip();
            if (next == '\\' && peek() >= 0) {
                skip();
            }
        }
        skip();
    }

    private int skipBlanks() throws IOException {
        int next = peek();
        while (next == ' ' || next == '\n' || next == '\r' || next == '\t') {
            skip();
            next = peek();
        }
        return next;
    }

    private void skipByteOrderMark() throws IOException {
        if (peek() == 0xEF) {
            skip();
            if (peek() == 0xBB) {
                skip();
                if (peek() == 0xBF) {
                    skip();
                }
            }
        }
    }

    private BadDocumentException malformed(final String what) {
        return new BadDocumentException(Fault.CONTENT, "It is not a JSON array of objects: after " + (element + 1)
                + " elements, at byte " + position() + ", " + what);
    }
}
