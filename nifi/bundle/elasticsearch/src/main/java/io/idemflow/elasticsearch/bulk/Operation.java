package io.idemflow.elasticsearch.bulk;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** The index operations, by the values of the property Index Operation. */
public enum Operation {
    CREATE,
    DELETE,
    INDEX,
    UPDATE,
    /** An update that creates the document where it is missing. */
    UPSERT;

    /** The word of the action line. */
    public String action() {
        return (this == UPSERT ? UPDATE : this).value();
    }

    public String value() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Whether Elasticsearch can make up an id. */
    public boolean generatesIds() {
        return this == INDEX || this == CREATE;
    }

    public boolean isUpdate() {
        return this == UPDATE || this == UPSERT;
    }

    /** Finds an operation by its value, whatever the case. */
    public static Optional<Operation> of(final String value) {
        return Arrays.stream(values()).filter(operation -> operation.name().equalsIgnoreCase(value)).findFirst();
    }
}
