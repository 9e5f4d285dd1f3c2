"""How far is a run? The one place that answers it, for every command."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Protocol

from idemflow.elasticsearch.entries import Entry, Repeated, SentInRun, newest, went_in
from idemflow.elasticsearch.examples import Example, examples
from idemflow.elasticsearch.manifests import Chunk
from idemflow.elasticsearch.spill import Row, Scratch
from idemflow.elasticsearch.written import IdSum, IndexCheckpoint, RunIndex, WrittenIds
from idemflow.errors import PointInTimeLost

# Ids that are held at a time, to be looked for.
_AT_ONCE = 50_000
# Kinds of rows.
_SENT, _STALE, _DEAD, _WRITTEN, _COUNTS = range(5)


class RunLedger(Protocol):
    """What the ledger has of a run: see :class:`idemflow.elasticsearch.ledger.Ledger`."""

    def records(self, run: str) -> int | None: ...
    def accounted(self, run: str) -> int: ...


class RunManifests(Protocol):
    """What was sent: see :class:`idemflow.elasticsearch.manifests.Manifests`."""

    def of_run(self, run: str, *, after: int) -> Iterator[Chunk]: ...
    def sent_to(self, index: str, *, newest_first: bool) -> Iterator[Chunk]: ...


@dataclass(frozen=True)
class Outcome:
    """What became of a run's records.

    Attributes:
        sent: records that were collected.
        created: documents that were not there before.
        overwritten: documents that were there, under the same id, and were written again.
        deleted: documents that are not there, or no longer, because a record says so.
        stale: records that Elasticsearch has in a newer version.
        dropped: records that the transform left out.
        dead_letters: records that can never go in, each of them where several have one id.
        duplicates: documents of the run's time whose id no run sent.
        lost: records that are neither in the index nor dead letters.
        repeated: records whose id another record of the run has as well, beyond the first of each
            id; the counts above are of ids.
        collisions: those of them with another content: of each id, one record counts.
        examples: some of these ids, with two records each.
        bytes: length of the documents that were sent, as JSON text; 0 where that is not known.
    """

    sent: int
    created: int
    overwritten: int
    deleted: int
    stale: int
    dropped: int
    dead_letters: int
    duplicates: int
    lost: int
    repeated: int = 0
    collisions: int = 0
    examples: tuple[Example, ...] = ()
    bytes: int = 0


class RunProgress:
    """How far a run is.

    Args:
        ledger: what the ledger has of it.
        run: the run's id.
    """

    def __init__(self, ledger: RunLedger, run: str) -> None:
        self.run = run
        self._ledger = ledger
        self._records: int | None = None

    @property
    def records(self) -> int | None:
        """How many records were collected; ``None`` until the run's summary has arrived."""
        if self._records is None:
            self._records = self._ledger.records(self.run)
        return self._records

    @property
    def accounted(self) -> bool:
        """Whether the manifest accounts for every record that was collected."""
        return self.records is not None and self._ledger.accounted(self.run) >= self.records


