"""Kinds of reasons of dead letters: equal causes counted together, in bounded memory."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

# Kinds that are told apart; letters of any further ones are counted together.
MOST = 1000
OTHERS = "other reasons"
# What in a reason belongs to one record: the place in its text, its id, its value, a number.
_PARTICULARS = (
    (re.compile(r"\. Preview of field's value.*", re.DOTALL), ""),
    (re.compile(r" in document with id '.*?'(?=[.:]|$)", re.DOTALL), ""),
    (re.compile(r"\[\d+:\d+\] "), ""),
    (re.compile(r"\d+"), "…"),
)
_LENGTH = 200


def kind(reason: str) -> str:
    """A reason without what belongs to one record, so that equal causes can be counted."""
    for pattern, replacement in _PARTICULARS:
        reason = pattern.sub(replacement, reason)
    return reason if len(reason) <= _LENGTH else reason[: _LENGTH - 1] + "…"


class Kinds:
    """How many letters there are of each kind of reason.

    Args:
        reasons: the first reasons.
    """

    def __init__(self, reasons: Iterable[str] = ()) -> None:
        self._counts: Counter[str] = Counter()
        self._others = 0
        for reason in reasons:
            self.add(reason)

    def add(self, reason: str) -> None:
        """Count one more letter."""
        name = kind(reason)
        if name in self._counts or len(self._counts) < MOST:
            self._counts[name] += 1
        else:
            self._others += 1

    @property
    def total(self) -> int:
        """How many letters were counted."""
        return self._counts.total() + self._others

    def most_common(self) -> list[tuple[str, int]]:
        """Kinds and numbers, the most frequent first; what is not told apart is the last."""
        return self._counts.most_common() + [(OTHERS, self._others)] * bool(self._others)
