package io.idemflow.scripting;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.IntStream;
import org.apache.nifi.search.SearchResult;

/** The text of a script: from the property Script Body, or from a file that is read again when it has changed. */
public final class Script {

    private final Path file;
    private volatile Version version;

    private Script(final Path file, final Version version) {
        this.file = file;
        this.version = version;
    }

    public static Script ofBody(final String body) {
        return new Script(null, new Version(body, null, 0, null));
    }

    public static Script ofFile(final String file) {
        return new Script(Path.of(file), null);
    }

    /** Path of the script's file, as the property has it. */
    public Optional<String> fileName() {
        return Optional.ofNullable(file).map(Path::toString);
    }

    /**
     * The text as it is now. Costs one look at the file's time and size while it does not change.
     *
     * @throws IOException naming the file, if it cannot be read
     */
    public String read() throws IOException {
        if (file == null) {
            return version.text();
        }
        try {
            final BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
            final Version known = version;
            if (known != null && known.matches(attributes)) {
                return known.text();
            }
            final String text = Files.readString(file, StandardCharsets.UTF_8);
            version = new Version(text, attributes.lastModifiedTime(), attributes.size(), attributes.fileKey());
            return text;
        } catch (final NoSuchFileException e) {
            throw new IOException("Script File %s does not exist".formatted(file), e);
        } catch (final IOException e) {
            throw new IOException("Script File %s cannot be read: %s".formatted(file, e), e);
        }
    }

    /** The text that was read last; null before. */
    public String text() {
        final Version known = version;
        return known == null ? null : known.text();
    }

    /** The lines that hold the term of NiFi's search box, in upper or lower case; none where there is no text. */
    public static List<SearchResult> search(final String text, final String term) {
        final List<String> lines = text == null ? List.of() : text.lines().toList();
        final String wanted = term.toLowerCase(Locale.ROOT);
        return IntStream.range(0, lines.size())
                .filter(i -> lines.get(i).toLowerCase(Locale.ROOT).contains(wanted))
                .mapToObj(i -> new SearchResult.Builder()
                        .label("Matched script at line %d: %s".formatted(i + 1, lines.get(i))).match(term).build())
                .toList();
    }

    private record Version(String text, FileTime modified, long size, Object fileKey) {

        private boolean matches(final BasicFileAttributes attributes) {
            return attributes.lastModifiedTime().equals(modified) && size == attributes.size()
                    && Objects.equals(fileKey, attributes.fileKey());
        }
    }
}
