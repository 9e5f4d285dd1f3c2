"""Whatever one record is, the ones beside it go in, and it is a dead letter that says why."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idemflow.sources.script.step import collect
from idemflow.steps.dead_letter import keep
from idemflow.steps.identify import identify
from idemflow.steps.nesting import MOST_LEVELS, too_deep
from tests.unit.properties import PROPERTY
from tests.unit.steps.fakes import FAILURE, SUCCESS, Context, Session

TRIGGER = {"idemflow.run": "r1", "idemflow.started": "now", "idemflow.arguments": "{}"}


class Broken:
    """Nothing can be asked of it."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    def __hash__(self) -> int:
        raise RuntimeError("no hash")

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"no {name}")


class Pretender(Broken):
    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise RuntimeError("no class")


class BrokenText(str):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __len__ = encode = __str__  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    __hash__ = Broken.__hash__


class BrokenDict(dict[str, Any]):
    def items(self) -> Any:
        raise RuntimeError("no items")


class NoZone(tzinfo):
    def utcoffset(self, moment: datetime | None) -> Any:  # noqa: ARG002
        raise RuntimeError("no offset")

    dst = tzname = utcoffset


class NoDecimal(Decimal):
    def __str__(self) -> str:
        return "no number"


class Holds(Enum):
    BYTES = b"12"


class BadError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no message")


class RaisesBadError(dict[str, Any]):
    def items(self) -> Any:
        raise BadError


@dataclass
class Point:
    x: object


@dataclass(slots=True, init=False)
class Unset:
    id: int


def nested(levels: int, value: object = 1) -> Any:
    for _ in range(levels - 1):
        value = {"a": value} if levels % 2 else [value]
    return {"id": "nested", "a": value}


def itself() -> dict[str, Any]:
    record: dict[str, Any] = {"id": 1}
    record["more"] = [record, record]
    return record


def forking() -> dict[str, Any]:
    """So many ways through it that none but the first could be looked at."""
    inside: list[Any] = []
    inside += [inside] * 10
    return {"id": 1, "a": [[inside, inside], inside]}


def wide() -> dict[str, Any]:
    return {"id": 1, "bad": [float("nan")] * 5000}


