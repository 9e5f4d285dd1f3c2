"""Compaction: folds the manifests of an index into its baseline, and deletes them.

Nothing is lost, whenever it is killed and however many do it at a time:

1. From one point in time, the present baseline and the manifests of the runs are read and folded.
2. The new baseline is written under a generation of its own. No reader looks at it yet.
3. The pointer is switched to it, only if it is still as it was read: of two that compact at the
   same time one fails, and takes its baseline back.
4. What was read in step 1 is deleted. A reader who finds some of it still there reads it twice,
   which changes nothing; so does the next compaction, which ends what a killed one left undone.
"""

from __future__ import annotations

import heapq
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from elasticsearch import ConflictError

from idemflow.elasticsearch.baseline import (
    FIELDS,
    Pointer,
    pack_documents,
    pointer_id,
    read_pointers,
)
from idemflow.elasticsearch.connect import Connection
from idemflow.elasticsearch.documents import Documents, Stored, at, stored
from idemflow.elasticsearch.entries import Repeated
from idemflow.elasticsearch.folding import Sent, fold
from idemflow.elasticsearch.ledger import RUNS
from idemflow.elasticsearch.manifests import MANIFESTS, chunk_in, groups_in
from idemflow.elasticsearch.search import batches, every, point_in_time, scan
from idemflow.elasticsearch.spill import Row, Scratch, disk, read_rows, write_rows
from idemflow.errors import IdemflowError

_log = logging.getLogger(__name__)

# Documents with entries in one request, and without.
_PAGE = 20
_BULK = 1000
# Files that are merged at a time, and rows of one that are in memory.
_FILES = 100
_ROWS = 1000
_SENT, _STALE, _GIVEN_UP, _FOLDED = range(4)
_ID = itemgetter(0)


class _Read:
    """What was read, and is deleted in the end."""

    def __init__(self) -> None:
        self.sending: list[Stored] = []
        self.refusing: list[Stored] = []
        self.baseline: list[Stored] = []


def fold_index(
    connection: Documents,
    index: str,
    pipeline: str,
    runs: Collection[str],
    *,
    new: Collection[str],
    recent: str,
    forget: str,
    scratch: Scratch,
    reached: Callable[[str], None] = lambda _: None,
) -> bool:
    """Fold the manifests of runs into the baseline of an index.

    Args:
        connection: Elasticsearch.
        index: the index that the runs sent something to.
        pipeline: their pipeline.
        runs: their ids; each of their records has come to its end.
        new: those of them that no baseline has yet, for counting.
        recent: see :func:`idemflow.elasticsearch.folding.fold`.
        forget: see there.
        scratch: room for entries.
        reached: told of each step that is done: ``read``, ``written``, ``switched``, ``deleting``.

    Returns:
        Whether it was done; else another compaction was faster.
    """
    _log.info(
        "%s: fold the manifests of %d runs into the baseline of %s", pipeline, len(runs), index
    )
    _prepare(connection)
    connection.refresh(MANIFESTS)
    spill = _Spills(scratch)
    read = _Read()
    with point_in_time(connection, MANIFESTS) as pit:
        if pit is None:
            return False
        before = read_pointers(connection, [index], pit={"id": pit}).get(index, Pointer())
        spill.rows.add(_rows(connection, pit, index, pipeline, runs, before, read))
    reached("read")
    generation = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid4().hex[:8]}"
    written: list[str] = []
    number = 0
    kept = spill.sorted(recent=recent, forget=forget)
    for some in batches(pack_documents(index, generation, kept), _PAGE):
        operations: list[dict[str, Any]] = []
        for identifier, document in some:
            operations += [{"create": {"_index": MANIFESTS, "_id": identifier}}, document]
            number += sum(group[-1] for group in document["groups"])
        written += [identifier for identifier, _ in some]
        connection.bulk(operations, refresh=False)
    reached("written")
    added = frozenset(new) - before.last
    after = Pointer(generation, number, before.runs + len(added), added or before.last)
    if not _switch(connection, index, before, after):
        connection.delete(MANIFESTS, ((identifier, {}) for identifier in written))
        return False
    reached("switched")
    note_folded(connection, runs, index, spill.repeated)
    # Those that say what was refused come last: without them, what was refused would count.
    for gone in batches([*read.baseline, *read.sending, *read.refusing], _BULK):
        connection.delete(MANIFESTS, gone)
        reached("deleting")
    return True


