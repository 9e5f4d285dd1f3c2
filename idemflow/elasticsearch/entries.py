"""What counts of all that was sent under one id."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest

# Ids that a report shows.
SHOWN = 2

Entry = tuple[str, int | None]
"""The hash of a document's content, blank for a delete; and the version, where there is one."""


def newest(entries: dict[str, Entry], found: Iterable[tuple[str, str, int | None]]) -> None:
    """Add what was sent to what was sent before: a higher version counts, and of equals the later.

    Args:
        entries: document id to what counts so far; changed in place.
        found: id, digest and version of what was sent after it.
    """
    for identifier, digest, version in found:
        known = entries.get(identifier)
        if known is None or known[1] is None or version is None or version >= known[1]:
            entries[identifier] = (digest, version)


def went_in(
    found: Sequence[tuple[str, str, int | None]], refused: Collection[tuple[str, int | None]]
) -> dict[str, Entry]:
    """What counts of what one run sent, without what was refused of it.

    Args:
        found: id, digest and version of what it sent.
        refused: id and version of what was refused.
    """
    entries: dict[str, Entry] = {}
    newest(entries, (one for one in found if (one[0], one[2]) not in refused))
    return entries


class SentInRun:
    """All that one run sent under some ids.

    Attributes:
        entries: document id to what counts.
        again: how many records have an id that another one before them has.
        collisions: how many of them have another content than the first one.
        firsts: of each such id, the hash of the first content.
        colliding: those of these ids that have several contents.
    """

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.again = self.collisions = 0
        self.firsts: dict[str, str] = {}
        self.colliding: set[str] = set()

    def add(self, found: Iterable[tuple[str, str, int | None]]) -> None:
        """Add what was sent after that: see :func:`newest`."""
        newest(self.entries, self._noted(found))

    def _noted(
        self, found: Iterable[tuple[str, str, int | None]]
    ) -> Iterator[tuple[str, str, int | None]]:
        for entry in found:
            identifier, digest, _ = entry
            if (known := self.entries.get(identifier)) is not None:
                self.again += 1
                if digest != self.firsts.setdefault(identifier, known[0]):
                    self.collisions += 1
                    self.colliding.add(identifier)
            yield entry


@dataclass
class Repeated:
    """Records of a run whose id another record of it has as well.

    Attributes:
        records: how many there are beyond the first of each id.
        collisions: those of them that have another content than the first.
    """

    records: int = 0
    collisions: int = 0
    _shown: list[tuple[bool, str]] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        """The first of these ids, those of collisions before others."""
        return [identifier for _, identifier in self._shown]

    def count(self, records: int, collisions: int) -> None:
        """Add to both."""
        self.records += records
        self.collisions += collisions

    def add(self, sent: SentInRun) -> None:
        """Add what it sent under some more ids."""
        if sent.again:
            self.count(sent.again, sent.collisions)
            ids = ((identifier not in sent.colliding, identifier) for identifier in sent.firsts)
            self._shown = nsmallest(SHOWN, [*self._shown, *ids])
