"""Ten flows that were written to be hard, and a few words on what is said of each."""

from __future__ import annotations

import pytest

from idemflow.audit.findings import Finding, Sure, Verdict
from idemflow.audit.report import Judged, Report
from tests.unit.audit.draft import Draft, line, rules

KEY = {"Destination": "flowfile-attribute", "id": "$.id"}
BY_ID = {"Index": "people", "Identifier Attribute": "id"}


def only(report: Report, rule: str) -> Finding:
    (found,) = [one for one in report.findings if one.rule == rule]
    return found


def path(report: Report, source: str, sink: str) -> Judged:
    (found,) = [
        one for one in report.paths
        if (one.path.source.name, one.path.sink.name) == (source, sink)
    ]  # fmt: skip
    return found


def test_1_a_failure_that_comes_back_with_a_new_id() -> None:
    """The first way to the sink is right; the way back from its failure makes an id of chance."""
    flow = Draft()
    read, key = flow.box("ExecuteSQL"), flow.box("EvaluateJsonPath", KEY, ends=["x"])
    put = flow.box("PutElasticsearchJson", BY_ID)
    again = flow.box("UpdateAttribute", {"id": "${UUID()}"}, name="Mark the retry")
    flow.chain(read, key, put)
    flow.join(put, again, "failure", "retry")
    flow.join(again, put)
    report = flow.audit()
    found = only(report, "elasticsearch-id-changes")
    assert "${UUID()}" in found.why
    assert found.sure is Sure.LIKELY  # only what has failed
    assert report.verdict is Verdict.AT_LEAST_ONCE


def test_2_nested_groups_ports_and_funnels() -> None:
    """The id is made two groups away from the sink, by way of ports and a funnel."""
    flow = Draft("outer")
    read, outer_port = flow.group("Read"), flow.group("Write")
    source = read.box("ListFile", {"Listing Strategy": "none"}, name="List")
    out = read.port("OUTPUT_PORT", "files")
    read.join(source, out)
    inner = outer_port.group("Deep")
    arrive, enter = outer_port.port("INPUT_PORT", "files"), inner.port("INPUT_PORT", "files")
    funnel = flow.funnel()
    flow.join(out, funnel)
    flow.join(funnel, arrive)
    outer_port.join(arrive, enter)
    name = inner.box("UpdateAttribute", {"filename": "${filename}-${now():toNumber()}"})
    put = inner.box("PutFile", {"Directory": "/out", "Conflict Resolution Strategy": "replace"})
    inner.chain(enter, name, put)
    report = flow.audit()
    (judged,) = report.paths
    assert [node.name for node in judged.path.way] == [
        "List", "files", "funnel", "files", "files", "UpdateAttribute", "PutFile",
    ]  # fmt: skip
    found = only(report, "file-name-changes")
    assert found.where.place == "outer / Write / Deep / PutFile"
    assert found.sure is Sure.CERTAIN


def test_3_an_id_made_and_then_lost_in_a_merge_and_made_again_after_it() -> None:
    made = line(
        ("ExecuteSQL", {}), ("SplitJson", {}), ("EvaluateJsonPath", KEY), ("MergeContent", {}),
        ("PutElasticsearchJson", BY_ID),
    )  # fmt: skip
    lost = only(made.audit(), "merge-loses-id")
    assert (lost.where.name, lost.sure) == ("MergeContent", Sure.CERTAIN)
    again = line(
        ("ExecuteSQL", {}), ("SplitJson", {}), ("MergeContent", {}), ("SplitJson", {}),
        ("EvaluateJsonPath", KEY), ("RouteOnAttribute", {"none": "${id:isEmpty()}"}),
        ("PutElasticsearchJson", BY_ID),
    ).audit()  # fmt: skip
    never = line(("ExecuteSQL", {}), ("MergeContent", {}), ("PutElasticsearchJson", BY_ID)).audit()
    assert "elasticsearch-id-absent" in rules(never)
    assert "merge-loses-id" not in rules(never)
    assert (again.verdict, again.paths[0].sure) == (Verdict.IDEMPOTENT, Sure.CERTAIN)


