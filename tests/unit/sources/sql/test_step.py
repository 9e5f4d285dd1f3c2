"""The steps around a read of rows: where it starts, what it brought, how far it came."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from idemflow.sources.sql import step
from tests.unit.steps.fakes import Context

pytestmark = pytest.mark.usefixtures("nifi_scope")


@dataclass
class FlowFile:
    attributes: dict[str, str] = field(default_factory=dict)
    content: bytes = b""

    def getAttribute(self, name: str) -> str | None:  # noqa: N802
        return self.attributes.get(name)


class Stream(io.BytesIO):
    def __init__(self, flow_file: FlowFile) -> None:
        super().__init__(flow_file.content)
        self._flow_file = flow_file

    def readNBytes(self, most: int) -> bytes:  # noqa: N802
        return self.read(most)

    def close(self) -> None:
        if not self.closed:
            self._flow_file.content = self.getvalue()
        super().close()


@dataclass
class Session:
    """What the steps use of NiFi's ProcessSession."""

    queue: list[FlowFile]
    state: dict[str, str] = field(default_factory=dict)
    sent: dict[str, list[FlowFile]] = field(default_factory=dict)
    removed: list[FlowFile] = field(default_factory=list)

    def get(self) -> FlowFile | None:
        return self.queue.pop(0) if self.queue else None

    def create(self, parent: FlowFile) -> FlowFile:
        return FlowFile(dict(parent.attributes))

    def read(self, flow_file: FlowFile) -> Stream:
        return Stream(flow_file)

    def write(self, flow_file: FlowFile) -> Stream:
        flow_file.content = b""
        return Stream(flow_file)

    def putAttribute(self, flow_file: FlowFile, name: str, value: str) -> FlowFile:  # noqa: N802
        flow_file.attributes[name] = value
        return flow_file

    def putAllAttributes(self, flow_file: FlowFile, more: dict[str, str]) -> FlowFile:  # noqa: N802
        flow_file.attributes |= more
        return flow_file

    def removeAttribute(self, flow_file: FlowFile, name: str) -> FlowFile:  # noqa: N802
        flow_file.attributes.pop(name, None)
        return flow_file

    def transfer(self, flow_file: FlowFile, relationship: str) -> None:
        self.sent.setdefault(relationship, []).append(flow_file)

    def remove(self, flow_file: FlowFile) -> None:
        self.removed.append(flow_file)

    def getState(self, scope: str) -> Session:  # noqa: N802
        assert scope == "cluster"
        return self

    def toMap(self) -> dict[str, str]:  # noqa: N802
        return self.state

    def setState(self, state: dict[str, str], scope: str) -> None:  # noqa: N802
        assert scope == "cluster"
        self.state = state


def planned(state: dict[str, str], kind: str = "timestamp", overlap: float = 300) -> dict[str, str]:
    session = Session([FlowFile({"idemflow.run": "r"})], state)
    context = Context(condition="WHERE c >= ?", kind=kind, overlap=str(overlap))
    step.plan_read(session, context, "next")
    (flow_file,) = session.sent["next"]
    return flow_file.attributes


def test_the_first_read_has_no_condition() -> None:
    attributes = planned({})
    assert attributes["idemflow.condition"] == ""
    assert "sql.args.1.value" not in attributes