class RunCheck(RunProgress):
    """What became of each record of a run.

    While the run goes on, the ids that it sent and those that were written are only summed up. At
    its end, equal sums say that they are the same ids; where they differ, or something became of
    a record but a document or the end of one, all is read once more and compared id by id.

    Args:
        ledger: what the ledger has of it.
        manifests: what it and other runs sent.
        documents: what the index has of it.
        run: the run's id.
        starts: the indices that it may write to, since before it; others are new.
        target: the index of a run that has sent nothing.
        scratch: room for their ids.
    """

    def __init__(
        self,
        ledger: RunLedger,
        manifests: RunManifests,
        documents: RunIndex,
        run: str,
        *,
        starts: Iterable[WrittenIds],
        target: str,
        scratch: Scratch,
    ) -> None:
        super().__init__(ledger, run)
        self._manifests = manifests
        self._documents = documents
        self._scratch = scratch
        self._indices = {written.start.index: written for written in starts}
        self._target = target
        # Of a run one index; of a replay one or more.
        self._sent: dict[str, IdSum] = {}
        self._tombstones: dict[str, list[str]] = defaultdict(list)
        self._counts: Counter[str] = Counter()
        self._plain = True
        self._manifest_read = -1

    def advance(self) -> None:
        """Read what has come of its manifest since the last time.

        What it has written, :meth:`WrittenIds.advance` reads: before the run's id is known.
        """
        self._read_manifest()

    def outcome(self) -> Outcome:
        """What became of the run's records so far.

        A record has arrived when its document was written after the run started; that
        Elasticsearch has the id from earlier is not enough. A deleted document has arrived when
        it is not there.
        """
        self._read_manifest()
        used = [self._in(index) for index in self._sent or [self._target]]
        for written in used:
            written.rest()
        counts, shown = self._summed_up(used), tuple[Example, ...]()
        if counts is None:
            counts, shown = self._compared(used)
        grown = sum(self._documents.live(one.start.index) - one.start.documents for one in used)
        return replace(_outcome(counts, self.records or 0, grown), examples=shown)

    def _in(self, index: str) -> WrittenIds:
        if index not in self._indices:
            self._indices[index] = WrittenIds(self._documents, IndexCheckpoint(index))
        return self._indices[index]

    def _read_manifest(self) -> None:
        for chunk in self._manifests.of_run(self.run, after=self._manifest_read):
            entries = chunk.entries
            # What names the letters of a replay accounts for no record.
            if chunk.taken:
                sent = self._sent.setdefault(chunk.index, IdSum())
                sent.add(key for key, digest, _ in entries if digest)
                self._tombstones[chunk.index] += (key for key, digest, _ in entries if not digest)
            self._plain &= len(self._tombstones[chunk.index]) <= _AT_ONCE
            self._plain &= not (chunk.stale or chunk.given_up)
            self._counts.update(_counts_of(chunk))
            self._manifest_read = chunk.seq_no

    def _summed_up(self, used: Iterable[WrittenIds]) -> Counter[str] | None:
        """What became of the records, if every one is a document of its own, or has deleted one."""
        if not self._plain:
            return None
        counts = +self._counts
        for written in used:
            start, found = written.start, written.sum
            counts["live"] += found.number
            if (
                self._sent.get(start.index, IdSum()) != found
                # Of a document that was deleted since its id was read, no sequence number tells.
                or self._documents.count_written(start.index, start.seq_no_checkpoints)
                != found.number
            ):
                return None
            deleted = self._tombstones[start.index]
            counts["deleted"] += len(deleted)
            counts["gone"] += self._there_before(start, deleted)
            # One that is there was sent as a document as well, or was not deleted.
            if len(set(deleted)) < len(deleted) or self._there(start.index, deleted):
                return None
        # A chunk that was sent again was read twice.
        return counts if counts["taken"] == self._ledger.accounted(self.run) else None

    def _compared(self, used: Iterable[WrittenIds]) -> tuple[Counter[str], tuple[Example, ...]]:
        counts: Counter[str] = Counter()
        shown: tuple[Example, ...] = ()
        for written in used:
            repeated = self._compare(written.start, counts)
            counts.update(repeated=repeated.records, collisions=repeated.collisions)
            if repeated.records and not shown:
                manifest = self._manifests.of_run(self.run, after=-1)
                shown = examples(manifest, [written.start.index], repeated.ids)
        return counts, shown

    def _compare(self, start: IndexCheckpoint, counts: Counter[str]) -> Repeated:
        """Count what became of what was sent to one index; and which ids are there twice."""
        ids = self._scratch.spill()
        for chunk in self._manifests.of_run(self.run, after=-1):
            if chunk.index == start.index:
                ids.add(_rows_of(chunk))
        written = self._documents.written_since(start.index, start.seq_no_checkpoints, None)
        ids.add((key, _WRITTEN, "", None) for key in written)
        deleted: list[str] = []
        strangers: list[str] = []
        repeated = Repeated()
        for rows in ids.parts():
            found = _Found(rows, repeated)
            counts.update(found.counts())
            deleted += found.deleted
            strangers += found.written - found.sent
            if len(deleted) >= _AT_ONCE:
                self._look_for_deleted(start, counts, deleted)
            if len(strangers) >= _AT_ONCE:
                self._look_for_senders(start, counts, strangers)
        self._look_for_deleted(start, counts, deleted)
        self._look_for_senders(start, counts, strangers)
        ids.close()
        return repeated

    def _look_for_deleted(
        self, start: IndexCheckpoint, counts: Counter[str], deleted: list[str]
    ) -> None:
        """Count which are still there, and which were there before; the list is empty then."""
        if deleted:
            counts["left"] += self._there(start.index, deleted)
            counts["gone"] += self._there_before(start, deleted)
        deleted.clear()

    def _there(self, index: str, ids: Collection[str]) -> int:
        """How many of some documents there are."""
        return sum(1 for _ in self._documents.existing(index, ids, pit=None)) if ids else 0

    def _there_before(self, start: IndexCheckpoint, ids: Collection[str]) -> int:
        """How many of some documents there were before the run."""
        if start.pit is None or not ids:
            return 0
        try:
            return sum(1 for _ in self._documents.existing(start.index, ids, pit=start.pit))
        except PointInTimeLost:
            # The ledger tells it as well, but has to be read for it.
            return self._sent_before(start.index, ids)

    def _sent_before(self, index: str, ids: Collection[str]) -> int:
        """How many of some documents earlier runs had left in an index."""
        wanted = set(ids)
        counting: dict[str, Entry] = {}
        sent = self._manifests.sent_to(index, newest_first=False)
        for run, chunks in groupby(sent, key=attrgetter("run")):
            if run >= self.run:
                break
            found: list[tuple[str, str, int | None]] = []
            refused: set[tuple[str, int | None]] = set()
            for chunk in chunks:
                found += (one for one in chunk.entries if one[0] in wanted)
                vain = (*chunk.stale, *chunk.given_up)
                refused.update((key, version) for key, _, version in vain if key in wanted)
            entries = went_in(found, refused)
            newest(counting, ((key, *entry) for key, entry in entries.items()))
        return sum(1 for digest, _ in counting.values() if digest)

    def _look_for_senders(
        self, start: IndexCheckpoint, counts: Counter[str], strangers: list[str]
    ) -> None:
        """Count which no other run has sent either; the list is empty then."""
        unknown = set(strangers)
        strangers.clear()
        if unknown:
            for chunk in self._manifests.sent_to(start.index, newest_first=True):
                if chunk.run != self.run:
                    unknown.difference_update(key for key, *_ in chunk.entries)
                if not unknown:
                    break
        counts["strangers"] += len(unknown)