def _prepare(connection: Connection) -> None:
    """Add the fields of a baseline to a ledger of an earlier version.

    Raises:
        IdemflowError: the index has several shards, which a reader does not see at one moment.
    """
    name = "index.number_of_shards"
    with connection.errors():
        found = connection.client.indices.get_settings(
            index=MANIFESTS, name=name, flat_settings=True
        )
        connection.client.indices.put_mapping(index=MANIFESTS, properties=FIELDS)
    for index, shards in ((index, one["settings"][name]) for index, one in found.items()):
        if shards != "1":
            raise IdemflowError(
                f"{index} has {shards} shards and so cannot be compacted",
                next_command=f"shrink {index} to one shard, as its index template says",
            )


def _switch(connection: Connection, index: str, before: Pointer, after: Pointer) -> bool:
    """Let an index' pointer name another generation, if nobody else did since it was read."""
    only: dict[str, Any] = {"op_type": "create"}
    if before.generation:
        only = at(before.seq_no, before.primary_term)
    document = {
        "generation": after.generation,
        "documents": after.documents,
        "runs": after.runs,
        "last": sorted(after.last),
    }
    with connection.errors():
        try:
            connection.client.index(
                index=MANIFESTS, id=pointer_id(index), document=document, refresh=True, **only
            )
        except ConflictError:
            return False
    return True


def note_folded(
    connection: Connection,
    runs: Iterable[str],
    index: str,
    repeated: Mapping[str, Repeated] = MappingProxyType({}),
) -> None:
    """Note in the summaries of runs that their manifests are in a baseline of an index, and which
    of them had ids twice: a baseline does not tell."""
    for some in batches(runs, _BULK):
        operations: list[dict[str, Any]] = []
        for run in some:
            found: dict[str, Any] = {"folded": {index: True}}
            if run in repeated:
                found["repeated"] = {index: [repeated[run].records, repeated[run].collisions]}
            operations += [{"update": {"_index": RUNS, "_id": run}}, {"doc": found}]
        connection.bulk(operations, refresh=False)


def _rows(
    connection: Connection,
    pit: str,
    index: str,
    pipeline: str,
    runs: Collection[str],
    pointer: Pointer,
    read: _Read,
) -> Iterator[Row]:
    """A row for each entry: id, run, kind, digest, version, last run, its pipeline, settled.

    Raises:
        IdemflowError: a part of the baseline is missing: without it, the rest must not replace it;
            or something is damaged.
    """

    def hits(query: Mapping[str, Any]) -> Iterator[Any]:
        return scan(
            connection, MANIFESTS, query, pit=pit, page=_PAGE, versions=True,
            sort=({"_seq_no": "asc"},),
        )  # fmt: skip

    found = 0
    for hit in hits({"term": {"baseline": index}}):
        read.baseline.append(stored(hit))
        if hit["_source"]["generation"] != pointer.generation:
            continue
        for group in groups_in(hit):
            found += len(group.entries)
            for id_, digest, version in group.entries:
                kind = _FOLDED if group.run in runs else _SENT
                yield (
                    id_, group.run, kind, digest, version, group.last, group.sender, group.settled
                )  # fmt: skip
    if found != pointer.documents:
        raise IdemflowError(
            f"the baseline of {index} in {MANIFESTS} has {found:,} of {pointer.documents:,} "
            "entries",
            next_command=f"restore {MANIFESTS} from a backup; until then nothing is compacted",
        )
    for hit in hits(every(index=index, pipeline=pipeline)):
        chunk = chunk_in(hit)
        if chunk.run not in runs:
            continue
        entries = chunk.entries
        where = read.sending if entries else read.refusing
        where.append(stored(hit))
        for kind, ended in ((_SENT, entries), (_STALE, chunk.stale), (_GIVEN_UP, chunk.given_up)):
            for id_, digest, version in ended:
                yield id_, chunk.run, kind, digest, version, chunk.run, pipeline, False


