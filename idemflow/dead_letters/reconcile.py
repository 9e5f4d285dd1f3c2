"""Deletes the dead letters whose record has gone in since, in the same state or a newer one, and
those of the same record in an older file.

All rules read Elasticsearch alone, so they may be applied at any time, by any command: what a
killed command left undone, the next one does. A letter that is deleted while its record is still
on its way is not lost: it waits in NiFi's queues, and becomes a dead letter again if it must.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import groupby, pairwise
from operator import itemgetter
from typing import NamedTuple, Protocol

from idemflow.dead_letters.store import Letter, as_row, from_row
from idemflow.elasticsearch.manifests import Chunk
from idemflow.elasticsearch.run_progress import RunLedger, RunProgress
from idemflow.elasticsearch.search import batches
from idemflow.elasticsearch.spill import Row, Scratch

_log = logging.getLogger(__name__)

# What a letter and what is known of its record take in memory, in bytes.
_LETTER_BYTES = 2000
# Ids that are asked for at a time.
_AT_ONCE = 10_000


class Letters(Protocol):
    """The dead letters of a pipeline: see :class:`idemflow.dead_letters.store.Letters`."""

    pipeline: str

    def count(self) -> int: ...
    def marked(self) -> Iterator[Letter]: ...
    def with_id(self) -> Iterator[Letter]: ...
    def of_dated_files(self) -> Iterator[Letter]: ...
    def delete(self, letters: Iterable[Letter]) -> int: ...
    def note_checked(self, letters: Iterable[Letter], run: str) -> None: ...


class Runs(RunLedger, Protocol):
    """What the ledger has of runs: see :class:`idemflow.elasticsearch.ledger.Ledger`."""

    def summaries(self, pipeline: str, *, after: str) -> Iterator[tuple[str, int]]: ...


class Sent(Protocol):
    """What was sent: see :class:`idemflow.elasticsearch.manifests.Manifests`."""

    def of_run(self, run: str, *, after: int = -1) -> Iterator[Chunk]: ...
    def since(self, pipeline: str, run: str) -> Iterator[Chunk]: ...
    def folded_since(self, pipeline: str, run: str) -> Iterator[Chunk]: ...


class Contents(Protocol):
    """What is in the indices: see :class:`idemflow.elasticsearch.documents.Documents`."""

    def refresh(self, *indices: str) -> None: ...
    def existing(self, index: str, ids: Iterable[str]) -> Iterator[str]: ...
    def versions(self, index: str, ids: Iterable[str]) -> Iterator[tuple[str, int]]: ...


@dataclass(frozen=True)
class Records:
    """Where it is read what became of the letters' records.

    Attributes:
        runs: what the ledger has of runs.
        sent: what was sent.
        contents: what is in the indices.
        scratch: room for ids.
    """

    runs: Runs
    sent: Sent
    contents: Contents
    scratch: Scratch


def reconcile(letters: Letters, records: Records) -> int:
    """Delete the letters of a pipeline whose record went in, by a replay or by a later run, or is
    in a newer letter as well.

    Args:
        letters: the pipeline's dead letters.
        records: where it is read what became of their records.

    Returns:
        How many were deleted.
    """
    if not letters.count():
        return 0
    deleted = _sent_again(letters, records) + _arrived(letters, records)
    _log.info("%d dead letters deleted: their records went in", deleted)
    return deleted + _of_older_files(letters, records)


def _of_older_files(letters: Letters, records: Records) -> int:
    """Delete the letters of files whose record is in a newer letter of another file, or of another
    line, as well: the beginning of their ids tells."""
    rows = records.scratch.spill()
    for letter in letters.of_dated_files():
        age = [letter.modified, letter.version or 0]
        rows.add([(letter.id.partition("-")[0], age, letter.replay is None, as_row(letter))])
    deleted = 0
    for part in rows.parts():
        newest_first = sorted(part, key=itemgetter(0, 1), reverse=True)
        older = (
            from_row(after[3])
            for one, after in pairwise(newest_first)
            if one[0] == after[0] and after[2]
        )
        deleted += letters.delete(older)
    return deleted


def _sent_again(letters: Letters, records: Records) -> int:
    """Delete the letters that a replay sent and that did not come back: the flow writes a letter
    anew, without the mark, when its record is refused again."""
    deleted = 0
    for replay, marked in groupby(letters.marked(), key=lambda one: str(one.replay)):
        if not _ended(replay, records):
            continue
        rows = records.scratch.spill()
        rows.add(as_row(letter) for letter in marked)
        for chunk in records.sent.of_run(replay):
            rows.add((identifier,) for identifier in chunk.letters)
        for part in rows.parts():
            sent: set[str] = set()
            found: list[Row] = []
            for row in part:
                if len(row) == 1:
                    sent.add(row[0])
                else:
                    found.append(row)
            deleted += letters.delete(from_row(row) for row in found if row[0] in sent)
    return deleted


def _ended(replay: str, records: Records) -> bool:
    """Whether each record of a replay has come to its end."""
    if not RunProgress(records.runs, replay).accounted:
        return False
    rows = records.scratch.spill()
    indices: list[str] = []
    for chunk in records.sent.of_run(replay):
        if chunk.index not in indices:
            indices.append(chunk.index)
        place = indices.index(chunk.index)
        # An entry without a content hash is a delete: there is nothing to look for.
        rows.add((key, place) for key, digest, _ in chunk.entries if digest)
        rows.add((key, None) for key, *_ in (*chunk.stale, *chunk.given_up))
    records.contents.refresh(*indices)
    for part in rows.parts():
        wanted: dict[int, set[str]] = defaultdict(set)
        ended: set[str] = set()
        for key, place in part:
            (ended if place is None else wanted[place]).add(key)
        for place, ids in wanted.items():
            if not _all_exist(records.contents, indices[place], ids - ended):
                return False
    return True


def _all_exist(contents: Contents, index: str, ids: Collection[str]) -> bool:
    return all(
        sum(1 for _ in contents.existing(index, some)) == len(some)
        for some in batches(ids, _AT_ONCE)
    )


def _arrived(letters: Letters, records: Records) -> int:
    """Delete the letters whose record a later run has sent, and the index has now: with versions in
    that of the letter or a newer one, without them in whatever state."""
    deleted = 0
    at_once = max(100, records.scratch.memory // 2 // _LETTER_BYTES)
    for waiting in batches(letters.with_id(), at_once):
        since = min(_checked(letter) for letter in waiting)
        later = _later(records, letters.pipeline, since, {str(one.record_id) for one in waiting})
        gone: set[str] = set()
        asked: dict[str, list[tuple[Letter, _Resent]]] = defaultdict(list)
        for letter in waiting:
            resent = later.sent.get(str(letter.record_id))
            if resent is None or resent.last <= letter.run:
                continue
            if resent.version is None and not resent.digest:
                gone.add(letter.id)  # of a delete nothing is left that could be looked for
            else:
                asked[resent.to].append((letter, resent))
        pending: set[str] = set()
        records.contents.refresh(*asked)
        for index, ones in asked.items():
            ids = {str(letter.record_id) for letter, _ in ones}
            there = dict(records.contents.versions(index, ids))
            for letter, resent in ones:
                if _went_in(letter, resent, there.get(str(letter.record_id))):
                    gone.add(letter.id)
                elif not resent.older_than(letter):
                    pending.add(letter.id)
        # A note costs a write a letter: it pays where far more was read than that.
        if later.complete and later.read > 10 * len(waiting):
            known = gone | pending
            letters.note_checked(
                (one for one in waiting if one.id not in known and _checked(one) < later.complete),
                later.complete,
            )
        deleted += letters.delete(letter for letter in waiting if letter.id in gone)
    return deleted


class _Resent(NamedTuple):
    """What runs after a certain one sent under an id, and was not refused for good.

    Attributes:
        last: the last of them.
        to: the index that it was sent to.
        run: the run that sent the newest state.
        digest: its content hash; empty for a delete.
        version: its version; ``None`` without versions, -1 where all that was sent was stale.
    """

    last: str
    to: str
    run: str
    digest: str
    version: int | None

    def after(self, known: _Resent | None) -> _Resent:
        """Both, where this was sent after what is known."""
        if known is None:
            return self
        last = max(self, known, key=lambda one: one.last)
        if None in (self.version, known.version):
            newest = max(self, known, key=lambda one: one.run)
        else:
            newest = max(self, known, key=lambda one: (one.version or 0, one.run))
        return newest._replace(last=last.last, to=last.to)

    def older_than(self, letter: Letter) -> bool:
        return None not in (self.version, letter.version) and self.version < letter.version  # type: ignore[operator]


def _went_in(letter: Letter, resent: _Resent, there: int | None) -> bool:
    """Whether a letter's record is in the index, which has it in a certain version."""
    if there is None:
        return False
    if letter.version is None or resent.version is None:
        return True
    if there == letter.version:
        # The same version from before the letter is another content, and the letter is later.
        return resent.version == there and resent.run > letter.run
    return there > letter.version


