"""What of a record has no form in JSON: which field it is and why, and what can be kept of it.

Runs inside NiFi: standard library only. Whatever is in a record, nothing here raises: its objects
may have methods that do, or it may contain itself.
"""

import math
import re
from collections.abc import Iterable
from decimal import Decimal
from itertools import islice
from typing import Any, NamedTuple

from idemflow.steps.nesting import MOST_LEVELS, TOO_DEEP
from idemflow.steps.values import NoForm, plain, said, written

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
# Characters of a text that stands for a value, and of the path to a field.
_TEXT, _PATH = 100_000, 100
# Values that are looked at: something that contains itself may have no end.
_VALUES = 1_000_000
# In place of a level: what was open is looked at.
_END = 0
# Fields that a reason names.
_NAMED = 5
# Written as they are; for others :func:`plain` says what they are made of.
_LEAVES = (str, int, float, type(None), Decimal)


class Kept(NamedTuple):
    """What can be kept of something that cannot be written as JSON.

    Attributes:
        text: it as JSON, with texts in place of what has no form.
        reason: what has none, and why.
        others: the other fields that have none.
    """

    text: str
    reason: str
    others: list[str]

    @property
    def note(self) -> str:
        """What is to be said of the texts that stand for values."""
        if not self.others:
            return "a text stands for it here"
        more = len(self.others) - _NAMED
        names = ", ".join(repr(place) for place in self.others[:_NAMED])
        return f"texts stand for it here, and for {names}{f' and {more} more' if more > 0 else ''}"


def kept(value: object) -> Kept:
    """What can be kept of a value that has no form in JSON."""
    looked_at = _Look()
    try:
        text = written(looked_at.copy(value))
    except NoForm as error:
        looked_at.found.append(("", str(error)))
        text = written(_text_of(value))
    if not looked_at.found:
        return Kept(text, "", [])
    (place, why), *others = looked_at.found
    reason = f"the field {place!r} {why}" if place else why
    return Kept(text, reason, [place for place, _ in others])


class _Part(NamedTuple):
    """A value that is still to be looked at.

    Attributes:
        made: the list or dict that its copy goes into.
        key: where in there.
        value: the value.
        place: where it is in the record.
        level: how deep, from 1.
        of: what precedes the reason why it has no form.
    """

    made: Any
    key: Any
    value: Any
    place: str
    level: int
    of: str = ""


class _Look:
    """Goes over a value, without recursion, and makes a copy that has a form in JSON.

    Attributes:
        found: where something has none, and why.
    """

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []
        self._open: dict[int, Any] = {}  # what is around the value that is looked at
        self._left = _VALUES

    def copy(self, value: object) -> object:
        """The copy of a value."""
        made: list[object] = [None]
        ahead: list[_Part] = [_Part(made, 0, value, "", 1)]
        while ahead:
            part = ahead.pop()
            if part.level == _END:
                del self._open[part.key]
                if part.of:  # the order of a set is another in each process
                    part.made.sort(key=_order)
                continue
            try:
                ahead += reversed(self._taken(part))
            except MemoryError:
                raise
            except Exception as error:
                why = f"is a {type(part.value).__name__}, which cannot be read ({said(error)})"
                self._replace(part, why, _text_of(part.value))
        return made[0]

    def _taken(self, part: _Part) -> list[_Part]:
        """Copy a value itself, and say what is in it."""
        value = part.value
        if why := _why(value):
            self._replace(part, why, _text_of(value))
        elif isinstance(value, _LEAVES):
            part.made[part.key] = value
        elif id(value) in self._open:
            self._replace(part, "contains itself", "...")
        elif part.level > MOST_LEVELS:
            self._replace(part, f"is {TOO_DEEP}", "...")
        elif isinstance(value, dict | list | tuple | set | frozenset):
            return self._inside(part)
        else:
            return [part._replace(value=plain(value))]
        return []

    def _inside(self, part: _Part) -> list[_Part]:
        value, place, level = part.value, part.place, part.level + 1
        inside: list[_Part] = []
        copy: Any
        if isinstance(value, dict):
            copy = {}
            for key, item in self._some(value.items(), part):
                name = self._name(key, place)
                copy[name] = None
                inside.append(_Part(copy, name, item, _path(place, name), level))
        else:
            items = self._some(value, part)
            copy = [None] * len(items)
            is_set = isinstance(value, set | frozenset)
            inside += (
                _Part(copy, number, item, place, level, f"{part.of}has an item that ")
                if is_set
                else _Part(copy, number, item, _cut(f"{place}[{number}]"), level)
                for number, item in enumerate(items)
            )
        part.made[part.key] = copy
        self._open[id(value)] = value
        of = "sorted" if isinstance(value, set | frozenset) else ""
        return [*inside, _Part(copy, id(value), None, "", _END, of)]

    def _some(self, items: Iterable[Any], part: _Part) -> list[Any]:
        """What is in a value, as far as there is time to look at."""
        some = list(islice(items, max(self._left, 0) + 1))
        self._left -= len(some)
        if self._left < 0:
            self.found.append((part.place, f"is not kept whole: {_VALUES:,} values are"))
            some.pop()
        return some

    def _replace(self, part: _Part, why: str, text: str) -> None:
        self.found.append((part.place, part.of + why))
        part.made[part.key] = text

    def _name(self, key: Any, place: str) -> Any:
        """The name of a field."""
        if isinstance(key, str | int | float | None):
            if (why := _why(key)) is None:
                return key
        else:
            why = f"is a {type(key).__name__}, which is to be a text"
        self.found.append((place, f"has a field whose name {why}"))
        return _text_of(key)


def _why(value: Any) -> str | None:
    """Why a value itself has no form, whatever is in it."""
    if isinstance(value, str):
        return None if _is_utf8(value) else "has a lone surrogate, which UTF-8 has not"
    if isinstance(value, float):
        return None if math.isfinite(value) else f"is {float(value)!r}, which is no number of JSON"
    if isinstance(value, int | Decimal):
        try:
            written(value)
        except NoForm as error:
            if isinstance(error.__cause__, TypeError):
                return str(error.__cause__)
            return "has more than 4,300 digits"
    elif not isinstance(value, (*_LEAVES, dict, list, tuple, set, frozenset)):
        try:
            plain(value)
        except TypeError as error:
            return str(error)
    return None


def _text_of(value: Any) -> str:
    """A text that stands for a value, the same in each process as far as that can be."""
    try:
        if isinstance(value, str):
            text = str.__str__(value)
        elif isinstance(value, int):
            text = str(Decimal(value))
        else:
            text = repr(value)[:_TEXT]
    except MemoryError:
        raise
    except Exception:
        text = f"<{type(value).__name__}>"
    return _ADDRESS.sub("", text).encode("utf-8", "backslashreplace").decode()


def _path(place: str, name: object) -> str:
    return _cut(f"{place}.{_cut(str(name))}" if place else _cut(str(name)))


def _cut(path: str) -> str:
    return path if len(path) <= _PATH or path.endswith("...") else f"{path[:_PATH]}..."


def _order(value: object) -> str:
    try:
        return written(value)
    except NoForm:
        return ""


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
