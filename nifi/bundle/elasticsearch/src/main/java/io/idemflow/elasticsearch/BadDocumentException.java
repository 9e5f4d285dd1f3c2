package io.idemflow.elasticsearch;

/** A document, or what goes with it, cannot be sent; the message is for the user. */
public class BadDocumentException extends Exception {

    private static final long serialVersionUID = 1L;

    public BadDocumentException(final String message) {
        super(message);
    }

    public BadDocumentException(final String message, final Throwable cause) {
        super(message, cause);
    }
}