class _Spills:
    """Rows by id, and what is kept of them in the order of the runs, on disk where need be."""

    def __init__(self, scratch: Scratch) -> None:
        self.rows = scratch.spill()
        self.repeated: dict[str, Repeated] = defaultdict(Repeated)
        self._folder = scratch.folder
        # Files of one level are merged into one of the next: a row is written once a level.
        self._levels: list[list[Path]] = []
        self._number = 0

    def sorted(self, *, recent: str, forget: str) -> Iterator[tuple[str, Sent]]:
        """What is kept of the rows, by run."""
        for part in self.rows.parts():
            kept = [
                (sent.run, sent.settled, sent.last, sent.sender, id_, sent.digest, sent.version)
                for id_, sent in _folded(part, self.repeated, recent=recent, forget=forget)
            ]
            kept.sort(key=_by_run)
            self._write(kept)
        for row in _merged(chain.from_iterable(self._levels)):
            run, settled, last, sender, id_, digest, version = row
            yield id_, Sent(run, digest, version, last, sender, settled)

    def _write(self, rows: Iterable[Row], level: int = 0) -> None:
        if level == len(self._levels):
            self._levels.append([])
        files = self._levels[level]
        if len(files) == _FILES:
            self._write(_merged(files), level + 1)
            files.clear()
        file = self._folder / f"sorted-{self._number}"
        self._number += 1
        with disk(self._folder), file.open("wb") as stream:
            for some in batches(rows, _ROWS):
                write_rows(stream, some)
        files.append(file)


def _merged(files: Iterable[Path]) -> Iterator[Row]:
    return heapq.merge(*map(_read_and_delete, files), key=_by_run)


def _read_and_delete(file: Path) -> Iterator[Row]:
    yield from read_rows(file)
    file.unlink()


def _by_run(row: Row) -> Row:
    return row[:4]


def _folded(
    part: Iterable[Row], repeated: Mapping[str, Repeated], *, recent: str, forget: str
) -> Iterator[tuple[str, Sent]]:
    """What is kept of some ids, of which all rows are given; counts those that a run sent twice."""
    rows = sorted(part, key=_ID)  # those of an id stay in the order in which they were read
    for id_, group in groupby(rows, key=_ID):
        ones = list(group)
        refused: dict[int, set[tuple[str, int | None]]] = {_STALE: set(), _GIVEN_UP: set()}
        for _, run, kind, _, version, *_ in ones:
            if kind in refused:
                refused[kind].add((run, version))
        sent = _last_of_each_run(ones, repeated, list(refused.values()))
        stale, given_up = refused[_STALE], refused[_GIVEN_UP]
        for one in fold(sent, stale=stale, given_up=given_up, recent=recent, forget=forget):
            yield id_, one


def _last_of_each_run(
    rows: Iterable[Row],
    repeated: Mapping[str, Repeated],
    refused: Sequence[Collection[tuple[str, int | None]]],
) -> list[Sent]:
    """What each run sent last under an id, in the order of the runs."""
    sent: dict[str, Sent] = {}
    in_baseline: set[str] = set()
    firsts: dict[str, str] = {}
    for _, run, kind, digest, version, last, sender, settled in rows:
        if kind in (_STALE, _GIVEN_UP):
            continue
        known, one = sent.get(run), Sent(run, digest, version, last, sender, settled)
        if kind == _FOLDED:
            in_baseline.add(run)
        elif known is not None and run not in in_baseline:
            first = firsts.setdefault(run, known.digest)
            repeated[run].count(1, int(digest != first))
        sent[run] = one if known is None else _newer(known, one, refused)
    return [sent[run] for run in sorted(sent)]


def _newer(known: Sent, one: Sent, vain: Sequence[Collection[tuple[str, int | None]]]) -> Sent:
    """What a run sent last under an id that it sent twice; in vain only where all of it was."""
    for counts, other in ((known, one), (one, known)):
        if _among(other, vain) and not _among(counts, vain):
            return counts
    if (known.digest, known.version) == (one.digest, one.version):
        # The same as the baseline has, from a manifest that a killed compaction has left.
        return known if known.last >= one.last else one
    if None in (known.version, one.version):
        return one
    return one if one.version >= known.version else known  # type: ignore[operator]


def _among(one: Sent, refused: Iterable[Collection[tuple[str, int | None]]]) -> bool:
    return any((one.run, one.version) in some for some in refused)