_CHUNK_COUNTS = ("taken", "count", "refused", "dropped", "bytes")


def _counts_of(chunk: Chunk) -> dict[str, int]:
    return {name: getattr(chunk, name) for name in _CHUNK_COUNTS}


def _rows_of(chunk: Chunk) -> Iterator[Row]:
    """Rows of a key, a kind, a content hash or the counts, and a version."""
    yield chunk.id, _COUNTS, _counts_of(chunk), None
    for key, digest, version in chunk.entries:
        yield key, _SENT, digest, version
    for kind, refused in ((_STALE, chunk.stale), (_DEAD, chunk.given_up)):
        for key, digest, version in refused:
            yield key, kind, digest, version


class _Found:
    """Some of a run's ids, by what became of them.

    Args:
        rows: all rows of these ids.
        repeated: counts those that are there twice.
    """

    def __init__(self, rows: Iterable[Row], repeated: Repeated) -> None:
        sent = SentInRun()
        # What was refused again after a rollback is there twice, too.
        refused: dict[int, set[tuple[str, str, int | None]]] = {_STALE: set(), _DEAD: set()}
        self.written: set[str] = set()
        # A chunk that was sent again is there twice.
        self.chunks: dict[str, dict[str, int]] = {}
        for kind, some in groupby(rows, key=itemgetter(1)):
            if kind == _SENT:
                sent.add((key, content, number) for key, _, content, number in some)
            elif kind == _WRITTEN:
                self.written.update(key for key, *_ in some)
            elif kind == _COUNTS:
                self.chunks.update((key, content) for key, _, content, _ in some)
            else:
                refused[kind].update((key, content, number) for key, _, content, number in some)
        repeated.add(sent)
        entries = sent.entries
        # Of each id the record that counts: did it go in?
        stale, dead = (
            {key for key, _, version in some if key in entries and entries[key][1] == version}
            for some in (refused[_STALE], refused[_DEAD])
        )
        self.sent = entries.keys()
        letters = [key for key, *_ in refused[_DEAD] if key in self.sent]
        self.dead = set(letters)
        self.stale = stale - self.written - self.dead
        self.deleted = {key for key, (digest, _) in entries.items() if not digest} - stale - dead
        self.missing = self.sent - self.written - stale - dead - self.deleted
        self.live = (self.sent & self.written) - self.deleted
        # Beside one letter of an id another, or something else that became of it.
        others = len(self.dead & (self.live | self.deleted | self.missing))
        self.letters = Counter(dead=len(letters), beside=len(letters) - len(self.dead) + others)

    def counts(self) -> Counter[str]:
        """How many there are of each, and what the chunks count."""
        names = ("stale", "deleted", "missing", "live")
        found = Counter({name: len(getattr(self, name)) for name in names}) + self.letters
        for numbers in self.chunks.values():
            found.update(numbers)
        return found


def _outcome(counts: Counter[str], records: int, grown: int) -> Outcome:
    """Add what readers see more than before the run.

    Args:
        counts: how many ids are what; how many dead letters there are, and how many of them
            ``beside`` another record of their id; of the ids that were deleted, how many are
            ``left``, and how many were there before and are ``gone``.
        records: how many were collected.
        grown: so many documents more than before.
    """
    created = min(max(grown - counts["strangers"] + counts["gone"], 0), counts["live"])
    deleted = counts["deleted"] - counts["left"]
    missing = counts["missing"] + counts["left"]
    settled = created + deleted + counts["stale"] + counts["dead"] + counts["repeated"]
    settled -= counts["beside"]
    return Outcome(
        sent=records,
        created=created,
        overwritten=max(0, counts["count"] - settled - missing),
        deleted=deleted,
        stale=counts["stale"],
        dropped=counts["dropped"],
        dead_letters=counts["dead"] + counts["refused"],
        duplicates=counts["strangers"],
        lost=missing + max(0, records - counts["taken"]),
        repeated=counts["repeated"],
        collisions=counts["collisions"],
        bytes=counts["bytes"],
    )
