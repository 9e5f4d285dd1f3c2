"""Collect: what becomes of what a generator gives, and the FlowFiles that hold it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from idemflow.sources.script.step import collect
from idemflow.steps import chunks
from idemflow.steps.chunks import Chunks
from idemflow.steps.records import NoRecord, from_line, to_line
from tests.unit.steps.fakes import SUCCESS, Session

TRIGGER = {"idemflow.run": "r1", "idemflow.started": "now", "idemflow.arguments": '{"n": 3}'}


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ({"id": 1, "name": "ü"}, '{"id":1,"name":"ü"}'),
        ({"at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)}, '{"at":"2026-01-02T03:04:05+00:00"}'),
        ({"day": date(2026, 1, 2)}, '{"day":"2026-01-02"}'),
        ({"u": UUID(int=1)}, '{"u":"00000000-0000-0000-0000-000000000001"}'),
        ({"text": "a\nb"}, '{"text":"a\\nb"}'),
    ],
)
def test_a_record_keeps_its_fields_in_order(record: object, text: str) -> None:
    assert to_line(record) == text


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ([1, 2], "is a list, not a dict"),
        (None, "is a NoneType, not a dict"),
        ("text", "is a str, not a dict"),
        ({"a": {1j}}, "has an item that is a complex, which has no JSON form"),
        ({"a": float("nan")}, "the field 'a' is nan, which is no number of JSON"),
        ({(1, 2): 3}, "has a field whose name is a tuple, which is to be a text"),
        ({"a": {"b": [1, {(1, 2): 3}]}}, r"the field 'a\.b\[1\]' has a field whose name is a"),
        ({"a": "\ud800"}, "the field 'a' has a lone surrogate"),
        ({"\ud800": 1}, "has a lone surrogate"),
    ],
)
def test_what_is_no_record_gets_a_reason(record: object, reason: str) -> None:
    with pytest.raises(NoRecord, match=reason) as refused:
        to_line(record)
    json.loads(refused.value.kept)


def test_a_record_that_contains_itself_gets_a_reason() -> None:
    record: dict[str, object] = {}
    record["self"] = record
    with pytest.raises(NoRecord, match="the field 'self' contains itself") as refused:
        to_line(record)
    assert refused.value.kept == '{"self":"..."}'


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "is not JSON: Expecting value"),
        ("{", "is not JSON"),
        ('{"a":1}}', "is not JSON: Extra data"),
        ('{"a":NaN}', "is not JSON: the field 'a' is nan, which is no number of JSON"),
        ('{"a":-Infinity}', "is not JSON: the field 'a' is -inf"),
        ("\ufeff{}", "is not JSON"),
        ("[1,2]", r"is \[1,2\], not a JSON object"),
        ("null", "is null, not a JSON object"),
        ('{"a":"\udcff"}', "is not UTF-8"),
        ('{"a":' * 100_000, "is nested more than 500 levels deep"),
        ('{"a":' + "9" * 5000 + "}", "is not JSON: the field 'a' has more than 4,300 digits"),
    ],
)
def test_what_is_no_line_of_json_gets_a_reason(line: str, reason: str) -> None:
    with pytest.raises(NoRecord, match=reason):
        from_line(line)


def collected(things: object, *, batch: int = 1000) -> Session:
    def generator(n: int) -> Iterator[object]:
        assert n == 3
        yield from things  # type: ignore[misc]

    session = Session((b"", TRIGGER))
    collect(session, SUCCESS, generator, pipeline="p", batch=batch)
    return session


def test_records_are_gathered_with_their_positions() -> None:
    session = collected([{"n": n} for n in range(5)], batch=2)
    found = [
        (content.decode(), attributes["idemflow.positions"], attributes["idemflow.run"])
        for content, attributes in session.at(SUCCESS)
    ]
    assert found == [
        ('{"n":0}\n{"n":1}', "1-2", "r1"),
        ('{"n":2}\n{"n":3}', "3-4", "r1"),
        ('{"n":4}', "5", "r1"),
    ]


def test_what_is_no_record_does_not_end_a_flow_file() -> None:
    session = collected([{"n": 0}, None, {"n": 1}])
    refused, chunk = session.at(SUCCESS)
    assert refused[0] == b"null"
    assert refused[1]["idemflow.position"] == "2"
    assert refused[1]["idemflow.reason"] == "record 2 is a NoneType, not a dict"
    assert refused[1]["idemflow.step"] == "Collect"
    assert chunk[0] == b'{"n":0}\n{"n":1}'
    assert chunk[1]["idemflow.positions"] == "1,3"


def test_a_run_has_one_summary() -> None:
    session = collected([{"n": 0}, None])
    ((content, attributes),) = session.at(SUCCESS, kind="run")
    assert attributes["idemflow.id"] == "r1"
    assert attributes["idemflow.index"] == "idemflow-runs"
    summary = json.loads(content)
    assert summary.pop("collected")
    assert summary == {
        "pipeline": "p",
        "run": "r1",
        "started": "now",
        "arguments": '{"n": 3}',
        "trigger": None,
        "records": 2,
    }


def test_nothing_is_a_run_as_well() -> None:
    session = collected([])
    assert session.at(SUCCESS) == []
    assert json.loads(session.at(SUCCESS, kind="run")[0][0])["records"] == 0


def test_large_records_do_not_share_a_flow_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "PART_BYTES", 20)
    session = Session((b"", {}))
    trigger = session.get()
    gathered = Chunks(session, SUCCESS, trigger, source="a.csv")
    for position, size in enumerate([10, 10, 1, 50, 1, 1], start=1):
        gathered.add("x" * size, position)
    gathered.refuse(b"\xff", 7, "why", step="Read")
    gathered.flush()
    gathered.flush()
    session.remove(trigger)
    found = [(len(content), attributes) for content, attributes in session.at(SUCCESS)]
    assert [(size, one.get("idemflow.positions")) for size, one in found] == [
        (21, "1-2"),
        (1, "3"),
        (50, "4"),
        (1, None),
        (3, "5-6"),
    ]
    assert {one["idemflow.source"] for _, one in found} == {"a.csv"}
    assert gathered.count == 7
