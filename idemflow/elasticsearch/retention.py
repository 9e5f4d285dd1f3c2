"""What of the ledger is folded or deleted, and when that pays.

A run may be folded once each of its records has come to its end: its manifest accounts for all of
them, and after that nothing was left in the queues of its flow.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from idemflow.elasticsearch import attempts, backlog
from idemflow.elasticsearch.backlog import Part, Summary
from idemflow.elasticsearch.baseline import Pointer, pointer_id, read_pointers
from idemflow.elasticsearch.compaction import fold_index, note_folded
from idemflow.elasticsearch.documents import stored
from idemflow.elasticsearch.ledger import DEAD_LETTERS, RUNS, Ledger
from idemflow.elasticsearch.manifests import MANIFESTS
from idemflow.elasticsearch.search import batches, every, scan
from idemflow.elasticsearch.spill import Scratch

# A command that waits for a run may still be reading its manifest.
_YOUNG = timedelta(minutes=10)
# It pays to fold this many times the baseline's entries, and at least this many.
_SHARE = 2
_ENTRIES = 20_000
# It pays to look for this many summaries that are older than the retention time.
_OLD = 100
_PAGE = 1000
# Indices that one request names.
_NAMES = 15


def open_runs(ledger: Ledger, pipeline: str, now: datetime) -> Callable[[str], bool]:
    """Says of a run of a pipeline whose flow is busy whether it may not have ended yet."""
    ledger.refresh(RUNS, MANIFESTS)
    taken = _taken(backlog.parts(ledger, pipeline))
    summaries = dict(backlog.summaries(ledger, taken))
    ended = _ended(taken, summaries, now)
    newest = max(taken, default="")
    return lambda run: run not in ended and (run in taken or run > newest)


def _taken(parts: Iterable[Part]) -> dict[str, int]:
    """For how many of its records the manifest of each run accounts."""
    taken: dict[str, int] = defaultdict(int)
    for part in parts:
        taken[part.run] += part.taken
    return taken


def _ended(
    taken: Mapping[str, int],
    summaries: Mapping[str, Summary],
    now: datetime,
    keep: timedelta = timedelta.max,
) -> set[str]:
    """The runs of which every record is accounted for, or so old that none will be any more."""
    return {
        run
        for run, summary in summaries.items()
        if (age := now - summary.collected) > _YOUNG
        and (summary.folded or taken[run] >= summary.records or age > keep)
    }


@dataclass(frozen=True)
class Pruned:
    """What was folded and deleted of the ledger of a pipeline.

    Attributes:
        pipeline: the pipeline's name.
        folded: runs whose manifests were folded.
        manifests: their documents, and those of indices that are gone, which were deleted.
        forgotten: runs older than the retention time, or too many, whose summary was deleted.
        waiting: runs that cannot be folded yet.
        busy: whether records are on their way, so that nothing could be done.
    """

    pipeline: str
    folded: int = 0
    manifests: int = 0
    forgotten: int = 0
    waiting: int = 0
    busy: bool = False


@dataclass(frozen=True)
class Retention:
    """The ledger of a pipeline, and what is kept of it.

    Attributes:
        ledger: the ledger.
        pipeline: the pipeline's name.
        keep: how long summaries of runs are kept.
        own: whether an index has the name of one that a run or a day has for itself; ``None``
            where all runs write to one. The manifests of such an index go with it.
        idle: whether nothing is left in the queues of the pipeline's flow.
        scratch: room for entries.
        now: the present.
        reached: see :func:`idemflow.elasticsearch.compaction.fold_index`.
        runs: how many summaries of runs are kept, the newest; ``None`` for all.
    """

    ledger: Ledger
    pipeline: str
    keep: timedelta
    own: Callable[[str], bool] | None
    idle: Callable[[], bool]
    scratch: Scratch
    now: datetime
    reached: Callable[[str], None] = lambda _: None
    runs: int | None = None

    def due(self) -> bool:
        """Whether it pays by now; asks Elasticsearch for sums alone."""
        self.ledger.refresh(RUNS, MANIFESTS)
        sums = backlog.sums(self.ledger, self.pipeline)
        pointers = read_pointers(self.ledger, sums, index=MANIFESTS) if sums else {}
        return self.ledger.count(RUNS, self._old()) > _OLD or any(
            _pays(cost, runs, pointers.get(index)) for index, (cost, runs) in sums.items()
        )

    def prune(self, *, always: bool, dry_run: bool = False) -> Pruned:
        """Fold what may be folded, and delete what is older than the retention time.

        Args:
            always: fold although it does not pay yet.
            dry_run: only count.
        """
        ledger = self.ledger
        ledger.refresh(RUNS, MANIFESTS, DEAD_LETTERS)
        parts = list(backlog.parts(ledger, self.pipeline))
        summaries = dict(backlog.summaries(ledger, {part.run for part in parts}))
        marked = backlog.marked_replays(ledger, self.pipeline)
        ended = _ended(_taken(parts), summaries, self.now, self.keep) - marked
        result = Pruned(self.pipeline, waiting=len({part.run for part in parts} - ended))
        # Asked only now: what was accounted for by then is in no queue any more.
        if not self.idle():
            return replace(result, busy=True)
        if dry_run:
            result = self._would_fold(result, parts, ended)
            # What is folded needs no manifest any more.
            needed = {part.run for part in parts if part.run not in ended}
            old = {hit["_id"] for hit in ledger.hits(RUNS, self._old(), source=False)}
            return replace(result, forgotten=len(old - marked - needed))
        result = self._fold(result, parts, summaries, ended, always=always)
        self._forget_baselines()
        return replace(result, forgotten=self._forget_runs(marked))

    def _would_fold(self, result: Pruned, parts: Sequence[Part], ended: set[str]) -> Pruned:
        """What :meth:`_fold` would do, always."""
        by_index: dict[str, list[Part]] = defaultdict(list)
        for part in parts:
            if part.run in ended and part.to != DEAD_LETTERS:
                by_index[part.to].append(part)
        pointers = read_pointers(self.ledger, by_index, index=MANIFESTS) if by_index else {}
        chosen = [
            part
            for index, ones in by_index.items()
            if index in pointers or len({part.run for part in ones}) > 1
            for part in ones
        ]
        return replace(
            result,
            folded=len({part.run for part in chosen}),
            manifests=sum(part.manifests for part in chosen),
        )

    def _fold(
        self,
        result: Pruned,
        parts: Sequence[Part],
        summaries: Mapping[str, Summary],
        ended: set[str],
        *,
        always: bool,
    ) -> Pruned:
        by_index: dict[str, list[Part]] = defaultdict(list)
        for part in parts:
            by_index[part.to].append(part)
        gone = self._without_index(by_index.keys())
        pointers = read_pointers(self.ledger, by_index, index=MANIFESTS) if by_index else {}
        folded: set[str] = set()
        manifests = 0
        for index, ones in sorted(by_index.items()):
            chosen = [part for part in ones if part.run in ended]
            runs = {part.run for part in chosen}
            pointer = pointers.get(index)
            if not runs:
                continue
            if index in gone or index == DEAD_LETTERS:
                # A replay names the letters that it sent there; none of them is left.
                note_folded(self.ledger, runs, index)
                manifests += self._delete(index, runs)
            elif (
                (pointer or len(runs) > 1)
                if always
                else _pays(sum(part.cost for part in chosen), len(runs), pointer)
            ):
                left = [part.run for part in ones if part.run not in ended]
                new = {run for run in runs if index not in summaries[run].folded}
                if self._fold_index(index, runs, new, left):
                    folded |= runs
                    manifests += sum(part.manifests for part in chosen)
        return replace(result, folded=len(folded), manifests=manifests)

    def _fold_index(self, index: str, runs: set[str], new: set[str], left: list[str]) -> bool:
        recent = f"{self.now - self.keep:%Y%m%dT%H%M%S}"
        others = backlog.oldest_of_others(self.ledger, index, self.pipeline)
        with self.scratch.apart() as scratch:
            return fold_index(
                self.ledger,
                index,
                self.pipeline,
                runs,
                new=new,
                recent=recent,
                forget=min([recent, *left, *others]),
                scratch=scratch,
                reached=self.reached,
            )

    def _delete(self, index: str, runs: set[str]) -> int:
        query = every(index=index, pipeline=self.pipeline)
        hits = self.ledger.hits(MANIFESTS, query, source=["run"])
        return self.ledger.delete(
            MANIFESTS, (stored(hit) for hit in hits if hit["_source"]["run"] in runs)
        )

    def _without_index(self, names: Collection[str]) -> set[str]:
        """Those of some indices that a run or a day had for itself, and that were deleted."""
        if self.own is None:
            return set()
        own = set(filter(self.own, names))
        there: set[str] = set()
        for some in batches(own, _NAMES):
            with self.ledger.errors():
                there |= self.ledger.client.indices.get(
                    index=some, features="aliases", ignore_unavailable=True
                ).keys()
        return own - there

    def _forget_baselines(self) -> None:
        """Delete the baselines of indices that were deleted."""
        names = self._without_index(backlog.with_baseline(self.ledger, self.pipeline))
        for index in sorted(names):
            self.ledger.delete(MANIFESTS, [(pointer_id(index), {})])
            hits = self.ledger.hits(MANIFESTS, {"term": {"baseline": index}}, source=False)
            self.ledger.delete(MANIFESTS, map(stored, hits))

    def _old(self) -> dict[str, Any]:
        """A query for the summaries that are older than the retention time, or too many."""
        before = {"range": {"collected": {"lt": (self.now - self.keep).isoformat()}}}
        last = self._last_kept()
        if last is None:
            return every(before, pipeline=self.pipeline)
        # A command may be waiting for a young one.
        ended = {"range": {"collected": {"lt": (self.now - _YOUNG).isoformat()}}}
        beyond = every({"range": {"run": {"lt": last}}}, ended)
        return every({"bool": {"should": [before, beyond]}}, pipeline=self.pipeline)

    def _last_kept(self) -> str | None:
        """The oldest of the newest runs that are kept; ``None`` where there are no more."""
        if self.runs is None:
            return None
        query, sort = every(pipeline=self.pipeline), ({"run": "desc"},)
        newest = scan(self.ledger, RUNS, query, source=False, sort=sort)
        return next((hit["_id"] for hit in islice(newest, self.runs - 1, self.runs)), None)

    def _forget_runs(self, marked: set[str]) -> int:
        """Delete the summaries of old runs of which no manifest is left."""
        self.ledger.refresh(MANIFESTS)
        attempts.forget(self.ledger, self.pipeline, self.now - self.keep)
        hits = self.ledger.hits(RUNS, self._old(), source=False)
        forgotten = 0
        for some in batches(hits, _PAGE):
            needed = marked | backlog.with_manifests(self.ledger, [hit["_id"] for hit in some])
            old = (stored(hit) for hit in some if hit["_id"] not in needed)
            forgotten += self.ledger.delete(RUNS, old)
        return forgotten


def _pays(cost: int, runs: int, pointer: Pointer | None) -> bool:
    """Whether it pays to fold manifests of this cost; the manifest of one run is a baseline."""
    if pointer is None:
        return runs > 1 and cost >= _ENTRIES
    return cost >= max(_ENTRIES, _SHARE * pointer.documents)
