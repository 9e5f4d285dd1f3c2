package io.idemflow.registry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Instant;
import org.apache.nifi.registry.flow.FlowRegistryException;
import org.eclipse.jgit.lib.PersonIdent;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NamesTest {

    @ParameterizedTest
    @CsvSource({
        "People to Elasticsearch, People to Elasticsearch",
        "a/b, a=2Fb",
        "../../etc/passwd, =2E./../etc/passwd",
        "Aufträge, Auftr=C3=A4ge",
        "1=1, 1=3D1",
        ".git, =2Egit",
        "-rf, =2Drf",
        "v1.0, v1.0",
        "a., a=2E"})
    void encodesReversibly(final String name, final String expected) throws FlowRegistryException {
        final String encoded = Names.encode(name);
        assertEquals(expected.replace("/", "=2F"), encoded);
        assertEquals(encoded, Names.check(encoded, "flow"));
        assertEquals(name, Names.decode(encoded));
    }

    @Test
    void encodesEveryCharacter() throws FlowRegistryException {
        for (int point = 1; point < 0x2000; point++) {
            final String name = "x" + Character.toString(point) + "y\uD83D\uDE00";
            assertEquals(name, Names.decode(Names.check(Names.encode(name), "flow")));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"my=flow", "=ZZ", "=C3", "=C3=28", "ä=41", "a=2f"})
    void leavesNamesThatAPersonChose(final String name) {
        assertEquals(name, Names.decode(name));
    }

    @ParameterizedTest
    @ValueSource(strings = {"..", ".", ".git", ".GIT", "a/b", "/etc", "a\\b", "C:", "a\nb", "a\0b", "git~1", "GIT~1", " ", "", "a.", "-x", "a?",
        "\uD83D\uDE00"})
    void refusesWhatCouldLeaveTheFolder(final String name) {
        assertThrows(FlowRegistryException.class, () -> Names.check(name, "bucket"));
    }

    @Test
    void refusesAbsentAndEndlessNames() {
        assertThrows(FlowRegistryException.class, () -> Names.check(null, "bucket"));
        assertThrows(FlowRegistryException.class, () -> Names.check("x".repeat(201), "bucket"));
        assertThrows(IllegalArgumentException.class, () -> Names.encode("  "));
        final Exception error = assertThrows(IllegalArgumentException.class, () -> Names.encode("ä".repeat(100)));
        assertTrue(error.getMessage().contains("shorter"), error.getMessage());
    }

    @ParameterizedTest
    @CsvSource(nullValues = "null", value = {
        "admin; admin; admin@nifi.local",
        "null; Apache NiFi; apache.nifi@nifi.local",
        "'  '; Apache NiFi; apache.nifi@nifi.local",
        "jane.doe@example.org; jane.doe@example.org; jane.doe@example.org",
        "'CN=Jane Doe, OU=NiFi'; Jane Doe; jane.doe@nifi.local",
        "'CN=Doe\\, Jane, OU=NiFi'; Doe, Jane; doe.jane@nifi.local",
        "'<evil> <x@y>'; evil   x@y; evil.x.y@nifi.local",
        "Zoë; Zoë; zo@nifi.local",
        "日本; 日本; user@nifi.local"}, delimiter = ';')
    void makesAnAuthorOfAnyIdentity(final String identity, final String name, final String email) {
        final PersonIdent author = Author.of(identity, Instant.EPOCH);
        assertEquals(name.replaceAll(" +", " "), author.getName().replaceAll(" +", " "));
        assertEquals(email, author.getEmailAddress());
    }

    @Test
    void keepsAnIdentityInOneLineOfTheCommit() {
        final PersonIdent author = Author.of("admin\ncommitter root <root@localhost> 0 +0000", Instant.EPOCH);
        assertTrue(author.toExternalString().matches("[^\\n<>]+ <[^\\n<> ]+> 0 [+-]\\d{4}"), author.toExternalString());
    }
}
