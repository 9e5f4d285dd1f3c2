"""What runs sent under one document id, the newest run first.

A manifest is no index of ids: the chunks of all runs that are asked for are read, some at a time,
and of each only what names the id is looked at. What is kept is bounded by the number of runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import chain, groupby
from typing import Any, Literal

from idemflow.elasticsearch import backlog
from idemflow.elasticsearch.baseline import Pointer, read_pointers
from idemflow.elasticsearch.ledger import Ledger
from idemflow.elasticsearch.manifests import KINDS, MANIFESTS, Chunk, Kind, chunk_in, groups_in
from idemflow.elasticsearch.search import batches, every, point_in_time, scan
from idemflow.steps.rules.manifest import find
from idemflow.steps.rules.positions import nth

# Chunks in one answer: see :mod:`idemflow.elasticsearch.manifests`.
_PAGE = 20
# So many versions of one id are held of a run: of more, those that come first cannot count.
_VERSIONS = 1000
# Indices that one request names.
_INDICES = 1000

Refused = Literal["stale", "given_up"]


@dataclass(frozen=True)
class Scope:
    """Whose runs are meant: those of some pipelines, and all that sent something to some indices.

    Attributes:
        pipelines: names of pipelines.
        indices: names of indices.
    """

    pipelines: tuple[str, ...] = ()
    indices: tuple[str, ...] = ()

    @property
    def query(self) -> dict[str, Any]:
        """Their manifests, in Elasticsearch's query language."""
        return {
            "bool": {
                "should": [
                    {"terms": {"pipeline": list(self.pipelines)}},
                    {"terms": {"index": list(self.indices)}},
                ],
                "minimum_should_match": 1,
            }
        }


@dataclass(frozen=True)
class Sending:
    """What a run sent under the id to one index.

    Attributes:
        run: the run's id.
        index: the index.
        pipeline: the pipeline's name.
        digest: the content hash of the state that counts; empty for a delete.
        version: its version, where the pipeline has versions.
        records: how many records of the run have the id; 0 where that is not known any more.
        collisions: those of them beyond the first that have another content than that.
        source: the file that the record comes from, if it comes from one.
        position: its place in the source, from 1; ``None`` where that is not known.
        refused: why nothing of it went in: Elasticsearch had a newer version (``stale``), or could
            never take it (``given_up``); ``None`` where something did, or may have.
        given_up: whether one of the records was refused for good, although another went in.
        last: of one that is folded into a baseline the last run that sent the id, in this state or
            an older one; empty of others.
    """

    run: str
    index: str
    pipeline: str
    digest: str
    version: int | None
    records: int = 0
    collisions: int = 0
    source: str | None = None
    position: int | None = None
    refused: Refused | None = None
    given_up: bool = False
    last: str = ""


@dataclass(frozen=True)
class Sendings:
    """All that is known of an id.

    Attributes:
        found: the newest runs first.
        runs: how many runs were looked at, one by one.
        oldest: the oldest of them; empty where there is none.
        more: whether there are older ones.
        folded: how many runs are folded into baselines, which keep what counts and no more.
        sample: an id that the newest of these runs sent, to show what they look like.
    """

    found: list[Sending] = field(default_factory=list)
    runs: int = 0
    oldest: str = ""
    more: bool = False
    folded: int = 0
    sample: str | None = None


def sendings(ledger: Ledger, scope: Scope, identifier: str, *, runs: int | None = None) -> Sendings:
    """Read what was sent under an id.

    Args:
        ledger: the ledger.
        scope: whose runs are meant.
        identifier: the document id.
        runs: at most so many of the newest runs; ``None`` for all whose manifests are there.

    Raises:
        IdemflowError: a manifest or a baseline is damaged.
        PointInTimeLost: Elasticsearch was restarted meanwhile.
    """
    ledger.refresh(MANIFESTS)
    own = (backlog.with_baseline(ledger, name) for name in scope.pipelines)
    indices = sorted({*scope.indices, *chain.from_iterable(own)})
    with point_in_time(ledger, MANIFESTS) as pit:
        if pit is None:
            return Sendings()
        pointers: dict[str, Pointer] = {}
        if indices:
            pointers = read_pointers(ledger, indices, pit={"id": pit})
        read = _Manifests(ledger, pit, scope, identifier, runs)
        found = list(read)
        there = {(one.run, one.index) for one in found}
        # A compaction that was interrupted has left manifests that the baseline has as well.
        found += (
            one
            for one in _folded(ledger, pit, pointers, identifier)
            if (one.run, one.index) not in there
        )
    found.sort(key=lambda one: one.run, reverse=True)
    folded = sum(pointer.runs for pointer in pointers.values())
    return Sendings(found, read.runs, read.oldest, read.more, folded, read.sample)


