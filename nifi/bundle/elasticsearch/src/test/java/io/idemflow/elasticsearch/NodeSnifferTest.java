package io.idemflow.elasticsearch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class NodeSnifferTest {

    private static final URI KNOWN = URI.create("https://first:9200/search");
    private static final String REPLY = """
            {"_nodes": {"total": 4}, "cluster_name": "c", "nodes": {
              "a": {"name": "a", "roles": ["data", "master"], "http": {"bound_address": ["[::1]:9200"], "publish_address": "10.0.0.1:9200"}},
              "b": {"roles": ["master"], "http": {"publish_address": "named/10.0.0.2:9201"}},
              "c": {"roles": [], "http": {"publish_address": "[::1]:9202"}},
              "d": {"roles": ["data"]}
            }}""";

    @Test
    void findsTheAddressOfEachNodeThatSpeaksHttp() throws IOException {
        assertEquals(
                List.of(URI.create("https://10.0.0.1:9200/search"), URI.create("https://named:9201/search"), URI.create("https://[::1]:9202/search")),
                NodeSniffer.parse(REPLY.getBytes(StandardCharsets.UTF_8), KNOWN, false));
    }

    @Test
    void leavesDedicatedMastersOut() throws IOException {
        assertEquals(
                List.of(URI.create("https://10.0.0.1:9200/search"), URI.create("https://[::1]:9202/search")),
                NodeSniffer.parse(REPLY.getBytes(StandardCharsets.UTF_8), KNOWN, true));
    }

    @Test
    void refusesAnAddressThatIsNone() {
        final String reply = "{\"nodes\":{\"a\":{\"http\":{\"publish_address\":\"no address\"}}}}";
        assertThrows(IOException.class, () -> NodeSniffer.parse(reply.getBytes(StandardCharsets.UTF_8), KNOWN, false));
    }
}
