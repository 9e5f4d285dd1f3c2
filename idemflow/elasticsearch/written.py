"""What was written to an index since a run was triggered, summed up while it is written."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from idemflow.elasticsearch.documents import Checkpoints
from idemflow.elasticsearch.search import batches

# So many new documents are worth a look while a run goes on: each look costs a refresh.
_WORTH_READING = 20_000
# How often a look is taken at most, in seconds.
_PAUSE = 2.0
# Ids that are held at a time.
_AT_ONCE = 50_000


class RunIndex(Protocol):
    """What an index has of a run: see :class:`idemflow.elasticsearch.documents.Documents`."""

    def live(self, index: str) -> int: ...
    def existing(self, index: str, ids: Iterable[str], *, pit: str | None) -> Iterator[str]: ...
    def seq_no_checkpoints(self, index: str) -> dict[int, int]: ...
    def written_since(
        self, index: str, since: Checkpoints, until: Checkpoints | None
    ) -> Iterator[str]: ...
    def count_written(self, index: str, since: Checkpoints) -> int: ...


@dataclass(frozen=True)
class IndexCheckpoint:
    """An index just before a run.

    Attributes:
        index: its name.
        documents: how many readers saw.
        seq_no_checkpoints: the sequence number of each shard up to which all was written.
        pit: a point in time, where deletes are to be counted.
    """

    index: str
    documents: int = 0
    seq_no_checkpoints: Checkpoints = field(default_factory=dict)
    pit: str | None = None


@dataclass
class IdSum:
    """A number of ids and the sum of their hashes: of other ids another one, in any order."""

    number: int = 0
    hashes: int = 0

    def __add__(self, other: IdSum) -> IdSum:
        return IdSum(self.number + other.number, (self.hashes + other.hashes) % (1 << 64))

    def add(self, ids: Iterable[str]) -> None:
        # The hash of text is keyed by a secret of the process: no id can be chosen to fit.
        for some in batches(ids, _AT_ONCE):
            self.number += len(some)
            self.hashes = (self.hashes + sum(map(hash, some))) % (1 << 64)


class WrittenIds:
    """The ids of the documents that were written to an index after a checkpoint.

    Args:
        documents: what the index has.
        start: the index at the checkpoint.
    """

    def __init__(self, documents: RunIndex, start: IndexCheckpoint) -> None:
        self.start = start
        self.sum = IdSum()
        self._documents = documents
        self._read = start.seq_no_checkpoints
        self._looked = time.monotonic()

    def advance(self) -> None:
        """Read what has come since the last time, where it is so much that it pays."""
        if time.monotonic() - self._looked < _PAUSE:
            return
        now = self._documents.seq_no_checkpoints(self.start.index)
        if sum(now[shard] - self._read.get(shard, -1) for shard in now) >= _WORTH_READING:
            self._read_until(now)
        self._looked = time.monotonic()

    def rest(self) -> None:
        """Read all that has come by now."""
        self._read_until(self._documents.seq_no_checkpoints(self.start.index))

    def _read_until(self, now: Checkpoints) -> None:
        found = IdSum()
        found.add(self._documents.written_since(self.start.index, self._read, now))
        self.sum = self.sum + found
        self._read = now
