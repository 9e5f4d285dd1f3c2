"""Does the index hold what the runs sent: nothing twice, nothing lost, nothing different?"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import nsmallest
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, Literal, Protocol

from idemflow.elasticsearch.baseline import Pointer
from idemflow.elasticsearch.entries import Entry, Repeated, SentInRun, newest, went_in
from idemflow.elasticsearch.examples import Example, examples
from idemflow.elasticsearch.last_run import LastRun
from idemflow.elasticsearch.manifests import Chunk
from idemflow.elasticsearch.spill import Row, Scratch, Spill
from idemflow.pipeline.identity import Unique
from idemflow.steps.rules.identity import (
    NoIdentity,
    canonical,
    checksum,
    content_digest,
    content_hash,
    id_maker,
)

_log = logging.getLogger(__name__)

# Ids of a kind that a report names; the others are counted.
NAMED = 20
Problem = Literal["missing", "extra", "different"]
PROBLEMS: tuple[Problem, ...] = ("missing", "extra", "different")
WriteId = Callable[[Problem, str, str], None]
"""Takes a problem, the index, and the document's id."""
OnItsWay = Callable[[str], bool]
"""Takes a run's id."""
# In place of the number of a run: in the rows of what is in the index, of what is not to be judged,
# of dead letters, and of the last run.
_FOUND, _OPEN, _DEAD, _LAST = -1, -2, -3, -4
_DIGEST, _NO_DIGEST = 32, "no canonical form"  # characters of one, and none
_NO_RUN = LastRun()


class Sent(Protocol):
    """Knows what was sent: see :class:`idemflow.elasticsearch.manifests.Manifests`."""

    def sent_to(self, index: str) -> Iterator[Chunk]: ...
    def of_run(self, run: str, *, after: int) -> Iterator[Chunk]: ...
    def folded(self, index: str) -> Pointer: ...


class Contents(Protocol):
    """Knows what is in an index: see :class:`idemflow.elasticsearch.documents.Documents`."""

    def documents(self, index: str) -> Iterator[tuple[str, dict[str, Any]]]: ...


class DeadLetters(Protocol):
    """Knows them: see :class:`idemflow.dead_letters.store.Letters`."""

    def versions(self, index: str) -> Iterator[tuple[str, int | None]]: ...


@dataclass(frozen=True)
class Verification:
    """An index compared with what the runs sent.

    Attributes:
        pipeline: the pipeline's name.
        index: the index' name.
        runs: how many runs sent something to it.
        expected: documents that should be there.
        documents: documents that are there.
        expected_checksum: order-independent checksum of what should be there.
        checksum: the same of what is there.
        missing: the first ids that are not there, sorted; at most :data:`NAMED`.
        extra: the same of ids that no run sent.
        different: the same of ids whose contents differ from what was sent last.
        behind: the same of ids whose newer state is a dead letter: what is there is older.
        missing_count: how many are missing.
        extra_count: how many no run sent.
        different_count: how many differ.
        behind_count: how many have a newer state that is a dead letter.
        running: whether records are on their way: what became of them is not judged.
        unsettled: ids that were not judged, because a run that is on its way has sent them.
        repeated: records of the last run whose id another record of it has as well.
        collisions: those of them with another content: of each id, one record counts.
        examples: some of these ids, with two records each.
        other_identity: documents that were sent, but under another id than the pipeline's identity
            makes of their content now.
        unique: what the pipeline says of ids that are there twice.
        ran: whether the ledger knows of a run; without one there is nothing to compare.
    """

    pipeline: str
    index: str
    runs: int
    expected: int
    documents: int
    expected_checksum: str
    checksum: str
    missing: list[str]
    extra: list[str]
    different: list[str]
    behind: list[str]
    missing_count: int
    extra_count: int
    different_count: int
    behind_count: int
    running: bool
    unsettled: int
    repeated: int
    collisions: int
    examples: tuple[Example, ...]
    other_identity: int
    unique: Unique
    ran: bool = True

    @property
    def equal(self) -> bool:
        """Whether the index is exactly what the runs sent, as far as that is settled."""
        return not (self.missing_count or self.extra_count or self.different_count)


@dataclass
class _Side:
    """Documents counted and summed up."""

    documents: int = 0
    sum: int = 0

    @classmethod
    def of(cls, entries: Mapping[str, str]) -> _Side:
        return cls(len(entries), int(checksum(entries.items()), 16))

    def add(self, other: _Side) -> None:
        self.documents += other.documents
        self.sum += other.sum

    @property
    def checksum(self) -> str:
        return f"{self.sum % (1 << 128):032x}"


