"""Each rule finds what it is for, and leaves alone what is next to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from idemflow.audit.findings import Effect, Sure, Verdict
from idemflow.audit.rules import RULES
from tests.unit.audit.draft import Box, Draft, line, rules

ALL: Box = ("ExecuteSQLRecord", {"SQL Query": "SELECT * FROM people"})
LIST: Box = ("ListFile", {"Input Directory": "/in"})
FETCH: Box = ("FetchFile", {})
SPLIT: Box = ("SplitJson", {"JsonPath Expression": "$.*"})
KEY: Box = ("EvaluateJsonPath", {"Destination": "flowfile-attribute", "id": "$.id"})
GUARD: Box = ("RouteOnAttribute", {"blank": "${id:isEmpty()}"})
IDEMPOTENT, TWICE, LESS, NONE, UNKNOWN = (
    Verdict.IDEMPOTENT, Verdict.AT_LEAST_ONCE, Verdict.AT_MOST_ONCE, Verdict.NO_GUARANTEE,
    Verdict.UNKNOWN,
)  # fmt: skip


def put(**properties: str) -> Box:
    given = {key.replace("_", " "): value for key, value in properties.items()}
    return "PutElasticsearchJson", {"Index": "people", **given}


def attribute(**made: str) -> Box:
    return "UpdateAttribute", made


def script(body: str, engine: str = "python") -> Box:
    return "ExecuteScript", {"Script Engine": engine, "Script Body": body}


BY_ID = put(Identifier_Attribute="id")
BY_RECORD: Box = ("PutElasticsearchRecord", {"Index": "people", "ID Record Path": "/id"})
FILE: Box = ("PutFile", {"Directory": "/out", "Conflict Resolution Strategy": "replace"})
MERGE: Box = ("MergeContent", {"Merge Strategy": "Bin-Packing Algorithm"})


def balanced(**properties: str) -> Draft:
    flow = Draft()
    first, key, last = flow.box(*ALL), flow.box(*KEY), flow.box(*BY_ID)
    last["properties"].update(properties)
    flow.join(first, key, loadBalanceStrategy="ROUND_ROBIN")
    flow.join(key, last)
    return flow


def expiring(period: str) -> Draft:
    flow = Draft()
    first, last = flow.box(*ALL), flow.box(*BY_RECORD)
    flow.join(first, last, flowFileExpiration=period)
    return flow


def failing(kind: str, *way: str, **more: Any) -> Draft:
    """A sink whose failure goes on to other processors, and back to it at last."""
    flow = line(ALL, (kind, more))
    sink = flow.parts["processors"][-1]
    boxes = [flow.box(one) for one in way]
    before, name = sink, "failure"
    for box in [*boxes, sink]:
        flow.join(before, box, name)
        before, name = box, "retry" if box["type"].endswith("RetryFlowFile") else "success"
    return flow


def logged(*, kept: bool) -> Draft:
    flow = line(ALL, BY_RECORD)
    log = flow.box("LogAttribute", ends=["success"])
    flow.join(flow.parts["processors"][1], log, "failure")
    if kept:
        flow.join(log, flow.box(*FILE))
    return flow


def two_sinks(first: str, second: str, index: str = "people") -> Draft:
    flow = line(ALL, KEY)
    for one, name in ((first, "people"), (second, index)):
        sink = flow.box("PutElasticsearchJson", {
            "Index": name, "Identifier Attribute": "id", "Index Operation": one,
        })  # fmt: skip
        flow.join(flow.parts["processors"][1], sink)
    return flow


def ports(kind: str) -> Draft:
    flow = Draft()
    if kind == "INPUT_PORT":
        flow.join(flow.port(kind, "in"), flow.box(*BY_RECORD))
    else:
        flow.join(flow.box(*ALL), flow.port(kind, "out"))
    return flow


def alone() -> Draft:
    flow = line(ALL, BY_RECORD)
    flow.box("LogAttribute")
    return flow


# The rule, a flow that it is for, the verdict on that, and one next to it that it leaves alone.
CASES: list[tuple[str, Draft, Verdict, Draft]] = [
    ("elasticsearch-no-id", line(ALL, SPLIT, put()), TWICE, line(ALL, SPLIT, KEY, BY_ID)),
    ("elasticsearch-id-changes", line(ALL, SPLIT, attribute(id="${UUID()}"), BY_ID), TWICE,
     line(ALL, SPLIT, KEY, attribute(id="${id:UUID5('people')}"), BY_ID)),
    ("elasticsearch-id-absent", line(ALL, SPLIT, put(Identifier_Attribute="nowhere")), TWICE,
     line(ALL, SPLIT, KEY, BY_ID)),
    ("elasticsearch-id-may-be-missing", line(ALL, SPLIT, KEY, BY_ID), IDEMPOTENT,
     line(ALL, SPLIT, KEY, GUARD, BY_ID)),
    ("elasticsearch-id-unknown", line(ALL, SPLIT, ("MyProcessor", {}), BY_ID), UNKNOWN,
     line(ALL, SPLIT, ("MyProcessor", {}), attribute(id="x"), BY_ID)),
    ("elasticsearch-index-changes",
     line(ALL, SPLIT, KEY, put(Identifier_Attribute="id", Index="p-${now():format('yyyy')}")),
     TWICE, line(ALL, SPLIT, KEY, put(Identifier_Attribute="id", Index="p-2026"))),
    ("elasticsearch-index-unknown",
     line(ALL, SPLIT, KEY, put(Identifier_Attribute="id", Index="${where}")), UNKNOWN,
     line(ALL, SPLIT, KEY, attribute(where="x"), put(Identifier_Attribute="id",
                                                     Index="${where}"))),
    ("elasticsearch-mixed-operations", two_sinks("index", "create"), IDEMPOTENT,
     two_sinks("index", "create", "others")),
    ("elasticsearch-create",
     line(ALL, KEY, put(Identifier_Attribute="id", Index_Operation="create")), IDEMPOTENT,
     line(ALL, KEY, put(Identifier_Attribute="id", Index_Operation="index"))),
    ("elasticsearch-script",
     line(ALL, KEY, put(Identifier_Attribute="id", Index_Operation="upsert", Script="{}")), TWICE,
     line(ALL, KEY, put(Identifier_Attribute="id", Index_Operation="upsert"))),
    ("elasticsearch-operation-unknown",
     line(ALL, KEY, put(Identifier_Attribute="id", Index_Operation="${op}")), IDEMPOTENT,
     line(ALL, KEY, put(Identifier_Attribute="id", Index_Operation="delete"))),
    ("split-copies-id", line(ALL, KEY, SPLIT, BY_ID), LESS, line(ALL, SPLIT, KEY, BY_ID)),
    ("merge-loses-id", line(ALL, KEY, MERGE, BY_ID), TWICE,
     line(ALL, KEY, ("MergeContent", {"Correlation Attribute Name": "id"}), BY_ID)),
    ("id-constant", line(ALL, attribute(id="all"), BY_ID), IDEMPOTENT, line(ALL, KEY, BY_ID)),
    ("id-by-place",
     line(ALL, SPLIT, attribute(id="people-${fragment.index}"), BY_ID), IDEMPOTENT,
     line(ALL, SPLIT, KEY, BY_ID)),
    ("other-contents",
     line(ALL, ("UpdateRecord", {"/loaded": "${now()}"}), BY_RECORD), IDEMPOTENT,
     line(ALL, ("UpdateRecord", {"/loaded": "yes"}), BY_RECORD)),
    ("database-insert", line(ALL, ("PutDatabaseRecord", {"Statement Type": "INSERT"})), TWICE,
     line(ALL, ("PutDatabaseRecord", {"Statement Type": "UPSERT"}))),
    ("database-adds", line(ALL, ("PutSQL", {"SQL Statement": "UPDATE t SET n = n + 1"})), TWICE,
     line(ALL, ("PutSQL", {"SQL Statement": "UPDATE t SET n = 1 WHERE k = ?"}))),
    ("database-keys", line(ALL, ("PutDatabaseRecord", {"Statement Type": "UPSERT"})), IDEMPOTENT,
     line(ALL, ("PutDatabaseRecord", {"Statement Type": "INSERT"}))),
    ("database-key-changes",
     line(ALL, ("UpdateRecord", {"/k": "${UUID()}"}),
          ("PutDatabaseRecord", {"Statement Type": "UPSERT", "Update Keys": "a, k"})), TWICE,
     line(ALL, ("UpdateRecord", {"/k": "${UUID()}"}),
          ("PutDatabaseRecord", {"Statement Type": "UPSERT", "Update Keys": "a"}))),
    ("database-statement-unknown",
     line(ALL, ("PutDatabaseRecord", {"Statement Type": "Use Record Path"})), UNKNOWN,
     line(ALL, attribute(**{"statement.type": "upsert"}),
          ("PutDatabaseRecord", {"Statement Type": "Use statement.type Attribute"}))),
    ("mongo-insert", line(ALL, ("PutMongo", {"Mode": "insert"})), TWICE,
     line(ALL, ("PutMongo", {"Mode": "update", "Upsert": "true", "Update Query Key": "id"}))),
    ("key-generated",
     line(ALL, ("PutDynamoDBRecord", {"Partition Key Strategy": "Generated"})), TWICE,
     line(ALL, ("PutDynamoDBRecord", {"Partition Key Strategy": "ByField"}))),
    ("file-name-changes", line(ALL, FILE), TWICE, line(LIST, FETCH, FILE)),
    ("file-name-unknown", line(ALL, ("MyProcessor", {}), FILE), UNKNOWN,
     line(ALL, KEY, attribute(filename="${id}"), FILE)),
    ("file-appends",
     line(LIST, FETCH, ("PutHDFS", {"Conflict Resolution Strategy": "append"})), TWICE,
     line(LIST, FETCH, ("PutHDFS", {"Conflict Resolution Strategy": "replace"}))),
    ("file-refuses", line(LIST, FETCH, ("PutFile", {"Directory": "/out"})), IDEMPOTENT,
     line(LIST, FETCH, FILE)),
    ("message-sent-again", line(ALL, ("PublishJMS", {})), TWICE, line(ALL, BY_RECORD)),
    ("kafka-sent-again", line(ALL, ("PublishKafka", {})), TWICE,
     line(ALL, KEY, ("PublishKafka", {"Kafka Key": "${id}"}))),
    ("kafka-keyed", line(ALL, KEY, ("PublishKafka", {"Kafka Key": "${id}"})), TWICE,
     line(ALL, KEY, ("PublishKafka", {"Kafka Key": "${uuid}"}))),
    ("kafka-no-transactions", line(ALL, ("PublishKafka", {"Transactions Enabled": "false"})), TWICE,
     line(ALL, ("PublishKafka", {"Transactions Enabled": "true"}))),
    ("http-post", line(ALL, ("InvokeHTTP", {"HTTP Method": "POST"})), TWICE,
     line(ALL, ("InvokeHTTP", {"HTTP Method": "GET"}), BY_RECORD)),
    ("http-idempotency-key",
     line(ALL, KEY, ("InvokeHTTP", {"HTTP Method": "POST", "Idempotency-Key": "${id}"})),
     IDEMPOTENT,
     line(ALL, KEY, ("InvokeHTTP", {"HTTP Method": "POST", "Idempotency-Key": "${uuid}"}))),
    ("http-put", line(ALL, KEY, ("InvokeHTTP", {"HTTP Method": "PUT", "HTTP URL": "http://x/${id}"})),
     IDEMPOTENT, line(ALL, ("InvokeHTTP", {"HTTP Method": "POST"}))),
    ("http-address-changes",
     line(ALL, ("InvokeHTTP", {"HTTP Method": "PUT", "HTTP URL": "http://x/${UUID()}"})), TWICE,
     line(ALL, KEY, ("InvokeHTTP", {"HTTP Method": "PUT", "HTTP URL": "http://x/${id}"}))),
    ("http-method-unknown", line(ALL, ("InvokeHTTP", {"HTTP Method": "${method}"})), UNKNOWN,
     line(ALL, ("InvokeHTTP", {"HTTP Method": "POST"}))),
    ("failure-terminated", line(ALL, BY_RECORD, ends=["failure"]), LESS,
     line(ALL, BY_RECORD, ends=["successful", "original"])),
    ("retry-terminated", line(ALL, BY_RECORD, ends=["retry"]), LESS, line(ALL, BY_RECORD)),
    ("failure-only-logged", logged(kept=False), LESS, logged(kept=True)),
    ("failure-loop-without-pause", failing("PutMongoRecord"), TWICE,
     failing("PutMongoRecord", "RetryFlowFile")),
    ("retry-doubles", failing("PublishJMS"), TWICE, failing("PutDatabaseRecord")),
    ("source-state", line(LIST, FETCH, FILE), IDEMPOTENT,
     line(("ListFile", {"Listing Strategy": "none"}), FETCH, FILE)),
    ("source-takes", line(("GetFile", {}), FILE), IDEMPOTENT,
     line(("GetFile", {"Keep Source File": "true"}), FILE)),
    ("source-sent", line(("ListenHTTP", {}), BY_RECORD), IDEMPOTENT, line(ALL, BY_RECORD)),
    ("source-late-rows", line(("QueryDatabaseTable", {"Maximum-value Columns": "at"}), BY_RECORD),
     IDEMPOTENT, line(("QueryDatabaseTable", {}), BY_RECORD)),
    ("cache-remembers", line(ALL, SPLIT, ("DetectDuplicate", {}), put()), TWICE,
     line(ALL, SPLIT, ("DeduplicateRecord", {}), put())),
    ("queue-expires", expiring("5 min"), LESS, expiring("0 sec")),
    ("queue-mixes-order", balanced(), IDEMPOTENT, balanced(**{"BULK:version": "${at}"})),
    ("distributed", line(ALL, ("DistributeLoad", {}), BY_RECORD), IDEMPOTENT,
     line(ALL, ("ControlRate", {}), BY_RECORD)),
    ("unknown-processor", line(ALL, ("MyProcessor", {}), BY_RECORD), UNKNOWN, line(ALL, BY_RECORD)),
    ("script-not-read", line(ALL, script("x", "Groovy"), BY_RECORD), UNKNOWN,
     line(ALL, script("x = 1"), BY_RECORD)),
    ("script-chance", line(ALL, script("import uuid\nx = uuid.uuid4()"), BY_RECORD), UNKNOWN,
     line(ALL, script("import random\nrandom.seed(1)\nx = random.random()"), BY_RECORD)),
    ("script-read", line(ALL, script("x = 1"), BY_RECORD), IDEMPOTENT, line(ALL, BY_RECORD)),
    ("unknown-sink", line(ALL, ("PutBigQuery", {})), UNKNOWN, line(ALL, BY_RECORD)),
    ("from-outside", ports("INPUT_PORT"), UNKNOWN, line(ALL, BY_RECORD)),
    ("to-outside", ports("OUTPUT_PORT"), UNKNOWN, line(ALL, BY_RECORD)),
    ("disabled", line(ALL, BY_RECORD, scheduledState="DISABLED"), UNKNOWN, line(ALL, BY_RECORD)),
    ("unreached", alone(), IDEMPOTENT, line(ALL, BY_RECORD)),
]  # fmt: skip


def test_each_rule_has_a_case() -> None:
    assert [name for name, *_ in CASES] == list(RULES)


@pytest.mark.parametrize(
    ("rule", "flow", "verdict", "beside"), CASES, ids=[name for name, *_ in CASES]
)
def test_a_rule_finds_what_it_is_for(
    rule: str, flow: Draft, verdict: Verdict, beside: Draft
) -> None:
    report = flow.audit()
    assert rule in rules(report)
    assert report.verdict is verdict
    for one in report.findings:
        assert one.what
        assert one.why
        assert one.mend
        assert one.where.name
    assert rule not in rules(beside.audit())


def sure(flow: Draft, rule: str) -> Sure:
    return next(one.sure for one in flow.audit().findings if one.rule == rule)


@pytest.mark.parametrize(
    ("source", "expected"),
    [(ALL, Sure.CERTAIN), (("ListFile", {"Listing Strategy": "none"}), Sure.CERTAIN),
     (LIST, Sure.LIKELY), (("ConsumeKafka", {}), Sure.LIKELY)],
)  # fmt: skip
def test_how_sure_it_is_depends_on_what_the_source_gives_again(source: Box, expected: Sure) -> None:
    assert sure(line(source, put()), "elasticsearch-no-id") is expected


def test_what_a_cache_drops_is_not_certain_to_double() -> None:
    flow = line(ALL, SPLIT, ("DetectDuplicate", {}), put())
    assert sure(flow, "elasticsearch-no-id") is Sure.DEPENDS


@pytest.mark.parametrize(
    ("query", "found", "verdict"),
    [
        ("SELECT id, now() AS loaded FROM t", "other-contents", IDEMPOTENT),
        ("SELECT gen_random_uuid() AS id, name FROM t", "elasticsearch-id-unknown", UNKNOWN),
        ("SELECT id, name FROM t WHERE at > now() - interval '1 day'",
         "elasticsearch-id-may-be-missing", IDEMPOTENT),
    ],
)  # fmt: skip
def test_what_a_query_takes_from_chance(query: str, found: str, verdict: Verdict) -> None:
    for kind, name in (("ExecuteSQLRecord", "SQL Query"), ("QueryRecord", "rows")):
        boxes = (
            [(kind, {name: query})] if kind == "ExecuteSQLRecord" else [ALL, (kind, {name: query})]
        )
        report = line(*boxes, BY_RECORD).audit()
        assert found in rules(report)
        assert report.verdict is verdict


def test_an_update_without_an_id_is_refused() -> None:
    report = line(ALL, put(Index_Operation="upsert")).audit()
    assert rules(report) == {"elasticsearch-id-unknown"}


def chance(expression: str) -> Callable[[], Draft]:
    return lambda: line(ALL, SPLIT, attribute(id=expression), BY_ID)


@pytest.mark.parametrize(
    "expression",
    ["${UUID()}", "${now()}", "${nextInt()}", "${random()}", "${uuid}", "${entryDate}",
     "${filename}", "${lineageStartDate}", "${fragment.identifier}",
     "person-${filename}-${fragment.index}",
     "${id:append(${now():toNumber()})}", "${getStateValue('n')}"],
)  # fmt: skip
def test_ids_that_a_rerun_changes(expression: str) -> None:
    report = chance(expression)().audit()
    assert "elasticsearch-id-changes" in rules(report)
    assert report.verdict is Verdict.AT_LEAST_ONCE


def test_the_filename_of_a_listed_file_stays() -> None:
    by_name = line(LIST, FETCH, put(Identifier_Attribute="filename")).audit()
    assert by_name.verdict is Verdict.IDEMPOTENT


def test_the_hash_of_the_content_is_an_id() -> None:
    hashed: Box = ("CryptographicHashContent", {"Hash Algorithm": "SHA-256"})
    fine = line(ALL, SPLIT, hashed, put(Identifier_Attribute="content_SHA-256")).audit()
    assert (fine.verdict, fine.paths[0].sure) == (Verdict.IDEMPOTENT, Sure.CERTAIN)
    stamped: Box = ("ReplaceText", {"Replacement Value": "$1 ${now()}"})
    worse = line(ALL, SPLIT, stamped, hashed, put(Identifier_Attribute="content_SHA-256")).audit()
    assert "elasticsearch-id-changes" in rules(worse)


def test_every_finding_that_counts_has_paths() -> None:
    for name, flow, _, _ in CASES:
        for one in flow.audit().findings:
            if one.effect is not Effect.NOTE:
                assert one.paths, name