class _Manifests:
    """What each run sent under the id, as it is read."""

    def __init__(
        self, ledger: Ledger, pit: str, scope: Scope, identifier: str, limit: int | None
    ) -> None:
        self.runs, self.oldest, self.more = 0, "", False
        self.sample: str | None = None
        self._ledger, self._pit, self._scope = ledger, pit, scope
        self._identifier, self._limit = identifier, limit

    def __iter__(self) -> Iterator[Sending]:
        hits = scan(
            self._ledger, MANIFESTS, self._scope.query, page=_PAGE, pit=self._pit, versions=True,
            sort=({"run": "desc"}, {"_seq_no": "asc"}),
        )  # fmt: skip
        with closing(hits):  # type: ignore[type-var]  # a generator
            for run, chunks in groupby(map(chunk_in, hits), key=lambda chunk: chunk.run):
                if self.runs == self._limit:
                    self.more = True
                    return
                self.runs += 1
                self.oldest = run
                yield from of_run(map(self._sampled, chunks), self._identifier)

    def _sampled(self, chunk: Chunk) -> Chunk:
        if self.sample is None and chunk.count:
            self.sample = next((entry[0] for entry in chunk.entries), None)
        return chunk


def of_run(chunks: Iterable[Chunk], identifier: str) -> list[Sending]:
    """What a run sent under an id, one for each index.

    Args:
        chunks: the run's manifest, in the order in which it was written.
        identifier: the document id.
    """
    gathered: dict[str, _Gathered] = {}
    for chunk in chunks:
        names = {kind: chunk.find(kind, identifier) for kind in KINDS}
        if any(names.values()):
            gathered.setdefault(chunk.index, _Gathered(chunk)).add(chunk, names)
    return [one.sending() for one in gathered.values()]


@dataclass(frozen=True)
class _State:
    order: int
    version: int | None
    digest: str
    source: str | None = None
    position: int | None = None

    @property
    def rank(self) -> tuple[int, int]:
        """The higher one counts: the newer version, and of equals, or without, the later."""
        return -1 if self.version is None else self.version, self.order


class _Gathered:
    """What one run sent under the id to one index, gathered from its chunks."""

    def __init__(self, chunk: Chunk) -> None:
        self._chunk = chunk
        self._records = self._collisions = 0
        self._first: str | None = None
        self._states: dict[int | None, _State] = {}
        self._refused: dict[Refused, set[int | None]] = {"stale": set(), "given_up": set()}

    def add(
        self, chunk: Chunk, names: Mapping[Kind, Sequence[tuple[int, str, int | None]]]
    ) -> None:
        for number, digest, version in names["entries"]:
            self._records += 1
            if self._first is None:
                self._first = digest
            self._collisions += digest != self._first
            position = nth(chunk.positions, number)
            self._states[version] = _State(self._records, version, digest, chunk.source, position)
        for kind, versions in self._refused.items():
            versions.update(version for _, _, version in names[kind])
            if len(versions) > 2 * _VERSIONS:
                self._refused[kind] = set(nlargest(_VERSIONS, versions, key=_none_first))
        if len(self._states) > 2 * _VERSIONS:
            kept = nlargest(_VERSIONS, self._states.values(), key=lambda one: one.rank)
            self._states = {one.version: one for one in kept}

    def sending(self) -> Sending:
        vain = self._refused["stale"] | self._refused["given_up"]
        went_in = [one for version, one in self._states.items() if version not in vain]
        refused: Refused | None = None
        if went_in:
            state = max(went_in, key=lambda one: one.rank)
        else:
            known = self._states.values() or [_State(0, max(vain, key=_none_first), "")]
            state = max(known, key=lambda one: one.rank)
            refused = "given_up" if state.version in self._refused["given_up"] else "stale"
        return Sending(
            run=self._chunk.run,
            index=self._chunk.index,
            pipeline=self._chunk.sender,
            digest=state.digest,
            version=state.version,
            records=self._records,
            collisions=self._collisions,
            source=state.source,
            position=state.position,
            refused=refused,
            given_up=bool(self._refused["given_up"]),
        )


def _none_first(version: int | None) -> int:
    return -1 if version is None else version


def _folded(
    ledger: Ledger, pit: str, pointers: Mapping[str, Pointer], identifier: str
) -> Iterator[Sending]:
    """What the baselines of indices have of the id."""
    for names in batches(pointers, _INDICES):
        hits = scan(ledger, MANIFESTS, every({"terms": {"baseline": names}}), page=_PAGE, pit=pit)
        for hit in hits:
            document = hit["_source"]
            if document["generation"] != pointers[document["baseline"]].generation:
                continue
            if not _named_in(document["entries"], identifier):
                continue
            for group in groups_in(hit):
                for found, digest, version in group.entries:
                    if found == identifier:
                        yield Sending(
                            group.run, document["baseline"], group.sender, digest, version,
                            last=group.last,
                        )  # fmt: skip


def _named_in(entries: str, identifier: str) -> bool:
    try:
        return bool(find(entries, identifier))
    except ValueError:
        return True  # the reader of the whole document says what is wrong with it