HOSTILE: list[tuple[Callable[[], object], str]] = [
    (lambda: nested(2000), "is nested more than 500 levels deep"),
    (lambda: nested(100_001), "is nested more than 500 levels deep"),
    (lambda: nested(900), "is nested more than 500 levels deep"),
    (lambda: nested(2000, {1, b"x"}), "nested more than 500 levels deep"),
    (lambda: {"id": 1, "n": 10**5000}, "the field 'n' has more than 4,300 digits"),
    (lambda: {"id": 10**5000}, "the field 'id' has more than 4,300 digits"),
    (lambda: {"id": 1, 10**5000: 1}, "a field whose name has more than 4,300 digits"),
    (lambda: {"id": 1, "n": Decimal("9" * 5000)}, "the field 'n' has more than 4,300 digits"),
    (lambda: {"id": 1, "n": [0, {"m": float("nan")}]}, r"the field 'n\[1\]\.m' is nan"),
    (lambda: {"id": 1, float("inf"): 1}, "a field whose name is inf"),
    (lambda: {"id": 1, "n": Decimal("sNaN")}, "the field 'n' is sNaN"),
    (lambda: {"id": 1, "t": "a\ud800b"}, "the field 't' has a lone surrogate"),
    (lambda: {"id": 1, "\udfff": 1}, "a field whose name has a lone surrogate"),
    (lambda: {"id": "\ud800"}, "the field 'id' has a lone surrogate"),
    (lambda: {"id": b"12"}, "the field 'id' is a bytes, which has no JSON form"),
    (lambda: {"id": 1, "b": bytearray(3), "m": memoryview(b"x")}, "the field 'b' is a bytearray"),
    (lambda: {"id": 1, (1, 2): 3}, "a field whose name is a tuple"),
    (lambda: {"id": 1, Point: 3}, "a field whose name is a type"),
    (lambda: {"id": 1, "g": (n for n in range(3))}, "the field 'g' is a generator"),
    (lambda: (n for n in range(3)), "is a generator, not a dict"),
    (lambda: iter([1]), "is a list_iterator, not a dict"),
    (lambda: {"id": 1, "x": object()}, "the field 'x' is a object, which has no JSON form"),
    (lambda: {"id": 1, "x": Broken()}, "the field 'x' is a Broken, which cannot be read"),
    (lambda: {"id": 1, "x": Pretender()}, "the field 'x' is a Pretender, which cannot be read"),
    (lambda: {"id": 1, "x": {1j, 2}}, "the field 'x' has an item that is a complex"),
    (lambda: {"id": 1, "x": Point(1j)}, r"the field 'x\.x' is a complex"),
    (lambda: {"id": 1, "x": Holds.BYTES}, "the field 'x' is a bytes"),
    (lambda: {"id": 1, "x": datetime(2026, 1, 2, tzinfo=NoZone())}, "the field 'x' .*no offset"),
    (lambda: {"id": 1, "x": BrokenDict(a=1)}, "the field 'x' is a BrokenDict.*no items"),
    (lambda: {"id": 1, "x": RaisesBadError(a=1)}, "the field 'x' is a RaisesBadError.*BadError"),
    (lambda: BrokenDict(id=1), "is a BrokenDict, which cannot be read .*no items"),
    (Unset, "is a Unset, which cannot be read"),
    (Broken, "is a Broken, not a dict"),
    (Pretender, "is a Pretender, not a dict"),
    (lambda: BrokenText("x"), "is a BrokenText, not a dict"),
    (lambda: {"id": 1, "x": itself()}, r"the field 'x\.more\[0\]' contains itself"),
    (itself, r"the field 'more\[0\]' contains itself"),
    (forking, "contains itself"),
    (wide, r"the field 'bad\[0\]' is nan.*texts stand for it here, and for 'bad\[1\]', .* more"),
    (lambda: {"id": 1, "deep": {"n" * 10_000: {"m" * 10_000: b""}}}, "is a bytes"),
    (lambda: {"name": "without an id"}, "the identity field 'id' is missing or null"),
    (lambda: {"id": {"a": 1}}, "the identity field 'id' is a dict"),
    (lambda: {"id": True}, "the identity field 'id' is a bool"),
    (lambda: {"id": "\u2003 \n"}, "the identity field 'id' is blank"),
    (lambda: {"id": 1e300}, "the identity field 'id' is 1e\\+300"),
    (lambda: {"id": 1, "_id": 2}, "cannot have a field _id"),
    (lambda: [{"id": 1}], "is a list, not a dict"),
    (lambda: "{}", "is a str, not a dict"),
    (lambda: None, "is a NoneType, not a dict"),
    (lambda: Exception, "is a type, not a dict"),
]
GOOD: list[tuple[object, str]] = [
    ({"id": BrokenText("text"), "x": BrokenText("y")}, '{"id":"text","x":"y"}'),
    ({"id": 1, True: 2, None: 3, 4: 5}, '{"id":1,"true":2,"null":3,"4":5}'),
    ({"id": "\x00\x1f\x7f\u2028\ufeff\uffff"}, '{"id":"\\u0000\\u001f\x7f\u2028\ufeff\uffff"}'),
    ({"id": "x" * 600}, '{"id":"' + "x" * 600 + '"}'),
    ({"id": 10**4299}, '{"id":1' + "0" * 4299 + "}"),
    ({"id": NoDecimal(1)}, '{"id":1}'),
    ({"id": UUID(int=1)}, '{"id":"00000000-0000-0000-0000-000000000001"}'),
    ({"id": 5e-324, "x": -0.0}, '{"id":5e-324,"x":-0.0}'),
    ({"id": "t", "x": "y" * 3_000_000}, '{"id":"t","x":"' + "y" * 3_000_000 + '"}'),
    (nested(MOST_LEVELS), json.dumps(nested(MOST_LEVELS), separators=(",", ":"))),
    (nested(MOST_LEVELS - 1), json.dumps(nested(MOST_LEVELS - 1), separators=(",", ":"))),
]


def letters_and_documents(records: Iterator[object]) -> tuple[list[dict[str, Any]], list[str]]:
    """What comes of records after Collect and Identify, in their order."""
    first = Session((b"", TRIGGER))
    collect(first, SUCCESS, lambda: records, pipeline="p", batch=1000)
    letters, documents = [], []
    for content, attributes in first.at(SUCCESS):
        second = Session((content, attributes))
        context = Context(index="things", identity='{"fields":["id"]}')
        identify(second, context, SUCCESS, FAILURE, pipeline="p", batch=False)
        documents += [text.decode() for text, _ in second.at(SUCCESS)]
        for refused in second.at(FAILURE):
            third = Session(refused)
            keep(third, SUCCESS, pipeline="p")
            letters += [json.loads(text) for text, _ in third.at(SUCCESS)]
    return letters, documents


def between_good_ones(records: list[object]) -> list[object]:
    mixed: list[object] = []
    for number, record in enumerate(records):
        mixed += [{"id": f"good {number}"}, record]
    return mixed


def test_the_good_ones_beside_them_go_in() -> None:
    records = between_good_ones([make() for make, _ in HOSTILE])
    letters, documents = letters_and_documents(iter(records))
    assert documents == [f'{{"id":"good {number}"}}' for number in range(len(HOSTILE))]
    positions = sorted(int(letter["position"]) for letter in letters)
    assert positions == [2 * number for number in range(1, len(HOSTILE) + 1)]


