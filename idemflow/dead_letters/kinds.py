"""Kinds of reasons of dead letters: equal causes counted together, in bounded memory."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

# Kinds that are told apart; letters of any further ones are counted together.
MOST = 1000
OTHERS = "other reasons"
# What in a reason belongs to one record: the place in its text, its id, its value.
_PARTICULARS = (
    (re.compile(r"\. Preview of field's value.*", re.DOTALL), ""),
    (re.compile(r" in document with id '.*?'(?=[.:]|$)", re.DOTALL), ""),
    (re.compile(r"\[\d+:\d+\] "), ""),
)
# A number by itself: one in a name or in quotes, or that of a line of the script, is the cause.
_NUMBER = re.compile(r"(?<![\w'\"])(?<!\(line )\d+(?![\w'\"])")
# Stands for a number until it is shown.
_PLACE = "\0"
_MASK = "…"
_LENGTH = 200


def kind(reason: str) -> str:
    """A reason without what belongs to one record, so that equal causes can be counted."""
    return _key(reason).replace(_PLACE, _MASK)


def cause(reason: str) -> str:
    """A reason without place, id and value of the record, but with its numbers."""
    for pattern, replacement in _PARTICULARS:
        reason = pattern.sub(replacement, reason)
    return reason


def says(reason: str, text: str) -> bool:
    """Whether a reason contains a text, in upper or lower case.

    The text may be one of those that :class:`Kinds` counts, where an ellipsis is anything.
    """
    wanted = re.compile(
        ".*?".join(map(re.escape, text.split(_MASK))), re.IGNORECASE | re.DOTALL
    )  # fmt: skip
    return bool(wanted.search(reason) or wanted.search(cause(reason)))


def _key(reason: str) -> str:
    found = _NUMBER.sub(_PLACE, cause(reason).replace(_PLACE, " "))
    return found if len(found) <= _LENGTH else found[: _LENGTH - 1] + _MASK


class Kinds:
    """How many letters there are of each kind of reason.

    Args:
        reasons: the first reasons.
    """

    def __init__(self, reasons: Iterable[str] = ()) -> None:
        self._counts: Counter[str] = Counter()
        # Of each kind the numbers that all its reasons have.
        self._numbers: dict[str, list[str]] = {}
        self._others = 0
        for reason in reasons:
            self.add(reason)

    def add(self, reason: str) -> None:
        """Count one more letter."""
        name = _key(reason)
        if name not in self._counts and len(self._counts) >= MOST:
            self._others += 1
            return
        self._counts[name] += 1
        numbers = _NUMBER.findall(cause(reason))
        known = self._numbers.setdefault(name, numbers)
        if known != numbers:
            self._numbers[name] = [
                one if one == other else _MASK for one, other in zip(known, numbers, strict=False)
            ]

    @property
    def total(self) -> int:
        """How many letters were counted."""
        return self._counts.total() + self._others

    def most_common(self) -> list[tuple[str, int]]:
        """Kinds and numbers, the most frequent first; what is not told apart is the last.

        A number is left out where it differs among the letters of a kind.
        """
        named = [(self._named(name), count) for name, count in self._counts.most_common()]
        return named + [(OTHERS, self._others)] * bool(self._others)

    def _named(self, name: str) -> str:
        first, *parts = name.split(_PLACE)
        numbers = self._numbers[name]
        return first + "".join(
            number + part for number, part in zip(numbers, parts, strict=False)
        )  # fmt: skip