@dataclass
class _Comparison:
    write: WriteId | None
    on_its_way: OnItsWay | None
    unsettled: int = 0
    repeated: Repeated = field(default_factory=Repeated)
    other_identity: int = 0
    expected: _Side = field(default_factory=_Side)
    found: _Side = field(default_factory=_Side)
    named: dict[Problem, list[str]] = field(default_factory=lambda: {name: [] for name in PROBLEMS})
    counts: dict[Problem, int] = field(default_factory=lambda: dict.fromkeys(PROBLEMS, 0))
    behind: list[str] = field(default_factory=list)
    behind_count: int = 0

    def add(self, index: str, rows: Iterable[Row]) -> None:
        """Compare what was sent to an index with what is there, for some ids."""
        expected: dict[str, Entry] = {}
        found: dict[str, str] = {}
        unsettled: set[str] = set()
        others: list[str] = []
        dead: list[tuple[str, int | None]] = []
        for run, some in groupby(rows, key=itemgetter(2)):
            if run == _FOUND:
                for key, _, _, kind, digest, _ in some:
                    found[key] = digest
                    if kind == _OTHER_IDENTITY:
                        others.append(key)
            elif run == _OPEN:
                unsettled.update(key for key, *_ in some)
            elif run == _DEAD:
                dead += ((key, version) for key, *_, version in some)
            else:
                sent_then, counting = _of_run(some)
                newest(expected, ((key, *entry) for key, entry in counting.items()))
                if run == _LAST:
                    self.repeated.add(sent_then)
        if self.on_its_way is not None:
            # What no run sent may be of a run whose manifest is not written yet.
            unsettled |= found.keys() - expected.keys()
            self.unsettled += len(unsettled)
            for key in unsettled:
                expected.pop(key, None)
                found.pop(key, None)
        if dead:
            self._note_behind({key for key, version in dead if _older(expected.get(key), version)})
        _as_sent(found, expected)
        # A record that deletes leaves nothing to look for.
        sent = {key: digest for key, (digest, _) in expected.items() if digest}
        self.other_identity += sum(key in sent and sent[key] == found[key] for key in others)
        side = _Side.of(sent)
        self.expected.add(side)
        if sent == found:  # as almost always: it is worth half of the time
            self.found.add(side)
            return
        self.found.add(_Side.of(found))
        self._note("missing", index, sent.keys() - found.keys())
        self._note("extra", index, found.keys() - sent.keys())
        changed = {key for key, digest in sent.items() if found.get(key, digest) != digest}
        self._note("different", index, changed)

    def _note_behind(self, ids: set[str]) -> None:
        self.behind_count += len(ids)
        self.behind = nsmallest(NAMED, chain(self.behind, ids))

    def _note(self, problem: Problem, index: str, ids: set[str]) -> None:
        if not ids:
            return
        self.counts[problem] += len(ids)
        self.named[problem] = nsmallest(NAMED, chain(self.named[problem], ids))
        if self.write is not None:
            for identifier in sorted(ids):
                self.write(problem, index, identifier)


def verify(
    sent: Sent,
    contents: Contents,
    pipeline: str,
    name: str,
    indices: list[str],
    *,
    scratch: Scratch,
    identity: Mapping[str, Any] | None = None,
    last_run: LastRun = _NO_RUN,
    unique: Unique = "allow",
    letters: DeadLetters | None = None,
    write: WriteId | None = None,
    on_its_way: OnItsWay | None = None,
) -> Verification:
    """Compare indices with everything that was sent to them.

    What counts for an id is the newest version of what was sent, of equal ones the later, and
    without versions what was sent last; never what was refused or stale. Of what was refused the
    report says where it was newer than what counts.

    Args:
        sent: what was sent.
        contents: what is in the indices.
        pipeline: the pipeline's name, for the report.
        name: what readers call the index.
        indices: the indices that hold its documents; all pipelines that write to them count.
        scratch: room for their ids.
        identity: the rule that makes the ids of its documents; ``None`` where others do, too.
        last_run: the last run of its source.
        unique: what the pipeline says of ids that are there twice, for the report.
        letters: the pipeline's dead letters, of which none went in since.
        write: given each id that is missing, extra or different, in no order.
        on_its_way: says of a run whether some of its records may not have arrived yet; ``None``
            where nothing is on its way.

    Raises:
        IdemflowError: the disk is full, or a manifest is damaged.
    """
    runs, rows = scratch.spill(), scratch.spill()
    folded = 0
    id_of = id_maker(identity) if identity else None
    comparison = _Comparison(write, on_its_way)
    for place, index in enumerate(indices):
        _log.info("%s: compare %s with what was sent to it", pipeline, index)
        baseline = sent.folded(index)
        folded += baseline.runs
        rows.add(
            _sent_rows(sent.sent_to(index), place, runs, baseline.last, last_run.run, on_its_way)
        )
        rows.add(
            (key, place, _FOUND, _kind(id_of, key, source), digest_of(source), None)
            for key, source in contents.documents(index)
        )
        comparison.repeated.count(*last_run.repeated.get(index, (0, 0)))
        if letters is not None:
            dead = letters.versions(index)
            rows.add((key, place, _DEAD, "", "", version) for key, version in dead)
    for part in rows.parts():
        for place, some in groupby(part, key=itemgetter(1)):
            comparison.add(indices[place], some)
    repeated = comparison.repeated
    return Verification(
        pipeline=pipeline,
        index=name,
        runs=folded + sum(len({run for run, *_ in part}) for part in runs.parts()),
        expected=comparison.expected.documents,
        documents=comparison.found.documents,
        expected_checksum=comparison.expected.checksum,
        checksum=comparison.found.checksum,
        missing=comparison.named["missing"],
        extra=comparison.named["extra"],
        different=comparison.named["different"],
        behind=comparison.behind,
        missing_count=comparison.counts["missing"],
        extra_count=comparison.counts["extra"],
        different_count=comparison.counts["different"],
        behind_count=comparison.behind_count,
        running=on_its_way is not None,
        unsettled=comparison.unsettled,
        repeated=repeated.records,
        collisions=repeated.collisions,
        examples=examples(
            sent.of_run(last_run.run, after=-1) if repeated.ids else (), indices, repeated.ids
        ),
        other_identity=comparison.other_identity,
        unique=unique,
    )