@pytest.mark.parametrize(("make", "reason"), HOSTILE)
def test_a_hostile_record_is_a_letter_with_its_reason(
    make: Callable[[], object], reason: str
) -> None:
    (letter,), documents = letters_and_documents(iter([{"id": "good"}, make()]))
    assert documents == ['{"id":"good"}']
    assert re.search(reason, letter["reason"]), letter["reason"]
    assert letter["position"] == "2"
    assert letter["step"] in ("Collect", "Identify")
    assert len(letter["reason"]) < 1500
    # It can be mended: what is kept is JSON, and has no address that differs in each run.
    text = letter.get("content")
    assert text
    assert "0x" not in text
    if "content_encoding" not in letter and not too_deep(text):
        json.loads(text)


@pytest.mark.parametrize(("record", "text"), GOOD)
def test_odd_records_arrive_unchanged(record: object, text: str) -> None:
    letters, documents = letters_and_documents(iter([record]))
    assert (letters, documents) == ([], [text])


def test_what_has_no_form_is_a_text_in_its_letter() -> None:
    record = {"id": 7, "at": b"12", "n": [float("nan"), 1], "t": "a\ud800", "s": {b"b", b"a"}}
    ((letter), *_), _ = letters_and_documents(iter([record]))
    assert letter["content"] == (
        r"""{"id":7,"at":"b'12'","n":["nan",1],"t":"a\\ud800","s":["b'a'","b'b'"]}"""
    )
    assert letter["replaced"] is True
    assert letter["reason"] == (
        "record 1 cannot be written as JSON: the field 'at' is a bytes, which has no JSON form; "
        "texts stand for it here, and for 'n[0]', 't', 's', 's'"
    )


@pytest.mark.parametrize(
    ("text", "deep"),
    [
        ("[" * 500 + "]" * 500, False),
        ("[" * 501 + "]" * 501, True),
        ('{"a":[' * 250 + "]}" * 250, False),
        ('{"a":[' * 250 + "{}" + "]}" * 250, True),
        ("[" + ",".join(["[]"] * 5000) + "]", False),
        ('["' + "[{" * 5000 + '"]', False),
        ('["]",' * 501 + '"["' + ',"["]' * 501, True),
        (r'["\"]",' * 501 + '"["' + r',"\\"]' * 501, True),
        ("[" * 100_000, True),
    ],
)
def test_how_deep_a_text_is(text: str, deep: bool) -> None:
    assert too_deep(text) is deep


def test_deep_lines_of_files_are_letters() -> None:
    deep = '{"id":1,"a":' + "[" * 2000 + "]" * 2000 + "}"
    lines = ['{"id":"one"}', deep, '{"id":"two"}', '{"id":3,"n":' + "9" * 5000 + "}"]
    session = Session(("\n".join(lines).encode(), {"idemflow.positions": "1-4"}))
    context = Context(index="things", identity='{"fields":["id"]}')
    identify(session, context, SUCCESS, FAILURE, pipeline="p", batch=False)
    assert [text for text, _ in session.at(SUCCESS)] == [b'{"id":"one"}', b'{"id":"two"}']
    found = [(text.decode(), one["idemflow.reason"]) for text, one in session.at(FAILURE)]
    assert found == [
        (deep, "the record is nested more than 500 levels deep"),
        (lines[3], "the record is not JSON: the field 'n' has more than 4,300 digits"),
    ]


@pytest.mark.parametrize(
    "given",
    [
        lambda record: nested(2000) | record,
        lambda record: record | {"n": Decimal("9" * 5000)},
        lambda record: record | {"x": Broken()},
        lambda record: [record, Pretender()],
        lambda _: sys.exit(3),
        lambda _: (_ for _ in ()).throw(BadError()),
    ],
)
def test_what_a_transform_makes_of_one_record(given: Callable[[Any], object]) -> None:
    session = Session((b'{"id":1}\n{"id":2}\n{"id":3}', {"idemflow.positions": "1-3"}))
    context = Context(index="things", identity='{"fields":["id"]}')
    identify(
        session, context, SUCCESS, FAILURE, pipeline="p", batch=False,
        transform=lambda record: given(record) if record["id"] == 2 else record,
    )  # fmt: skip
    assert [text for text, _ in session.at(SUCCESS)] == [b'{"id":1}', b'{"id":3}']
    ((text, attributes),) = session.at(FAILURE)
    assert text == b'{"id":2}'
    assert attributes["idemflow.step"] == "Transform"


@PROPERTY
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
        | st.decimals() | st.complex_numbers() | st.datetimes() | st.builds(lambda: 10**5000)
        | st.builds(Broken) | st.text(st.characters(categories=["Cs"]), min_size=1),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers() | st.floats()
        | st.tuples(), inner) | st.tuples(inner, inner) | st.builds(Point, inner),
        max_leaves=20,
    )
)  # fmt: skip
def test_every_record_is_a_document_or_a_letter(value: object) -> None:
    letters, documents = letters_and_documents(iter([{"id": 1, "x": value}, value, {"id": 2}]))
    assert len(letters) + len(documents) == 3
    assert '{"id":2}' in documents
    for text in [*documents, *(letter["content"] for letter in letters)]:
        json.loads(text)
