"""What must be in the index, the dead letters and the ledger.

The promises of README and docs in plain Python, written from what they say: nothing here looks at
how idemflow does it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

Row = dict[str, Any]
Counts = dict[str, int]
Kind = Literal["versioned", "plain", "snapshot"]
# The value that the transform raises an error for while it is picky.
UNLUCKY = 13
COUNTED = ("sent", "created", "overwritten", "deleted", "stale", "dead_letters", "repeated")


@dataclass(frozen=True)
class Letter:
    """A dead letter: what a replay sends, and how far the record got in which run."""

    record: Row
    transformed: bool
    run: int
    id: str | None
    version: int | None


class Model:
    """A pipeline whose transform adds ``tag``, whose index takes whole numbers as ``value``.

    Args:
        kind: ``versioned`` has a version and tombstones; ``plain`` only deletes; ``snapshot``
            replaces all.
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.rows: dict[str, Row] = {}  # the database, as the next run reads it
        self.twins: set[str] = set()  # rows that it gives twice
        self.identity = "id"  # the field that makes the document's id
        self.documents: dict[str, Row] = {}  # what readers see
        self.versions: dict[str, int] = {}  # the newest of each id, deleted ones included
        self.letters: dict[str, Letter] = {}  # by the content that was refused first
        self.runs = 0
        self.tag, self.picky = 0, False

    def database(self) -> list[Row]:
        """The rows as the next run reads them; what cannot go in is there once."""
        twins = (row for key, row in self.rows.items() if key in self.twins)
        return [*self.rows.values(), *(row for row in twins if self._good(row))]

    @property
    def unique(self) -> bool:
        """Whether no two rows have one id: only such a snapshot is published."""
        return len(self.database()) == len(self.rows)

    def refuses(self, identity: str) -> bool:
        """Whether a deploy with another identity would leave documents under ids of both."""
        return identity != self.identity and self.kind != "snapshot" and bool(self.documents)

    def run(self, *, published: bool = True) -> Counts:
        """A run of all rows; what its report counts. Only a command publishes a snapshot."""
        before, published = self.documents, published and self.unique
        if self.kind == "snapshot":
            self.documents = {}
        counts = self._send((None, row, False) for row in self.database())
        if self.kind == "snapshot" and published:
            self.letters = {k: one for k, one in self.letters.items() if one.run == self.runs}
        elif self.kind == "snapshot":
            self.documents = before
        return counts

    def replay(self, letters: Iterable[str], mended: Row | None = None) -> Counts:
        """Dead letters are sent again, as they are or with another content."""
        chosen = [(key, self.letters[key]) for key in letters]
        return self._send((key, mended or one.record, one.transformed) for key, one in chosen)

    def _send(self, records: Iterable[tuple[str | None, Row, bool]]) -> Counts:
        self.runs += 1
        counts = dict.fromkeys(COUNTED, 0)
        arrived: set[str] = set()
        for letter, record, transformed in records:
            counts["sent"] += 1
            sent = record if transformed else record | {"tag": self.tag}
            identifier, version = sent[self.identity], self._version(sent)
            if not transformed and self.picky and record["value"] == UNLUCKY:
                refused = Letter(record, False, self.runs, None, None)
            elif identifier in arrived:
                counts["repeated"] += 1
                continue
            elif identifier is None or not self._sound(sent):
                refused = Letter(sent, True, self.runs, identifier, version)
            else:
                self.letters.pop(letter or "", None)
                arrived.add(identifier)
                counts[self._arrive(identifier, version, sent)] += 1
                continue
            self.letters[letter or json.dumps(refused.record)] = refused
            counts["dead_letters"] += 1
        gone = [key for key, one in self.letters.items() if one.id in arrived and self._older(one)]
        for key in gone:
            del self.letters[key]
        return counts

    def _version(self, record: Row) -> int | None:
        return record["seq"] if self.kind == "versioned" else None

    def _good(self, row: Row) -> bool:
        return row["id"] is not None and row["value"] != UNLUCKY and self._sound(row)

    def _sound(self, record: Row) -> bool:
        """Whether it has the version that it needs, and a value unless its document is to go."""
        dated = self.kind != "versioned" or record["seq"] is not None
        return dated and (record["gone"] or isinstance(record["value"], int))

    def _arrive(self, identifier: str, version: int | None, record: Row) -> str:
        if version is not None:
            if version < self.versions.get(identifier, version):
                return "stale"
            self.versions[identifier] = version
        there = self.documents.pop(identifier, None)
        if record["gone"]:
            return "deleted"
        self.documents[identifier] = record
        return "overwritten" if there else "created"

    def _older(self, letter: Letter) -> bool:
        """Whether a letter whose id arrived would only bring back what is older."""
        newest = self.versions.get(letter.id or "", 0)
        return letter.run < self.runs and (letter.version is None or letter.version <= newest)
