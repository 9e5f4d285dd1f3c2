"""Records as text: what becomes a line of JSON and what does not, and the way back.

Runs inside NiFi: standard library only.
"""

import json
from collections.abc import Callable
from typing import Any

from idemflow.steps.faults import kept
from idemflow.steps.nesting import TOO_DEEP, too_deep
from idemflow.steps.rules.digits import SHORT, number
from idemflow.steps.values import NoForm, is_object, said, written

# Attributes are kept in NiFi's memory; a reason is for people to read.
_REASON_LENGTH = 4000


class NoRecord(ValueError):
    """Something is not a record; the message goes on from "the record ...".

    Attributes:
        kept: what a dead letter is to keep of it, as JSON.
        replaced: whether that has texts in place of values: as it is it must not go in.
    """

    def __init__(self, message: str, *, kept: str = "null", replaced: bool = False) -> None:
        super().__init__(message)
        self.kept = kept
        self.replaced = replaced


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} has no JSON form")


# Python's own reader takes NaN and Infinity, which JSON does not have.
_decoder = json.JSONDecoder(parse_constant=_no_constant, parse_float=number)
# Takes them, and for integers that are too long others that are: to say which fields have them.
_lenient = json.JSONDecoder(
    parse_int=lambda digits: int(digits) if len(digits) <= 4300 else 1 << 20_000
)


def reader(lost: list[str]) -> Callable[[str], tuple[Any, int]]:
    """What reads the JSON at the beginning of a text, and says where it ends.

    Args:
        lost: gets each number of which a double loses digits; the record has it as ``Exact``.
    """

    def noted(text: str) -> float:
        if len(text) < SHORT:
            return float(text)
        value = number(text)
        if type(value) is not float:
            lost.append(text)
        return value

    return json.JSONDecoder(parse_constant=_no_constant, parse_float=noted).raw_decode


def to_line(record: object) -> str:
    """A record as one line of JSON, its fields in their order.

    Raises:
        NoRecord: it is no dict or dataclass, is nested too deeply, or has no form in JSON or in
            UTF-8.
        MemoryError: this is no fault of the record.
    """
    try:
        sound = is_object(record)
        line = written(record)
    except MemoryError:
        raise
    except Exception as error:  # NoForm, or what an object raises that is asked what it is
        if not isinstance(error, NoForm):
            sound = False
        found = kept(record)
        if sound:
            reason = f"cannot be written as JSON: {found.reason or error}"
            raise NoRecord(f"{reason}; {found.note}", kept=found.text, replaced=True) from error
        line = found.text
    if not sound:
        raise NoRecord(f"is a {type(record).__name__}, not a dict", kept=line)
    if too_deep(line):
        raise NoRecord(f"is {TOO_DEEP}", kept=line)
    return line


def fitted(reason: str) -> str:
    """A reason as an attribute of a FlowFile holds it."""
    cut = reason[:_REASON_LENGTH]
    return cut.encode("utf-8", "backslashreplace").decode()[:_REASON_LENGTH]


def why_unwritten(record: object, error: Exception) -> str:
    """Why a record that was read has no canonical JSON, with the field that has none."""
    return f"cannot be written as JSON: {kept(record).reason or said(error)}"


def from_line(line: str) -> dict[str, Any]:
    """The record of a line of JSON.

    Raises:
        NoRecord: the line is not JSON, not an object, nested too deeply, or not valid Unicode.
    """
    try:
        if too_deep(line):
            raise NoRecord(f"is {TOO_DEEP}")
        line.encode()
        record = _decoder.decode(line)
    except NoRecord:
        raise
    except RecursionError:
        raise NoRecord(f"is {TOO_DEEP}") from None
    except UnicodeEncodeError:
        raise NoRecord("is not UTF-8") from None
    except ValueError as error:
        raise NoRecord(f"is not JSON: {_why_no_json(line, error)}") from None
    if not isinstance(record, dict):
        raise NoRecord(f"is {kept(record).text[:100]}, not a JSON object")
    return record


def _why_no_json(line: str, error: ValueError) -> str:
    """Why a line is not JSON, with the field where that is known."""
    if isinstance(error, json.JSONDecodeError):
        return str(error)
    try:
        record = _lenient.decode(line)
    except (ValueError, RecursionError):
        return str(error)
    return kept(record).reason or str(error)
