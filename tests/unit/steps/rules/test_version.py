"""Versions, deletes."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idemflow.steps.rules.version import MAX_VERSION, NoVersion, delete_reader, version_reader
from tests.unit.properties import PROPERTY

zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
# Two days from the ends, so that every zone can write them.
moments = st.datetimes(
    datetime(1, 1, 3),
    datetime(9999, 12, 29),
    timezones=zones,
)


def version_of(record: dict[str, object], field: str, kind: str) -> int:
    return version_reader(field, kind)(record)


def is_deleted(record: dict[str, object], rule: dict[str, object]) -> bool:
    return delete_reader(rule)(record)


def timestamp(value: object) -> int:
    return version_of({"at": value}, "at", "timestamp")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("0001-01-01", 0),
        ("0001-01-01T00:00:00.000001Z", 1),
        ("0001-01-02", 86_400_000_000),
        ("1969-12-31T23:59:59.999999Z", 62_135_596_799_999_999),
        ("1970-01-01T00:00:00Z", 62_135_596_800_000_000),
        ("1970-01-01 00:00:00", 62_135_596_800_000_000),
        ("1970-01-01T00:00", 62_135_596_800_000_000),
        ("1970-01-01", 62_135_596_800_000_000),
        ("1970-01-01T01:00:00+01:00", 62_135_596_800_000_000),
        ("1969-12-31 18:30:00-0530", 62_135_596_800_000_000),
        ("1970-01-01 00:00:00+00", 62_135_596_800_000_000),
        ("1970-01-01T00:00:00.1Z", 62_135_596_800_100_000),
        ("1970-01-01T00:00:00.123456789Z", 62_135_596_800_123_456),
        ("9999-12-31T23:59:59.999999Z", 315_537_897_599_999_999),
        ("9999-12-31T23:59:59.999999-23:59", 315_537_983_939_999_999),
    ],
)
def test_timestamps_are_microseconds_since_the_year_1(text: str, version: int) -> None:
    assert timestamp(text) == version


@PROPERTY
@given(moments, moments, st.sampled_from(["T", " "]))
def test_versions_are_in_the_order_of_time(one: datetime, two: datetime, sep: str) -> None:
    first, second = timestamp(one.isoformat(sep)), timestamp(two.isoformat())
    assert (first < second) == (one < two)
    assert (first == second) == (one == two)
    assert 0 <= first <= MAX_VERSION


@PROPERTY
@given(moments)
def test_a_time_without_a_zone_is_utc(moment: datetime) -> None:
    utc = moment.astimezone(UTC)
    assert timestamp(utc.replace(tzinfo=None).isoformat()) == timestamp(moment.isoformat())


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "no ISO 8601"),
        ("yesterday", "no ISO 8601"),
        ("20260102", "no ISO 8601"),
        ("202601020123456", "no ISO 8601"),
        ("1767322800", "no ISO 8601"),
        ("2026-W01-1", "no ISO 8601"),
        ("2026-01-02x03:04", "no ISO 8601"),
        ("2026-01-02T", "no ISO 8601"),
        ("2026-02-30", "no ISO 8601"),
        ("2026-01-02T23:59:60Z", "no ISO 8601"),
        ("2026-01-02 ", "no ISO 8601"),
        ("02.01.2026", "no ISO 8601"),
        ("0000-01-01", "no ISO 8601"),
        ("10000-01-01", "no ISO 8601"),
        ("0001-01-01T00:00:00+01:00", "before the year 1"),
        (1767322800000, "a int, not the text"),
        (1.5, "a float, not the text"),
        (True, "a bool, not the text"),
        (["2026-01-02"], "a list, not the text"),
        (None, "'at' is missing or null"),
    ],
)
def test_what_is_no_timestamp(value: object, reason: str) -> None:
    with pytest.raises(NoVersion, match=reason):
        timestamp(value)


@pytest.mark.parametrize(
    ("value", "version"),
    [(0, 0), (7, 7), ("7", 7), ("007", 7), (2**53 + 1, 2**53 + 1), (str(2**63 - 1), 2**63 - 1)],
)
def test_integers(value: object, version: int) -> None:
    assert version_of({"n": value}, "n", "integer") == version


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (-1, "out of range"),
        (2**63, "out of range"),
        ("9" * 5000, "not a whole number"),
        (str(2**63), "out of range"),
        ("-1", "not a whole number"),
        ("1.0", "not a whole number"),
        ("", "not a whole number"),
        ("\u0667", "not a whole number"),
        (1.0, "not a whole number"),
        (True, "not a whole number"),
        (None, "missing or null"),
    ],
)
def test_what_is_no_integer(value: object, reason: str) -> None:
    with pytest.raises(NoVersion, match=reason):
        version_of({"n": value}, "n", "integer")


def test_the_version_field_may_be_nested() -> None:
    assert version_of({"meta": {"seq": 3}}, "meta.seq", "integer") == 3
    with pytest.raises(NoVersion, match=r"'meta\.seq' is missing"):
        version_of({"meta": 1}, "meta.seq", "integer")


def test_there_are_two_kinds() -> None:
    with pytest.raises(ValueError, match="a timestamp or an integer, not 'float'"):
        version_of({"n": 1}, "n", "float")


@pytest.mark.parametrize(
    "value", [None, False, 0, 0.0, "", " ", "0", "f", "false", "False", "no", "N"]
)
def test_what_does_not_delete(value: object) -> None:
    assert not is_deleted({"deleted": value}, {"field": "deleted"})
    assert not is_deleted({}, {"field": "deleted"})


@pytest.mark.parametrize("value", [True, 1, -1, 0.5, "t", "true", "yes", "2026-01-02", [], {}])
def test_what_deletes(value: object) -> None:
    assert is_deleted({"deleted": value}, {"field": "deleted"})


@pytest.mark.parametrize(
    ("rule", "value", "deleted"),
    [
        ({"equals": "cancelled"}, "cancelled", True),
        ({"equals": "cancelled"}, "Cancelled", False),
        ({"equals": 1}, 1, True),
        ({"equals": 1}, 1.0, True),
        ({"equals": 1}, True, False),
        ({"equals": 1}, "1", False),
        ({"equals": True}, True, True),
        ({"equals": False}, 0, False),
        ({"equals": None}, None, False),
        ({"in": ["a", 2]}, "a", True),
        ({"in": ["a", 2]}, 2, True),
        ({"in": ["a", 2]}, "b", False),
        ({"in": []}, "b", False),
        ({"in": ["a"]}, ["a"], False),
    ],
)
def test_predicates(rule: dict[str, Any], value: object, deleted: bool) -> None:
    assert is_deleted({"status": {"now": value}}, {"field": "status.now", **rule}) is deleted


def test_a_delete_rule_names_a_field() -> None:
    with pytest.raises(ValueError, match="names a field"):
        is_deleted({}, {"equals": 1})