@pytest.mark.parametrize(
    ("until", "value"),
    [
        ("2026-01-02T03:04:05.123999Z", "2026-01-02T02:59:05.123999Z"),
        ("2026-01-02T03:04:05.123999+01:00", "2026-01-02T01:59:05.123999Z"),
        ("2026-01-02T03:04:05", "2026-01-02T02:59:05.000000Z"),
        ("0001-01-01T00:00:01Z", "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_a_read_goes_back_by_the_overlap(until: str, value: str) -> None:
    attributes = planned({"until": until})
    assert attributes["sql.args.1.value"] == value
    assert attributes["sql.args.1.type"] == "93"
    assert attributes["idemflow.condition"] == "WHERE c >= ?"


def test_an_integer_column_goes_back_by_a_number() -> None:
    attributes = planned({"until": "9007199254740993"}, "integer", 3)
    assert attributes["sql.args.1.value"] == "9007199254740990"
    assert attributes["sql.args.1.type"] == "-5"


@pytest.mark.parametrize(
    ("known", "until", "kept"),
    [
        (None, "2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z"),
        ("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
        # Later, though its text sorts before.
        ("2026-01-02T00:00:00+02:00", "2026-01-01T23:00:00Z", "2026-01-01T23:00:00Z"),
    ],
)
def test_what_was_read_only_moves_on(known: str | None, until: str, kept: str) -> None:
    state = {"until": known} if known else {}
    session = Session([FlowFile({"idemflow.until": until, "idemflow.run": "r"})], state)
    step.plan_read(session, Context(condition="", kind="timestamp", overlap="0"), "next")
    assert session.state["until"] == kept
    assert len(session.removed) == 1
    assert not session.sent


def rows(content: str, column: str = "at", kind: str = "timestamp", **more: str) -> Session:
    attributes = {
        "idemflow.run": "r1",
        "idemflow.started": "2026-06-01T00:00:00.000Z",
        "idemflow.arguments": "{}",
        "executesql.row.count": str(len(content.splitlines())),
    } | more
    session = Session([FlowFile(attributes, content.encode())])
    context = Context(origin="t", rows="1000", column=column, kind=kind)
    step.collect(session, context, "out", "back", pipeline="p")
    return session


def until(session: Session) -> list[str]:
    return [item.attributes["idemflow.until"] for item in session.sent.get("back", [])]


def test_rows_are_numbered_over_all_parts_of_a_read() -> None:
    part = {"fragment.index": "2", "fragment.count": "4"}
    session = rows('{"at":null}\n{"at":null}', **part)
    (records,) = session.sent["out"]
    assert records.attributes["idemflow.positions"] == "2001-2002"
    assert records.attributes["idemflow.source"] == "t"


def test_the_last_part_brings_the_summary() -> None:
    part: dict[str, str] = {"fragment.index": "3", "fragment.count": "4"}
    summary, records = rows('{"at":null}', **part).sent["out"]
    assert summary.attributes["idemflow.kind"] == "run"
    assert json.loads(summary.content)["records"] == 3001
    assert records.attributes["idemflow.positions"] == "3001-3001"


def test_no_rows_make_a_run_of_nothing() -> None:
    session = rows("", **{"fragment.index": "0", "fragment.count": "1"})
    (summary,) = session.sent["out"]
    assert json.loads(summary.content)["records"] == 0
    assert len(session.removed) == 1


def test_the_highest_value_is_sent_back() -> None:
    content = '{"at":"2026-01-01T00:00:00Z"}\n{"at":"2026-01-02T00:00:00Z"}\n{"at":null}'
    assert until(rows(content)) == ["2026-01-02T00:00:00Z"]


def test_a_time_in_the_future_counts_as_now() -> None:
    content = '{"at":"9999-01-01T00:00:00Z"}'
    assert until(rows(content)) == ["2026-06-01T00:00:00.000Z"]


def test_a_field_name_inside_a_text_is_no_field() -> None:
    record: dict[str, Any] = {
        "note": 'say "at":"2030-01-01T00:00:00Z" twice',
        "at": "2026-01-01T00:00:00Z",
    }
    assert until(rows(json.dumps(record))) == ["2026-01-01T00:00:00Z"]


def test_integers() -> None:
    assert until(rows('{"at":5}\n{"at":-7}\n{"at":12}', kind="integer")) == ["12"]


@pytest.mark.parametrize(
    ("odd", "kind", "good"),
    [
        ('"+292278994-08-17T07:12:55.807Z"', "timestamp", '"2026-01-02T00:00:00Z"'),
        ('"infinity"', "timestamp", '"2026-01-02T00:00:00Z"'),
        ("9" * 5000, "integer", "12"),
    ],
)
def test_a_value_that_is_none_does_not_count(odd: str, kind: str, good: str) -> None:
    assert until(rows(f'{{"at":{odd}}}\n{{"at":{good}}}', kind=kind)) == [good.strip('"')]
    assert until(rows(f'{{"at":{odd}}}', kind=kind)) == []


def test_only_nulls_move_nothing() -> None:
    assert until(rows('{"at":null}')) == []


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="no column 'changed'"):
        rows('{"at":1}', column="changed")


def test_a_full_read_sends_nothing_back() -> None:
    assert until(rows('{"at":"2026-01-01T00:00:00Z"}', column="")) == []


def test_the_steps_read_their_properties() -> None:
    session = Session([FlowFile()], {"until": "40"})
    known = {"condition": "WHERE n >= ?", "kind": "integer", "overlap": "5.0"}
    step.plan_read(session, Context(**known), "next")
    (planned,) = session.sent["next"]
    assert planned.attributes["sql.args.1.value"] == "35"

    session = Session([FlowFile({"executesql.row.count": "1", "fragment.index": "2"}, b'{"n":7}')])
    known = {"rows": "10", "origin": "table", "column": "n", "kind": "integer"}
    step.collect(session, Context(**known), "out", "back", pipeline="p")
    assert session.sent["out"][0].attributes["idemflow.positions"] == "21-21"
    assert until(session) == ["7"]

    session = Session([FlowFile({"executesql.row.count": "1"}, b'{"n":7}')])
    step.collect(session, Context(rows="10", origin="query"), "out", "back", pipeline="p")
    assert until(session) == []


OF_ORDERS = {
    "database": "shop", "address": "jdbc:x", "table": "orders", "column": "n", "index": "i",
}  # fmt: skip


class Plan:
    """The planning step over several runs."""

    def __init__(self, state: dict[str, str] | None = None) -> None:
        self.state = state or {}
        self.said: list[str] = []

    def warn(self, text: str) -> None:
        self.said.append(text)

    def __call__(
        self, read: dict[str, str], kind: str = "integer", queued: dict[str, str] | None = None
    ) -> dict[str, str]:
        """Plan a run, or take a position back; the attributes of what goes on to the read."""
        session = Session([FlowFile({"idemflow.run": "r", **(queued or {})})], self.state)
        context = Context(condition="WHERE n >= ?", kind=kind, overlap="0", **read)
        step.plan_read(session, context, "next", self)
        self.state = session.state
        return session.sent["next"][0].attributes if "next" in session.sent else {}

    def ended(self, read: dict[str, str], until: str, now: dict[str, str] | None = None) -> None:
        """Take a position back of what was read, while ``now`` is what is read by now."""
        of = json.dumps({**read, "type": "integer"})
        self(now or read, queued={"idemflow.until": until, "idemflow.read": of})


def test_a_position_belongs_to_what_was_read() -> None:
    plan = Plan()
    plan(OF_ORDERS)
    plan.ended(OF_ORDERS, "40")
    assert plan.state == {**OF_ORDERS, "type": "integer", "until": "40", "run": "r"}
    assert plan(OF_ORDERS)["sql.args.1.value"] == "40"
    assert plan.said == []

    of_goods = OF_ORDERS | {"table": "goods"}
    attributes = plan(of_goods)
    assert (attributes["idemflow.condition"], "sql.args.1.value" in attributes) == ("", False)
    assert plan.said == ["the reading starts anew: the table changed from orders to goods"]
    assert "until" not in plan.state
    # Rows of the old table that were still on their way say nothing of the new one.
    plan.ended(OF_ORDERS, "41", now=of_goods)
    assert "until" not in plan.state
    plan.ended(of_goods, "3")
    assert plan(of_goods)["sql.args.1.value"] == "3"
    assert plan.state["anew"] == "since the run r: the table changed from orders to goods"


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        ({"database": "other"}, "integer", "the database changed from shop to other"),
        ({"address": "jdbc:y"}, "integer", "the address changed from jdbc:x to jdbc:y"),
        ({"column": "m"}, "integer", "the column changed from n to m"),
        ({"index": "j"}, "integer", "the index changed from i to j"),
        ({}, "timestamp", "the type changed from integer to timestamp"),
    ],
)
def test_every_change_starts_anew(change: dict[str, str], kind: str, said: str) -> None:
    plan = Plan({**OF_ORDERS, "type": "integer", "until": "40", "run": "q"})
    assert plan(OF_ORDERS | change, kind)["idemflow.condition"] == ""
    assert plan.said == [f"the reading starts anew: {said}"]


def test_a_query_is_known_by_its_hash() -> None:
    of_query = {name: value for name, value in OF_ORDERS.items() if name != "table"}
    plan = Plan({**OF_ORDERS, "type": "integer", "until": "40", "run": "q"})
    plan(of_query | {"query": "1f"})
    plan(of_query | {"query": "2f"})
    plan(OF_ORDERS)
    assert [text.partition(": ")[2] for text in plan.said] == [
        "orders was read, now it is a query", "the query changed",
        "a query was read, now it is orders",
    ]  # fmt: skip


def test_a_position_of_an_earlier_idemflow_is_kept() -> None:
    plan = Plan({"until": "40", "run": "q"})
    assert plan(OF_ORDERS)["sql.args.1.value"] == "40"
    assert plan.state["table"] == "orders"
    assert plan.said == []
    # Unless it cannot be one of this column.
    plan = Plan({"until": "2026-01-02T00:00:00Z", "run": "q"})
    assert plan(OF_ORDERS)["idemflow.condition"] == ""
    assert plan.said == ["the reading starts anew: '2026-01-02T00:00:00Z' is no integer"]


def test_a_read_that_failed_is_planned_by_what_is_read_now() -> None:
    plan = Plan()
    queued = {
        "idemflow.condition": "WHERE old >= ?", "sql.args.1.type": "93", "sql.args.1.value": "x",
        "sql.args.1.format": "y",
    }  # fmt: skip
    attributes = plan(OF_ORDERS, queued=queued)
    assert attributes["idemflow.condition"] == ""
    assert not [name for name in attributes if name.startswith("sql.args")]


def test_the_column_is_the_one_that_the_read_was_planned_by() -> None:
    of = json.dumps({"column": "n", "type": "integer"})
    assert until(rows('{"n":5}', column="gone", **{"idemflow.read": of})) == ["5"]
