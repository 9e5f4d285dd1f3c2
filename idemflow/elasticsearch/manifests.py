"""What runs sent, read as a stream of the chunks of their manifests.

A chunk names some thousand ids, each with the hash of its content and its version. Chunks come in
pages, so that memory does not grow with the number of runs nor of records.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from idemflow.elasticsearch.baseline import Group, Pointer, groups_of, read_pointers
from idemflow.elasticsearch.connect import Connection
from idemflow.elasticsearch.search import every, point_in_time, scan
from idemflow.errors import IdemflowError
from idemflow.steps.rules.manifest import find, unpack

MANIFESTS = "idemflow-manifests"
# Chunks in one answer: a chunk of 5,000 documents has about 150 KB.
_PAGE = 20
# Sorts right behind a run's id, and is no run's.
_AGAIN = "~again"
# Of equal versions the one counts that was sent last: ids of runs start with the time.
_BY_RUN = ({"run": "asc"}, {"_seq_no": "asc"})

Kind = Literal["entries", "stale", "given_up"]
KINDS: tuple[Kind, ...] = ("entries", "stale", "given_up")
Entries = list[tuple[str, str, int | None]]
"""Document id, content hash (empty for a delete) and version (``None`` without versions)."""


@dataclass(frozen=True)
class Chunk:
    """A part of a run's manifest.

    Attributes:
        id: the chunk's own id: a chunk that is sent again has the same.
        run: the run's id.
        index: the index that the documents went to.
        taken: collected records that the chunk accounts for.
        count: documents that were made of them.
        refused: records without an identity.
        dropped: records that the transform left out.
        letters: the dead letters that a replay has sent with it.
        seq_no: the chunk's place in the order of writes to the ledger.
        compacted: whether it is of a baseline: it counts although its run may be forgotten.
        source: the file that its records come from, if they come from one.
        positions: where in the source the record of each entry is, as text; see
            :mod:`idemflow.steps.rules.positions`.
        last: the last run that sent its ids, in this state or an older one.
        sender: the pipeline that sent it; of a baseline the one that sent its ids last.
        bytes: length of its documents as JSON text.
    """

    id: str
    run: str
    index: str
    taken: int = 0
    count: int = 0
    refused: int = 0
    dropped: int = 0
    letters: Sequence[str] = ()
    seq_no: int = -1
    _packed: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    compacted: bool = False
    source: str | None = None
    positions: str | None = None
    sender: str = ""
    _entries: Entries | None = field(default=None, repr=False)
    last: str = ""
    bytes: int = 0

    @property
    def entries(self) -> Entries:
        """What was sent, in the order in which it was sent."""
        return self._unpacked("entries") if self._entries is None else self._entries

    @property
    def stale(self) -> Entries:
        """What Elasticsearch has in a newer version; the hashes are empty."""
        return self._unpacked("stale")

    @property
    def given_up(self) -> Entries:
        """What Elasticsearch can never take; the hashes are empty."""
        return self._unpacked("given_up")

    def find(self, kind: Kind, identifier: str) -> list[tuple[int, str, int | None]]:
        """The entries of one id, without reading all: number in the chunk, hash and version."""
        with self._damage():
            text = self._packed.get(kind)
            return find(text, identifier) if text else []

    def _unpacked(self, name: Kind) -> Entries:
        with self._damage():
            text = self._packed.get(name)
            return unpack(text) if text else []

    @contextmanager
    def _damage(self) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            raise IdemflowError(
                f"the manifest {self.id} in {MANIFESTS} is damaged: {error}"
            ) from error


class Manifests:
    """Reads manifests.

    Args:
        connection: Elasticsearch.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def sent_to(self, index: str, *, newest_first: bool = False) -> Iterator[Chunk]:
        """What all runs, of any pipeline, sent to an index: run by run, the oldest first.

        A compacted baseline comes as chunks like any other, in their places by their run ids.
        """
        order = "desc" if newest_first else "asc"
        self._connection.refresh(MANIFESTS)
        with point_in_time(self._connection, MANIFESTS) as pit:
            if pit is None:
                return
            pointer = read_pointers(self._connection, [index], pit={"id": pit}).get(index)
            folded = self._folded(pit, index, pointer, order) if pointer else iter(())
            sort = ({"run": order}, {"_seq_no": order})
            sent = self._chunks({"term": {"index": index}}, sort=sort, pit=pit)
            both = (sent, folded) if newest_first else (folded, sent)
            yield from heapq.merge(*both, key=lambda chunk: chunk.run, reverse=newest_first)

    def folded(self, index: str) -> Pointer:
        """How much a compaction has folded of what was sent to an index."""
        self._connection.refresh(MANIFESTS)
        return read_pointers(
            self._connection, [index], index=MANIFESTS, ignore_unavailable=True
        ).get(index, Pointer())

    def of_run(self, run: str, *, after: int = -1) -> Iterator[Chunk]:
        """The manifest of a run, as far as it is there, in the order in which it was written.

        Args:
            run: the run's id.
            after: only chunks with a higher ``seq_no``.
        """
        query = every({"range": {"_seq_no": {"gt": after}}}, run=run)
        return self._chunks(query, sort=({"_seq_no": "asc"},))

    def since(self, pipeline: str, run: str) -> Iterator[Chunk]:
        """What a pipeline's runs after a certain one sent: run by run, the oldest first.

        Without what was folded; who wants that as well reads :meth:`folded_since` afterwards.
        """
        query = every({"range": {"run": {"gt": run}}}, pipeline=pipeline)
        return self._chunks(query, sort=_BY_RUN)

    def _folded(self, pit: str, index: str, pointer: Pointer, order: str) -> Iterator[Chunk]:
        query = every(baseline=index, generation=pointer.generation)
        for hit in scan(
            self._connection, MANIFESTS, query, page=_PAGE, sort=({"number": order},), pit=pit
        ):
            groups = groups_in(hit)
            for group in reversed(groups) if order == "desc" else groups:
                # No refusal of the run hits what an earlier run had sent as well.
                run = f"{group.run}{_AGAIN}" if group.settled else group.run
                yield _compacted(hit, run, group)

    def folded_since(self, pipeline: str, run: str) -> Iterator[Chunk]:
        """The entries of baselines whose ids a pipeline's run after a certain one sent last, in no
        order."""
        query = every({"range": {"newest": {"gt": run}}}, senders=pipeline)
        pointers: dict[str, Pointer] = {}
        self._connection.refresh(MANIFESTS)
        with point_in_time(self._connection, MANIFESTS) as pit:
            if pit is None:
                return
            for hit in scan(self._connection, MANIFESTS, query, page=_PAGE, pit=pit):
                index = hit["_source"]["baseline"]
                if index not in pointers:
                    found = read_pointers(self._connection, [index], pit={"id": pit})
                    pointers[index] = found.get(index, Pointer())
                if hit["_source"]["generation"] != pointers[index].generation:
                    continue
                for group in groups_in(hit):
                    if group.sender == pipeline and group.last > run:
                        yield _compacted(hit, group.run, group)

    def _chunks(
        self,
        query: Mapping[str, Any],
        *,
        sort: Sequence[Mapping[str, str]],
        pit: str | None = None,
    ) -> Iterator[Chunk]:
        if pit is None:
            self._connection.refresh(MANIFESTS)
        for hit in scan(
            self._connection, MANIFESTS, query, page=_PAGE, sort=sort, versions=True, pit=pit
        ):
            yield chunk_in(hit)


