"""Records as text: what becomes a line of JSON and what does not, and the way back.

Runs inside NiFi: standard library only.
"""

import json
from typing import Any

from idemflow.steps.values import NoForm, is_object, written


class NoRecord(ValueError):
    """Something is not a record; the message goes on from "the record ..."."""


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} has no JSON form")


# Python's own reader takes NaN and Infinity, which JSON does not have.
decoder = json.JSONDecoder(parse_constant=_no_constant)


def to_line(record: object) -> str:
    """A record as one line of JSON, its fields in their order.

    Raises:
        NoRecord: it is no dict or dataclass, or has no form in JSON or in UTF-8.
    """
    if not is_object(record):
        raise NoRecord(f"is a {type(record).__name__}, not a dict")
    try:
        return written(record)
    except NoForm as error:
        raise NoRecord(f"cannot be written as JSON: {error}") from error


def readable(value: object) -> str:
    """A text of anything, as close to JSON as can be, for people to read."""
    try:
        return written(value)
    except NoForm:
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
