"""Versions and deletes: which of two states of a document is the later, and which is its end.

Runs inside NiFi too: standard library only.

A version is a whole number from 0 to 2**63 - 1, as Elasticsearch's external versions are. A
timestamp becomes the microseconds since 0001-01-01T00:00:00Z, the first moment that ISO 8601's
four digits of a year and Python's calendar share: thus no date is negative.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from idemflow.steps.rules.identity import lookup

MAX_VERSION = (1 << 63) - 1

# Of a version that comes from a file, this many bits are the position in it.
_POSITION_BITS = 21
_LATEST_FILE = MAX_VERSION >> _POSITION_BITS
_LAST_POSITION = (1 << _POSITION_BITS) - 1

_START = datetime(1, 1, 1, tzinfo=UTC)
_DAY = 86_400
_SECOND = 1_000_000
_NOT_DELETED = frozenset({"", "0", "f", "false", "n", "no"})


class NoVersion(ValueError):
    """A record has no usable value in its version field."""


def version_reader(field: str, kind: str) -> Callable[[Mapping[str, Any]], int]:
    """What reads the external version of a record's document.

    Args:
        field: the version field, by name or by path.
        kind: ``timestamp`` (ISO 8601) or ``integer``.

    Returns:
        A function of a record, as ``json`` reads it: 0 to 2**63 - 1, larger for a later state. It
        raises ``NoVersion`` where the field is missing, null, out of range or of another kind.

    Raises:
        ValueError: there is no such kind.
    """
    readers = {"timestamp": _timestamp, "integer": _integer}
    if kind not in readers:
        raise ValueError(f"a version is a timestamp or an integer, not {kind!r}")
    read = readers[kind]

    def version(record: Mapping[str, Any]) -> int:
        value = record[field] if field in record else lookup(record, field)
        if value is None:
            raise NoVersion(f"the version field {field!r} is missing or null")
        try:
            return read(value)
        except NoVersion as error:
            raise NoVersion(
                f"the version field {field!r} is {str(value)[:100]!r}: {error}"
            ) from None

    return version


def _timestamp(value: object) -> int:
    if not isinstance(value, str):
        raise NoVersion(f"a {type(value).__name__}, not the text of a timestamp (type: integer?)")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise NoVersion(f"no ISO 8601 timestamp ({error})") from None
    # Python reads forms that can be mistaken for another date or for a number, such as 20260102.
    if value[4] != "-" or value[7] != "-" or value[10:11] not in ("", "T", " "):
        raise NoVersion("no ISO 8601 timestamp like 2026-01-02T03:04:05.678901Z")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - _START
    if since.days < 0:
        raise NoVersion("before the year 1 in UTC")
    return (since.days * _DAY + since.seconds) * _SECOND + since.microseconds


def _integer(value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 100:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise NoVersion(f"a {type(value).__name__}, not a whole number")
    if not 0 <= value <= MAX_VERSION:
        raise NoVersion("out of range; a version is 0 to 9223372036854775807")
    return value


def file_version(modified: int, position: int | None) -> int:
    """The version of a record that has none, from its file's: a newer file wins, of one file the
    later record.

    Args:
        modified: when the file was changed, in milliseconds since 1970.
        position: the record's position in it. From 2,097,151 on all count as the same.
    """
    return min(modified, _LATEST_FILE) << _POSITION_BITS | min(position or 0, _LAST_POSITION)


def delete_reader(rule: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], bool]:
    """What tells whether a record, as ``json`` reads it, says that its document is to be deleted.

    Args:
        rule: ``{"field": name}``, ``{"field": name, "equals": value}`` or ``{"field": name,
            "in": [value, ...]}``. The first deletes on every value but a missing one, null,
            false, 0 and the texts that say the same; the others on exactly these values.

    Raises:
        ValueError: it is no delete rule.
    """
    field = rule.get("field")
    if not isinstance(field, str):
        raise ValueError(f"a delete rule names a field, unlike {rule!r}")
    if "equals" not in rule and "in" not in rule:
        return lambda record: _says_so(lookup(record, field))
    wanted = rule["in"] if "in" in rule else [rule["equals"]]

    def deleted(record: Mapping[str, Any]) -> bool:
        value = lookup(record, field)
        # To Python true is 1; to JSON it is not.
        return value is not None and any(
            value == one and isinstance(value, bool) == isinstance(one, bool) for one in wanted
        )

    return deleted


def _says_so(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().lower() not in _NOT_DELETED
    return value is not None and value != 0
