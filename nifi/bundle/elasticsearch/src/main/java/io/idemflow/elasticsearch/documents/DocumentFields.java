package io.idemflow.elasticsearch.documents;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Which top-level fields of a document say how to write it, and which of them are taken out of it. Immutable. */
public final class DocumentFields {

    /** What a field is for. */
    public enum Role { IDENTIFIER, INDEX, VERSION, OPERATION, TIMESTAMP }

    /** Where Elasticsearch's data streams look for a document's time. */
    static final String TIMESTAMP = "@timestamp";

    /**
     * A field.
     *
     * @param name its name
     * @param retained whether it stays in the document
     */
    public record Field(String name, boolean retained) {
    }

    private final Map<Role, Integer> positions = new EnumMap<>(Role.class);
    private final List<String> names = new ArrayList<>();
    private final List<Boolean> retained = new ArrayList<>();

    /**
     * @param fields the fields by role; a role may be missing, a field may have several
     */
    public DocumentFields(final Map<Role, Field> fields) {
        fields.forEach((role, field) -> {
            final boolean inPlace = role == Role.TIMESTAMP && TIMESTAMP.equals(field.name());
            positions.put(role, add(inPlace ? new Field(TIMESTAMP, true) : field));
        });
        if (positions.containsKey(Role.TIMESTAMP)) {
            add(new Field(TIMESTAMP, true));
        }
    }

    /** Whether a field has a role. */
    public boolean has(final Role role) {
        return positions.containsKey(role);
    }

    /** The name of the field with a role that is there. */
    public String name(final Role role) {
        return names.get(positions.get(role));
    }

    /** The names to look for, each once. */
    String[] names() {
        return names.toArray(String[]::new);
    }

    /** Position in {@link #names()} of the field with a role, or -1. */
    int position(final Role role) {
        return positions.getOrDefault(role, -1);
    }

    /** Position in {@link #names()} of {@link #TIMESTAMP}, or -1 where no field gives its value. */
    int timestampPosition() {
        return has(Role.TIMESTAMP) ? names.indexOf(TIMESTAMP) : -1;
    }

    boolean isRetained(final int position) {
        return retained.get(position);
    }

    private int add(final Field field) {
        final int known = names.indexOf(field.name());
        if (known >= 0) {
            retained.set(known, retained.get(known) && field.retained());
            return known;
        }
        names.add(field.name());
        retained.add(field.retained());
        return names.size() - 1;
    }
}