def test_4_a_hash_of_merged_content_depends_on_what_came_together() -> None:
    hashed = ("CryptographicHashContent", {"Hash Algorithm": "SHA-512"})
    sink = ("PutS3Object", {"Bucket": "b", "Object Key": "${'content_SHA-512'}"})
    packed = line(("ExecuteSQL", {}), ("SplitJson", {}), ("MergeContent", {}), hashed, sink).audit()
    assert "a matter of time" in only(packed, "file-name-changes").why
    whole = line(
        ("ExecuteSQL", {}), ("SplitJson", {}), ("MergeContent", {"Merge Strategy": "Defragment"}),
        hashed, sink,
    ).audit()  # fmt: skip
    assert whole.verdict is Verdict.IDEMPOTENT


def test_5_one_branch_of_a_route_is_wrong() -> None:
    """RouteOnAttribute makes relationships of its properties; each leads to a path of its own."""
    flow = Draft()
    read, key = flow.box("ExecuteSQL"), flow.box("EvaluateJsonPath", KEY)
    route = flow.box("RouteOnAttribute", {"eu": "${id:startsWith('eu')}"}, ends=["unmatched"])
    eu = flow.box("PutElasticsearchJson", BY_ID, name="EU")
    flow.chain(read, key, route)
    flow.join(route, eu, "eu")
    chance = flow.box("UpdateAttribute", {"id": "${nextInt()}"})
    others = flow.box("PutElasticsearchJson", {"Index": "x", "Identifier Attribute": "id"},
                      name="Others")  # fmt: skip
    flow.join(route, chance, "unmatched")
    flow.join(chance, others)
    report = flow.audit()
    assert path(report, "ExecuteSQL", "EU").verdict is Verdict.IDEMPOTENT
    assert path(report, "ExecuteSQL", "Others").verdict is Verdict.AT_LEAST_ONCE


def test_6_parameters_hide_the_statement_and_the_id() -> None:
    flow = Draft(parameters={"statement": "INSERT", "id": "${UUID()}", "secret": None})
    read = flow.box("ExecuteSQL")
    rows = flow.box("PutDatabaseRecord", {"Statement Type": "#{statement}"}, name="Rows")
    hidden = flow.box("PutDatabaseRecord", {"Statement Type": "#{secret}"}, name="Hidden")
    made = flow.box("UpdateAttribute", {"id": "#{id}"})
    put = flow.box("PutElasticsearchJson", BY_ID, name="Put")
    flow.join(read, rows)
    flow.join(read, hidden)
    flow.chain(read, made, put)
    report = flow.audit()
    assert only(report, "database-insert").where.name == "Rows"
    assert only(report, "database-statement-unknown").where.name == "Hidden"
    assert "${UUID()}" in only(report, "elasticsearch-id-changes").why


def test_7_losses_in_disguise() -> None:
    """Terminated retry, a queue that expires, a failure that is only logged."""
    flow = Draft()
    read, key = flow.box("ExecuteSQL"), flow.box("EvaluateJsonPath", KEY, ends=["unmatched"])
    guard = flow.box("RouteOnAttribute", {"none": "${id:isEmpty()}"}, ends=["none"])
    put = flow.box("PutElasticsearchJson", BY_ID, ends=["retry", "original", "successful"])
    log = flow.box("LogAttribute", ends=["success"])
    flow.chain(read, key, guard)
    flow.join(guard, put, "unmatched", flowFileExpiration="2 hours")
    flow.join(put, log, "errors", "failure")
    report = flow.audit()
    assert {"retry-terminated", "queue-expires", "failure-only-logged", "failure-terminated"} <= (
        rules(report)
    )
    assert only(report, "queue-expires").where.name == (
        "RouteOnAttribute → PutElasticsearchJson (unmatched)"
    )
    assert only(report, "failure-terminated").where.name == "EvaluateJsonPath"
    assert (report.verdict, report.paths[0].sure) == (Verdict.AT_MOST_ONCE, Sure.LIKELY)


def test_8_doubling_and_losing_is_no_guarantee() -> None:
    flow = line(("ExecuteSQL", {}), ("PublishKafka", {"Transactions Enabled": "false"}),
                ends=["failure"], retriedRelationships=["failure"])  # fmt: skip
    report = flow.audit()
    assert {"kafka-sent-again", "kafka-no-transactions", "retry-doubles", "failure-terminated"} <= (
        rules(report)
    )
    assert "after NiFi's own retries" in only(report, "failure-terminated").why
    assert report.verdict is Verdict.NO_GUARANTEE


