package org.apache.nifi.processors.elasticsearch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.idemflow.elasticsearch.FaultyServer;
import io.idemflow.elasticsearch.put.Routing;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Nodes that the cluster tells of. */
class PutElasticsearchJsonSnifferTest extends PutElasticsearchJsonFixture {

    private static final String SNIFF = "GET /_nodes/http";
    private static final String BULK = "POST /_bulk";

    private FaultyServer other;

    @BeforeEach
    void startOther() throws Exception {
        other = new FaultyServer(FaultyServer::createdEach);
    }

    @AfterEach
    void stopOther() throws Exception {
        other.close();
    }

    @Test
    void sniffedNodesAreAsked() throws Exception {
        tell(node("a", "", other.address(), "data"));
        useService(Map.of("el-cs-sniff-cluster-nodes", "true", "el-cs-sniffer-interval", "50 millis"));
        sendUntilAsked(other);
    }

    @Test
    void aNodeIsAskedByTheNameThatItPublishes() throws Exception {
        final String port = other.address().substring(other.address().lastIndexOf(':'));
        tell(node("a", "127.0.0.1/", "http://192.0.2.1" + port, "data"));
        useService(Map.of("el-cs-sniff-cluster-nodes", "true", "el-cs-sniffer-interval", "50 millis", "el-cs-path-prefix", "/search/"));
        sendUntilAsked(other);
        assertTrue(other.requests().stream().allMatch(request -> request.line().contains(" /search/_")));
    }

    @Test
    void dedicatedMastersAreLeftOutOnDemand() throws Exception {
        tell(node("a", "", server.address(), "master") + "," + node("b", "", other.address(), "data\", \"master"));
        useService(Map.of("el-cs-sniff-cluster-nodes", "true", "el-cs-sniffer-interval", "50 millis",
                "el-cs-node-selector", "SKIP_DEDICATED_MASTERS"));
        sendUntilAsked(other);
        final long before = server.requests().stream().filter(request -> request.line().startsWith(BULK)).count();
        for (int i = 0; i < 6; i++) {
            enqueue("again " + i, "{\"a\":1}");
            runner.run();
        }
        assertEquals(before, server.requests().stream().filter(request -> request.line().startsWith(BULK)).count());
    }

    @Test
    void anAnswerThatNamesNoAddressLeavesTheKnownNodes() throws Exception {
        tell(node("a", "", "no address", "data"));
        useService(Map.of("el-cs-sniff-cluster-nodes", "true", "el-cs-sniffer-interval", "50 millis"));
        waitForSniffs(2);
        enqueue("1", "{\"a\":1}");
        runner.run();
        runner.assertTransferCount(Routing.REL_SUCCESSFUL, 1);
    }

    @Test
    void aFailureLeadsToAQuestion() throws Exception {
        tell(node("a", "", server.address(), "data"));
        useService(Map.of("el-cs-sniff-cluster-nodes", "true", "el-cs-sniffer-interval", "1 hour",
                "el-cs-sniff-failure", "true", "el-cs-sniffer-failure-delay", "1 milli"));
        waitForSniffs(1);
        sleep(200);
        server.behave(request -> request.line().startsWith(SNIFF) ? FaultyServer.http(200, nodes(node("a", "", other.address(), "data"))) : null);
        sendUntilAsked(other);
    }

    @Test
    void aQuestionThatFailsLeadsToNoFurtherOnes() throws Exception {
        server.behave(request -> FaultyServer.http(503, ""));
        final String hosts = server.address() + "," + server.address().replace("127.0.0.1", "localhost");
        useService(Map.of("el-cs-http-hosts", hosts, "el-cs-sniff-cluster-nodes", "true", "el-cs-sniffer-interval", "1 hour",
                "el-cs-sniff-failure", "true", "el-cs-sniffer-failure-delay", "1 milli"));
        waitForSniffs(1);
        sleep(200);
        for (int i = 0; i < 3; i++) {
            enqueue(String.valueOf(i), "{\"a\":1}");
            runner.run();
        }
        sleep(1_000);
        // The first; for each failed request one at once, and one after Sniffer Failure Delay.
        assertTrue(sniffs() <= 7, sniffs() + " questions");
    }

    private void tell(final String nodes) {
        server.behave(request -> request.line().contains("/_nodes/http")
                ? FaultyServer.http(200, nodes(nodes)) : FaultyServer.createdEach(request));
    }

    private static String nodes(final String nodes) {
        return "{\"_nodes\":{\"total\":1},\"cluster_name\":\"c\",\"nodes\":{" + nodes + ",\"z\":{\"version\":\"8.17.4\",\"roles\":[\"data\"]}}}";
    }

    private static String node(final String id, final String name, final String address, final String roles) {
        final String bound = address.substring(address.lastIndexOf('/') + 1);
        return "\"" + id + "\":{\"name\":\"" + id + "\",\"version\":\"8.17.4\",\"roles\":[\"" + roles
                + "\"],\"http\":{\"bound_address\":[\"[::1]:9200\",\"" + bound + "\"],\"publish_address\":\"" + name + bound + "\"}}";
    }

    /** Each try sends one document; the first ones may go before the answer to the sniffer is there. */
    private void sendUntilAsked(final FaultyServer target) {
        for (int i = 0; i < 500 && !isSentTo(target); i++) {
            enqueue(String.valueOf(i), "{\"a\":1}");
            runner.run();
        }
        assertTrue(isSentTo(target));
    }

    private static boolean isSentTo(final FaultyServer target) {
        return target.requests().stream().anyMatch(request -> request.line().startsWith("POST "));
    }

    private void waitForSniffs(final int count) {
        for (int i = 0; i < 500 && sniffs() < count; i++) {
            sleep(10);
        }
        assertTrue(sniffs() >= count);
    }

    private long sniffs() {
        return server.requests().stream().filter(request -> request.line().startsWith(SNIFF)).count();
    }
}