@dataclass
class _Later:
    """What runs after a certain one sent.

    Attributes:
        sent: the ids that were asked for, with what was sent under them.
        complete: the last run up to which all manifests are whole; empty if there is none.
        read: how many entries were read.
    """

    sent: dict[str, _Resent]
    complete: str = ""
    read: int = 0

    def add(self, key: str, resent: _Resent) -> None:
        self.sent[key] = resent.after(self.sent.get(key))


def _later(records: Records, pipeline: str, since: str, wanted: Collection[str]) -> _Later:
    later = _Later({})
    whole = True
    summaries = records.runs.summaries(pipeline, after=since)
    chunks = ((chunk.run, chunk) for chunk in records.sent.since(pipeline, since))
    both: Iterator[tuple[str, int | Chunk]] = merge(summaries, chunks, key=lambda one: one[0])
    for run, some in groupby(both, key=lambda one: one[0]):
        collected: int | None = None
        taken = 0
        sent: dict[tuple[str, int | None], tuple[str, str]] = {}
        stale: set[tuple[str, int | None]] = set()
        refused: set[tuple[str, int | None]] = set()
        for _, found in some:
            if isinstance(found, int):
                collected = found
                continue
            taken += found.taken
            entries = found.entries
            later.read += len(entries)
            sent.update(
                ((key, version), (found.index, digest))
                for key, digest, version in entries
                if key in wanted
            )
            stale.update((key, version) for key, _, version in found.stale if key in wanted)
            refused.update((key, version) for key, _, version in found.given_up if key in wanted)
        for (key, version), (index, digest) in sent.items():
            if (key, version) in stale:
                later.add(key, _Resent(run, index, "", "", -1))
            elif (key, version) not in refused:
                later.add(key, _Resent(run, index, run, digest, version))
        whole = whole and collected is not None and taken >= collected
        if whole:
            later.complete = run
    # Read last: what is folded meanwhile was among the manifests above, or is in the baseline.
    for chunk in records.sent.folded_since(pipeline, since):
        later.read += len(chunk.entries)
        for key, digest, version in chunk.entries:
            if key in wanted:
                later.add(key, _Resent(chunk.last, chunk.index, chunk.run, digest, version))
    return later


def _checked(letter: Letter) -> str:
    return max(letter.run, letter.checked or "")
