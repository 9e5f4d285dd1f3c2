"""What becomes of Python's values in JSON, and how one that has no form is named."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from idemflow.steps.records import NoRecord, from_line, to_line
from idemflow.steps.values import written


class Size(Enum):
    SMALL = "S"
    LARGE = Decimal("1.50")


class Level(IntEnum):
    HIGH = 3


@dataclass
class Point:
    x: int
    when: date


Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1.10"), "1.10"),
        (Decimal("12345678901234567890.123456789"), "12345678901234567890.123456789"),
        (Decimal("-0"), "-0"),
        (Decimal("1E+5"), "1E+5"),
        ([Decimal(1), "1"], '[1,"1"]'),
        (datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), '"2026-01-02T03:04:05.000006+00:00"'),
        (date(2026, 1, 2), '"2026-01-02"'),
        (time(3, 4), '"03:04:00"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        ({10, 9, 1.5, Decimal("9.5")}, "[1.5,9,9.5,10]"),
        (frozenset("cab"), '["a","b","c"]'),
        ({"b", 2, None, (1,)}, '[2,"b",[1],null]'),
        ({np.int64(10), np.int64(9)}, "[9,10]"),
        ({frozenset({2}), frozenset({1})}, "[[1],[2]]"),
        ([Size.SMALL, Size.LARGE, Level.HIGH], '["S",1.50,3]'),
        (Point(1, date(2026, 1, 2)), '{"x":1,"when":"2026-01-02"}'),
        (Pair(1, {2}), "[1,[2]]"),
        (np.int64(2**60), str(2**60)),
        (np.uint8(7), "7"),
        (np.float32(0.5), "0.5"),
        (np.float64(0.1), "0.1"),
        (np.bool_(True), "true"),
        (np.str_("ü"), '"ü"'),
        (np.datetime64("2026-01-02T03:04:05.000000007"), '"2026-01-02T03:04:05.000000007"'),
        (np.datetime64("2026-01-02"), '"2026-01-02"'),
        (np.datetime64("NaT"), "null"),
        (np.array([[1, 2], [3, 4]]), "[[1,2],[3,4]]"),
        (np.array(7), "7"),
    ],
)
def test_what_json_users_expect(value: object, text: str) -> None:
    assert to_line({"a": value}) == f'{{"a":{text}}}'
    from_line(to_line({"a": value}))


def test_a_record_may_be_a_dataclass() -> None:
    assert to_line(Point(1, date(2026, 1, 2))) == '{"x":1,"when":"2026-01-02"}'


@pytest.mark.parametrize("name", ["NaTType", "NAType"])
def test_what_pandas_lacks_is_null(name: str) -> None:
    missing = type(name, (), {"__module__": "pandas._libs.missing"})()
    assert written([missing]) == "[null]"
    other = type(name, (), {"__module__": "pandasticsearch"})()
    with pytest.raises(NoRecord, match=f"the field 'a' is a {name}"):
        to_line({"a": other})


class Timestamp(datetime):
    """As pandas' does, it tells of more digits than Python's."""

    def isoformat(self, *_: Any) -> str:
        return "2026-01-02T03:04:05.123456789"


def test_a_timestamp_of_pandas_keeps_its_nanoseconds() -> None:
    assert written(Timestamp(2026, 1, 2)) == '"2026-01-02T03:04:05.123456789"'


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (timedelta(1), "is a timedelta, which has no JSON form"),
        (b"x", "is a bytes, which has no JSON form"),
        (Fraction(1, 3), "is a Fraction, which has no JSON form"),
        (object, "is a type, which has no JSON form"),
        (float("inf"), "is inf, which is no number of JSON"),
        (Decimal("NaN"), "is NaN, which is no number of JSON"),
        (Decimal("sNaN"), "is sNaN, which is no number of JSON"),
        (Decimal("-Infinity"), "is -Infinity, which is no number of JSON"),
        (Decimal("1E+400"), r"is 1E\+400, which is no number of JSON"),
        (np.float32("nan"), "is nan, which is no number of JSON"),
        (np.timedelta64(1, "s"), "is a timedelta64, which has no JSON form"),
        (np.complex128(1), "is a complex128, which has no JSON form"),
        ({Decimal("NaN"), 1}, "has an item that is NaN, which is no number of JSON"),
    ],
)
def test_what_has_no_form_is_named(value: object, reason: str) -> None:
    with pytest.raises(NoRecord, match=rf"JSON: the field 'a\.b\[1\]' {reason}"):
        to_line({"fine": Decimal(1), "a": {"b": [0, value]}})


def test_a_text_that_looks_like_a_number_stays_a_text() -> None:
    record = {"a": Decimal("1.0"), "b": "1.0", "c": ["x", {"d": Decimal("2.0")}]}
    assert to_line(record) == '{"a":1.0,"b":"1.0","c":["x",{"d":2.0}]}'


def test_sets_are_the_same_in_each_process() -> None:
    code = "from idemflow.steps.values import written; print(written(set('idemflow')))"
    texts = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert [json.loads(text) for text in texts] == [sorted(set("idemflow"))]