def test_9_create_and_index_on_one_index_behind_a_balanced_queue() -> None:
    flow = Draft()
    read, key = flow.box("ExecuteSQL"), flow.box("EvaluateJsonPath", KEY)
    flow.join(read, key, loadBalanceStrategy="ROUND_ROBIN")
    first = flow.box("PutElasticsearchJson", BY_ID | {"Index Operation": "create"}, name="First")
    then = flow.box("PutElasticsearchJson", BY_ID | {"Index Operation": "index"}, name="Then")
    flow.join(key, first)
    flow.join(key, then)
    report = flow.audit()
    assert only(report, "elasticsearch-mixed-operations").where.name == "First"
    mixed = only(report, "queue-mixes-order")
    assert [sink.rpartition("/")[0] for _, sink in mixed.paths] == ["/Then"]
    ordered = Draft()
    read, order = ordered.box("ExecuteSQL"), ordered.box("EnforceOrder")
    put = ordered.box("PutElasticsearchRecord", {"Index": "x", "ID Record Path": "/id"})
    ordered.join(read, order, loadBalanceStrategy="ROUND_ROBIN")
    ordered.join(order, put)
    assert "queue-mixes-order" not in rules(ordered.audit())


def test_10_what_does_not_run_and_what_nobody_knows() -> None:
    """A disabled way around an unknown processor; a loop that nothing leads into."""
    flow = Draft()
    read = flow.box("ExecuteSQL")
    off = flow.box("EvaluateJsonPath", KEY, name="Off", scheduledState="DISABLED")
    own = flow.box("com.example.Enrich", name="Enrich")
    put = flow.box("PutElasticsearchRecord", {"Index": "x", "ID Record Path": "/id"})
    flow.chain(read, off, put)
    flow.chain(read, own, put)
    lost, round_ = flow.box("LogAttribute", name="Lost"), flow.box("LogMessage", name="Round")
    flow.chain(lost, round_, lost)
    report = flow.audit()
    assert only(report, "disabled").where.name == "Off"
    assert only(report, "unknown-processor").why == "its type is Enrich"
    assert {one.where.name for one in report.findings if one.rule == "unreached"} == {
        "Lost", "Round",
    }  # fmt: skip
    assert [node.name for node in report.paths[0].path.way][1] == "Enrich"
    assert report.verdict is Verdict.UNKNOWN


def test_a_flow_whose_only_way_is_off_is_unknown() -> None:
    flow = line(("ExecuteSQL", {}), ("EvaluateJsonPath", KEY), ("PutElasticsearchJson", BY_ID))
    flow.parts["processors"][1]["scheduledState"] = "DISABLED"
    report = flow.audit()
    assert report.paths == ()
    assert report.verdict is Verdict.UNKNOWN


def test_what_updates_attributes_by_advanced_rules_is_unknown() -> None:
    flow = line(("ExecuteSQL", {}), ("EvaluateJsonPath", KEY), ("UpdateAttribute", {}),
                ("PutElasticsearchJson", BY_ID))  # fmt: skip
    flow.parts["processors"][2]["annotationData"] = "<criteria/>"
    assert "Advanced view" in only(flow.audit(), "elasticsearch-id-unknown").why


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("INSERT INTO t VALUES (1)", "database-insert"),
        ("INSERT INTO t VALUES (1) ON CONFLICT (k) DO UPDATE SET v = 1", "database-keys"),
        ("MERGE INTO t USING s ON (t.k = s.k) WHEN MATCHED THEN UPDATE SET v = 1", "database-keys"),
        ("UPDATE t SET n = n + ${amount} WHERE k = 1", "database-adds"),
        ("DELETE FROM t WHERE k = 1", "database-keys"),
        ("CALL do_it()", "database-statement-unknown"),
    ],
)
def test_statements_as_the_content(statement: str, rule: str) -> None:
    flow = line(("ExecuteSQL", {}), ("ReplaceText", {"Replacement Value": statement}),
                ("PutSQL", {}))  # fmt: skip
    assert rules(flow.audit()) == {rule}