def chunk_in(hit: Mapping[str, Any]) -> Chunk:
    """The chunk in a hit that has its sequence number."""
    found = hit["_source"]
    return Chunk(
        id=hit["_id"],
        run=found["run"],
        index=found["index"],
        taken=int(found.get("taken", 0)),
        count=int(found.get("count", 0)),
        refused=int(found.get("refused", 0)),
        dropped=int(found.get("dropped", 0)),
        bytes=int(found.get("bytes", 0)),
        letters=found.get("letters", ()),
        seq_no=hit["_seq_no"],
        source=found.get("source"),
        positions=found.get("positions"),
        _packed={name: found.get(name) for name in ("entries", "stale", "given_up")},
        sender=found.get("pipeline", ""),
    )


def groups_in(hit: Mapping[str, Any]) -> list[Group]:
    """The groups of a hit that is a document of a baseline.

    Raises:
        IdemflowError: the document is damaged.
    """
    try:
        return list(groups_of(hit["_source"]))
    except ValueError as error:
        raise IdemflowError(
            f"the baseline {hit['_id']} in {MANIFESTS} is damaged: {error}"
        ) from error


def _compacted(hit: Mapping[str, Any], run: str, group: Group) -> Chunk:
    return Chunk(
        id=hit["_id"],
        run=run,
        index=hit["_source"]["baseline"],
        compacted=True,
        sender=group.sender,
        _entries=group.entries,
        last=group.last,
    )