_SENT = ""
_REFUSED = "refused"
_OTHER_IDENTITY = "other identity"


def _sent_rows(
    chunks: Iterable[Chunk],
    place: int,
    runs: Spill,
    folded: Collection[str],
    last: str,
    on_its_way: OnItsWay | None,
) -> Iterator[Row]:
    """Rows of an id, an index, the number of a run, a kind, a content hash and a version."""
    for order, (run, some) in enumerate(groupby(chunks, key=lambda chunk: chunk.run)):
        counted = run in folded
        unsettled = on_its_way is not None and on_its_way(run)
        number = _LAST if run == last and not (counted or unsettled) else order
        for chunk in some:
            if not (chunk.compacted or counted):
                runs.add([(run,)])
                counted = True
            if unsettled and not chunk.compacted:
                for key, *_ in chunk.entries:
                    yield key, place, _OPEN, _SENT, "", None
            for key, digest, version in chunk.entries:
                yield key, place, number, _SENT, digest, version
            for key, _, version in chain(chunk.stale, chunk.given_up):
                yield key, place, number, _REFUSED, "", version


def _of_run(rows: Iterable[Row]) -> tuple[SentInRun, Mapping[str, Entry]]:
    """What one run sent under some ids; and what of it counts, of what was not refused."""
    found: list[tuple[str, str, int | None]] = []
    refused: set[tuple[str, int | None]] = set()
    for kind, some in groupby(rows, key=itemgetter(3)):
        if kind == _REFUSED:
            refused.update((key, version) for key, *_, version in some)
        else:
            found += ((key, digest, version) for key, _, _, _, digest, version in some)
    sent = SentInRun()
    sent.add(found)
    return sent, went_in(found, refused) if refused else sent.entries


def _older(entry: Entry | None, version: int | None) -> bool:
    """Whether what counts is older than a dead letter of this version; one that went in since is
    none any more."""
    return entry is not None and (None in (entry[1], version) or entry[1] <= version)  # type: ignore[operator]


def _kind(
    id_of: Callable[[Mapping[str, Any]], str] | None, identifier: str, document: Mapping[str, Any]
) -> str:
    """Whether the identity makes the id of the document's content."""
    try:
        return "" if id_of is None or id_of(document) == identifier else _OTHER_IDENTITY
    except (NoIdentity, RecursionError):
        return _OTHER_IDENTITY


def _as_sent(found: dict[str, str], expected: Mapping[str, Entry]) -> None:
    """Of what is there, take the digest of the kind that was noted when it was sent."""
    for key in [key for key, digest in found.items() if len(digest) > _DIGEST]:
        digest, rounded = found[key].split()
        found[key] = rounded if key in expected and expected[key][0] == rounded else digest


def digest_of(document: Mapping[str, Any]) -> str:
    """What says what a document's content is; of one that no run can have sent, another text.

    Where numbers have more digits than a double: that, a space, and what an idemflow that did not
    compare them would have noted.
    """
    try:
        digest, rounded = content_digest(document), content_hash(canonical(document))
    except (ValueError, RecursionError):
        return _NO_DIGEST
    return digest if digest == rounded else f"{digest} {rounded}"
