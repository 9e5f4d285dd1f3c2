"""Values of Python as JSON: what becomes what, and which field it is that has no form there.

Runs inside NiFi: standard library only. What numpy and pandas have is known by how it looks, not
by an import.

====================================  ==========================================================
``datetime``, ``date``, ``time``      text, ISO 8601; pandas' ``NaT`` is null, as is its ``NA``
``Decimal``                           a number with all its digits
``UUID``                              text
``Enum``                              its value
``set``, ``frozenset``                a list, sorted, so that it is the same in each run
a dataclass                           an object
a number or boolean of numpy          the same of Python; ``datetime64`` is text, ISO 8601
an array of numpy                     a list
====================================  ==========================================================

All else that ``json`` itself does not know has no form: ``bytes``, ``timedelta``, NaN, ...
"""

import dataclasses
import json
import math
import re
import secrets
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

# Stands before the digits of a Decimal until they are written: `json` itself has no way to write a
# number as given. Nobody else can have it in a text.
_MARK = secrets.token_hex(16)
_EXACT = re.compile(rf'"{_MARK}([^"]*)"')


class NoForm(ValueError):
    """A value has no form in JSON, or none in UTF-8; :mod:`idemflow.steps.faults` says where."""


def written(value: object) -> str:
    """A value as one line of JSON, the fields of objects in their order.

    Raises:
        NoForm: there is none.
    """
    try:
        text = json.dumps(
            value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=plain
        )
        text.encode()
    except MemoryError:
        raise
    except Exception as error:  # an object's own methods may raise whatever they like
        raise NoForm(said(error)) from error
    return _EXACT.sub(r"\1", text) if _MARK in text else text


def is_object(value: object) -> bool:
    """Whether a value becomes an object: a dict, or the instance of a dataclass."""
    return isinstance(value, dict) or (
        dataclasses.is_dataclass(value) and not isinstance(value, type)
    )


def said(error: BaseException) -> str:
    """Type and message of an error, even if that cannot be asked for its message."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__


def plain(value: Any) -> object:
    """What ``json`` is to write for a type that it does not know.

    Raises:
        TypeError: there is nothing.
        Exception: whatever the object's own methods raise.
    """
    kind = type(value)
    if kind.__name__ in ("NaTType", "NAType") and kind.__module__.startswith("pandas."):
        return None
    for kinds, form in _FORMS:
        if isinstance(value, kinds):
            return form(value)
    if is_object(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if hasattr(value, "dtype"):
        return _of_numpy(value)
    raise TypeError(f"is a {kind.__name__}, which has no JSON form")


def _exact(value: Decimal) -> str:
    text = Decimal.__str__(value)
    if text.lstrip("-").isdigit():
        int(text)  # readers in Python take no more digits than this does
    elif not value.is_finite() or math.isinf(float(value)):
        raise TypeError(f"is {text[:100]}, which is no number of JSON")
    return _MARK + text


def _sorted(values: Any) -> list[object]:
    return sorted(values, key=_order)


def _order(value: Any) -> tuple[bool, Any, str]:
    """Where an item of a set stands in its list: numbers by size, and then the rest by its text."""
    if hasattr(value, "dtype"):
        value = plain(value)
    if isinstance(value, int) or (isinstance(value, float | Decimal) and math.isfinite(value)):
        return False, value, ""
    return True, 0, written(value)


_FORMS: tuple[tuple[Any, Callable[[Any], object]], ...] = (
    ((datetime, date, time), lambda value: value.isoformat()),
    (Decimal, _exact),
    (UUID, str),
    (Enum, lambda value: value.value),
    ((set, frozenset), _sorted),
)


def _of_numpy(value: Any) -> object:
    if getattr(value, "ndim", 0):
        return list(value)
    kind = getattr(value.dtype, "kind", None)
    if kind == "M":
        text = str(value)
        return None if text == "NaT" else text
    if kind in ("b", "i", "u", "f"):
        return value.item()
    raise TypeError(f"is a {type(value).__name__}, which has no JSON form")
