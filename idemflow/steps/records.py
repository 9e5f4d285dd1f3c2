"""Records as text: what becomes a line of JSON and what does not, and the way back.

Runs inside NiFi: standard library only.
"""

import json
from datetime import date, datetime, time
from typing import Any
from uuid import UUID


class NoRecord(ValueError):
    """Something is not a record; the message goes on from "the record ..."."""


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} has no JSON form")


# Python's own reader takes NaN and Infinity, which JSON does not have.
decoder = json.JSONDecoder(parse_constant=_no_constant)


def as_json(value: object) -> object:
    """What ``json`` writes for a type of Python that JSON lacks but has a customary text form.

    Raises:
        TypeError: there is no such form.
    """
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"a {type(value).__name__} has no JSON form")


def to_line(record: object) -> str:
    """A record as one line of JSON, its fields in their order.

    Raises:
        NoRecord: it is not a dict, or has no form in JSON or in UTF-8.
    """
    if not isinstance(record, dict):
        raise NoRecord(f"is a {type(record).__name__}, not a dict")
    return _written(record)


def _written(value: object) -> str:
    try:
        text = json.dumps(
            value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=as_json
        )
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise NoRecord(f"cannot be written as JSON: {error}") from error
    return text


def readable(value: object) -> str:
    """A text of anything, as close to JSON as can be, for people to read."""
    try:
        return _written(value)
    except NoRecord:
        return repr(value)[:100_000].encode("utf-8", "backslashreplace").decode()


def from_line(line: str) -> dict[str, Any]:
    """The record of a line of JSON.

    Raises:
        NoRecord: the line is not JSON, not an object, or not valid Unicode.
    """
    try:
        line.encode()
        record = decoder.decode(line)
    except RecursionError:
        raise NoRecord("is nested too deeply") from None
    except UnicodeEncodeError:
        raise NoRecord("is not UTF-8") from None
    except ValueError as error:
        raise NoRecord(f"is not JSON: {error}") from None
    if not isinstance(record, dict):
        raise NoRecord(f"is {readable(record)[:100]}, not a JSON object")
    return record
