package io.idemflow.elasticsearch.documents;

import io.idemflow.elasticsearch.bulk.ItemResult;

/** A document, or what goes with it, cannot be sent; the message is for the user. */
public class BadDocumentException extends Exception {

    private static final long serialVersionUID = 1L;

    /** What is wrong, as a type of error beside those of Elasticsearch. */
    public enum Fault {
        CONTENT("json_parse_exception"),
        ENCODING("character_coding_exception"),
        IDENTIFIER("blank_identifier"),
        INDEX("blank_index"),
        OPERATION("invalid_operation"),
        PROPERTY("invalid_property"),
        SIZE("document_too_large"),
        VERSION("invalid_version");

        private final String type;

        Fault(final String type) {
            this.type = type;
        }
    }

    private final Fault fault;

    public BadDocumentException(final Fault fault, final String message) {
        this(fault, message, null);
    }

    public BadDocumentException(final Fault fault, final String message, final Throwable cause) {
        super(message, cause);
        this.fault = fault;
    }

    /** Whether the document itself is to blame, and no property or attribute that could be mended. */
    public boolean isOfContent() {
        return fault == Fault.CONTENT || fault == Fault.SIZE;
    }

    /** The error in the form of an item of a bulk request's reply, as JSON. */
    public String asItem() {
        return ItemResult.error(400, fault.type, getMessage());
    }
}
