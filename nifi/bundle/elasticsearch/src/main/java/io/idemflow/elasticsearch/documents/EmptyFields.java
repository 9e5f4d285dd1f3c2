package io.idemflow.elasticsearch.documents;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;

/**
 * Leaves out fields that are null, an empty string, an empty array, or an object of which nothing remains; what
 * stands in an array stays.
 */
final class EmptyFields {

    private final JsonParser parser;
    private final JsonGenerator generator;
    /** Names of fields whose objects have been entered but not written, for nothing has been found to keep in them. */
    private final List<String> pending = new ArrayList<>();

    private EmptyFields(final JsonParser parser, final JsonGenerator generator) {
        this.parser = parser;
        this.generator = generator;
    }

    static void drop(final JsonParser parser, final JsonFactory factory, final OutputStream target) throws IOException {
        try (JsonGenerator generator = factory.createGenerator(target)) {
            parser.nextToken();
            generator.writeStartObject();
            new EmptyFields(parser, generator).copyFields();
            generator.writeEndObject();
        }
    }

    /** Copies the fields up to the end of the object that the parser is in; the caller writes its braces. */
    private void copyFields() throws IOException {
        while (parser.nextToken() != JsonToken.END_OBJECT) {
            copyField(parser.currentName(), parser.nextToken());
        }
    }

    private void copyField(final String name, final JsonToken value) throws IOException {
        switch (value) {
            case VALUE_NULL -> { }
            case VALUE_STRING -> {
                if (parser.getTextLength() > 0) {
                    writeName(name);
                    generator.copyCurrentEventExact(parser);
                }
            }
            case START_ARRAY -> {
                if (parser.nextToken() != JsonToken.END_ARRAY) {
                    writeName(name);
                    copyElements();
                }
            }
            case START_OBJECT -> {
                final int depth = pending.size();
                pending.add(name);
                copyFields();
                if (pending.size() > depth) {
                    pending.removeLast();
                } else {
                    generator.writeEndObject();
                }
            }
            default -> {
                writeName(name);
                generator.copyCurrentEventExact(parser);
            }
        }
    }

    /** Copies an array from its first element, where the parser is, to its end. */
    private void copyElements() throws IOException {
        generator.writeStartArray();
        for (JsonToken token = parser.currentToken(); token != JsonToken.END_ARRAY; token = parser.nextToken()) {
            if (token == JsonToken.START_OBJECT) {
                generator.writeStartObject();
                copyFields();
                generator.writeEndObject();
            } else if (token == JsonToken.START_ARRAY) {
                if (parser.nextToken() == JsonToken.END_ARRAY) {
                    generator.writeStartArray();
                    generator.writeEndArray();
                } else {
                    copyElements();
                }
            } else {
                generator.copyCurrentEventExact(parser);
            }
        }
        generator.writeEndArray();
    }

    private void writeName(final String name) throws IOException {
        for (final String entered : pending) {
            generator.writeFieldName(entered);
            generator.writeStartObject();
        }
        pending.clear();
        generator.writeFieldName(name);
    }
}
