"""Transforms: what a user's function may give, and what becomes of its errors."""

from __future__ import annotations

import inspect
import json
from datetime import date
from typing import Any

import pytest

from tests.unit.steps.fakes import FAILURE, SUCCESS
from tests.unit.steps.identifying import counts, digest, identified, manifest


def double(record: dict[str, Any]) -> Any:
    """A record for each of its numbers."""
    numbers = record.pop("numbers")
    return [record | {"id": number} for number in numbers] if numbers is not None else None


def test_a_transform_gives_nothing_one_or_several() -> None:
    lines = '{"numbers":[1,2]}\n{"numbers":null}\n{"numbers":[]}\n{"numbers":[3],"x":"ü"}'
    session = identified(lines, {"idemflow.positions": "1-4"}, transform=double)
    ((content, attributes),) = session.at(SUCCESS)
    assert content.decode().split("\n") == [
        '{"_id":"1","id":1}', '{"_id":"2","id":2}', '{"_id":"3","x":"ü","id":3}',
    ]  # fmt: skip
    assert attributes["idemflow.positions"] == "1,1,4"
    assert attributes["idemflow.stage"] == "document"
    assert counts(session) == (4, 3, 0, 2)


def test_what_is_sent_is_what_is_identified() -> None:
    session = identified('{"id":1}', transform=lambda _: {"id": date(2026, 1, 2), 7: (1,)})
    assert session.at(SUCCESS)[0][0] == b'{"_id":"2026-01-02","id":"2026-01-02","7":[1]}'
    record = {"id": "2026-01-02", "7": [1]}
    assert manifest(session)["entries"] == [("2026-01-02", digest(record), None)]


def broken(record: dict[str, Any]) -> Any:
    kind = record["kind"]
    record["kind"] = "changed"
    if kind == "raise":
        raise ValueError("bad\ud800" + "!" * 10_000)
    if kind == "deep":
        return json.loads("{")
    return {
        "bytes": {"id": b"1"},
        "list": [{"id": 1}, 7],
        "text": "x",
        "nan": {"id": float("nan")},
        "noid": [{"id": 1}, {}],
        "fine": {"id": 2},
    }[kind]


@pytest.mark.parametrize("batch", [True, False])
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("raise", "ValueError: bad\\ud800!!!"),
        ("deep", "Expecting property name"),
        ("bytes", "what the transform gave cannot be written as JSON: the field 'id' is a bytes,"),
        ("list", "what the transform gave is a int, not a dict"),
        ("text", "what the transform gave is a str, not a dict"),
        ("nan", "what the transform gave cannot be written as JSON: the field 'id' is nan"),
    ],
)
def test_a_failed_transform_keeps_the_record_as_it_came(
    kind: str, reason: str, batch: bool
) -> None:
    lines = f'{{"kind":"{kind}"}}\n{{"kind":"fine"}}'
    session = identified(
        lines, {"idemflow.positions": "1-2"}, transform=broken, batch=batch, version=None
    )
    ((content, attributes),) = session.at(FAILURE)
    assert content.decode() == lines.partition("\n")[0]
    assert reason in attributes["idemflow.reason"]
    assert len(attributes["idemflow.reason"]) <= 4000
    assert attributes["idemflow.step"] == "Transform"
    assert attributes["idemflow.stage"] == "collected"
    assert attributes["idemflow.position"] == "1"
    assert counts(session) == (2, 1, 1, 0)


@pytest.mark.parametrize(
    ("kind", "text"), [("deep", 'return json.loads("{")'), ("missing", "return {")]
)
def test_the_reason_names_the_innermost_line_of_the_script(kind: str, text: str) -> None:
    script = f"import json\n\n\n{inspect.getsource(broken)}\n\ncalled = functools.partial(broken)\n"
    names: dict[str, Any] = {"__name__": "__main__", "__file__": "Script Body", "Any": Any}
    exec(compile("import functools\n" + script, "Script Body", "exec"), names)
    # Of an expression over several lines Python names the first.
    line = 2 + [line.strip() for line in script.split("\n")].index(text)
    for transform in (names["broken"], names["called"]):
        session = identified(f'{{"kind":"{kind}"}}', transform=transform)
        reason = session.at(FAILURE)[0][1]["idemflow.reason"]
        assert reason.endswith(f"(line {line} of the script)")


def test_the_line_of_a_module_is_not_one_of_the_script() -> None:
    session = identified('{"kind":"deep"}', transform=broken)
    assert "of the script" not in session.at(FAILURE)[0][1]["idemflow.reason"]


def test_a_record_refused_after_the_transform_is_kept_as_it_was_then() -> None:
    session = identified('{"kind":"noid"}', {"idemflow.positions": "9"}, transform=broken)
    ((content, attributes),) = session.at(FAILURE)
    assert content == b"{}"
    assert attributes["idemflow.step"] == "Identify"
    assert attributes["idemflow.stage"] == "document"
    assert attributes["idemflow.position"] == "9"
    assert counts(session) == (1, 1, 1, 0)


def test_a_replayed_document_is_not_transformed_again() -> None:
    session = identified('{"id":1}\n{}', {"idemflow.transformed": "true"}, transform=broken)
    assert session.at(SUCCESS)[0][0] == b'{"_id":"1","id":1}'
    assert session.at(FAILURE)[0][1]["idemflow.stage"] == "document"


def hungry(_: dict[str, Any]) -> Any:
    raise MemoryError


def test_a_lack_of_memory_is_no_fault_of_the_record() -> None:
    with pytest.raises(MemoryError):
        identified('{"id":1}', transform=hungry)
