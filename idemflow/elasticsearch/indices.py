"""The indices of a pipeline: whose they are, the alias that readers use, and its swap.

Where a pipeline has an alias, readers ask the alias and the documents are in indices beside it:
``NAME-RUN`` for each run of a snapshot, ``NAME-rows`` where deletes leave tombstones. An index is
the pipeline's by the exact form of its name and by its mark of ownership: without both, nothing is
changed or deleted.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from idemflow.elasticsearch import ownership
from idemflow.elasticsearch.documents import LIVE
from idemflow.elasticsearch.ledger import Ledger
from idemflow.elasticsearch.ownership import UNMARKED, Mark, Meta, Owner
from idemflow.elasticsearch.search import batches
from idemflow.errors import PipelineError, UsageError
from idemflow.pipeline.retention import Keep
from idemflow.pipeline.spec import Pipeline

_log = logging.getLogger(__name__)

# A run may be waited for, and its index published, for so long after it was made.
_YOUNG = timedelta(minutes=10)
# Indices that one request names: its first line has 4,096 bytes at most, and a name 255.
NAMES = 15


class Adoption(NamedTuple):
    """What a deployment takes over.

    Attributes:
        thing: its kind and name.
        was: what was the case.
    """

    thing: str
    was: str


class Indices:
    """What a pipeline has in Elasticsearch.

    Args:
        ledger: Elasticsearch.
        pipeline: the pipeline.
        owner: who it is, in marks of ownership.
    """

    def __init__(self, ledger: Ledger, pipeline: Pipeline, owner: Owner) -> None:
        self.ledger = ledger
        self.pipeline = pipeline
        self.owner = owner
        self._client = ledger.client
        self._name = pipeline.index.name

    def published(self) -> str | None:
        """The index that a snapshot's alias points to; ``None`` before the first is published.

        Raises:
            PipelineError: a person has pointed it at an index that is not the pipeline's.
        """
        return max(self._aliased(), default=None)

    def create(self, index: str) -> None:
        """Make an empty index, if there is none of that name."""
        with self.ledger.errors():
            if not self._client.indices.exists(index=index):
                self._client.indices.create(index=index)

    def publish(self, index: str) -> None:
        """Let a snapshot's alias point to an index, in one step that readers cannot see half of.

        The index that it pointed to is kept for :meth:`rollback`; all earlier ones go, unless the
        YAML's ``prune.indices`` says which.

        Raises:
            PipelineError: the alias or the index is not the pipeline's.
        """
        before = self._aliased()
        if before == {index}:
            return
        self.not_ours("index", self.metas(index), adopt=False)
        self._point(index, before)
        if self.pipeline.prune and self.pipeline.prune.indices:
            return
        old = sorted(name for name in self.own() - before if name < index)
        self.delete(old)

    def delete(self, names: Sequence[str]) -> None:
        """Delete indices of earlier runs."""
        for some in batches(names, NAMES):
            _log.info("%s: delete indices of earlier runs: %s", self.pipeline.name, ", ".join(some))
            with self.ledger.errors():
                self._client.indices.delete(index=some, ignore_unavailable=True)

    def outdated(self, keep: Keep, now: datetime) -> list[str]:
        """The indices of runs or days that are older or more than are kept, the oldest first.

        Never one that an alias points to, whoever made that, nor one that the next run writes to,
        nor one of the last ten minutes (another machine's command may be about to publish it), nor
        one without the pipeline's own mark.

        Args:
            keep: how old they may be, by the run or the day in their name, and how many there may
                be, with those that are never deleted.
            now: the present.
        """
        with self.ledger.errors():
            found = self._client.indices.get(
                index=self.pipeline.target_pattern,
                allow_no_indices=True,
                ignore_unavailable=True,
                # What is empty is left out of an answer: the uuid is always there.
                filter_path=["*.settings.index.uuid", "*.mappings._meta", "*.aliases"],
            )
        marks = {
            name: Mark.read(one.get("mappings", {}).get("_meta", {})) for name, one in found.items()
        }
        times = {name: self.pipeline.target_time(name) for name in found}
        own = {
            name: time
            for name, time in times.items()
            if time and (mark := marks[name]) and mark.owners == (self.owner,)
        }
        newest = sorted(own, key=lambda name: (own[name], name), reverse=True)
        used = {name for name in own if found[name].get("aliases")}
        used |= set(self.pipeline.next_targets(now))
        return [
            name
            for place, name in reversed([*enumerate(newest)])
            if name not in used
            and own[name] < now - _YOUNG
            and (
                (keep.number is not None and place >= keep.number)
                or (keep.for_time is not None and own[name] < now - keep.for_time)
            )
        ]

    def rollback(self) -> str:
        """Let a snapshot's alias point to the index before the present one.

        Returns:
            The index that it points to now.

        Raises:
            UsageError: there is none, or the pipeline is no snapshot.
            PipelineError: the alias is not the pipeline's.
        """
        name = self.pipeline.name
        if not self.pipeline.snapshot:
            raise UsageError(
                f"the pipeline {name!r} has no earlier states: it is not `mode: snapshot`",
                next_command=f"idemflow verify {name}",
            )
        now = self._aliased()
        earlier = [build for build in self.own() if now and build < max(now)]
        if not earlier:
            raise UsageError(
                f"{self._name} has no earlier state to go back to",
                next_command=f"idemflow run {name}",
            )
        index = max(earlier)
        self._point(index, now)
        return index

    def targets(self) -> list[str]:
        """The indices that hold the pipeline's documents now, sorted."""
        if self.pipeline.snapshot:
            index = self.published()
            return [index] if index else []
        if self.pipeline.target == self.pipeline.target_pattern:
            return [self.pipeline.target]
        return sorted(self.built())

    def documents(self) -> int:
        """How many documents readers see, once what was written is visible to searches."""
        found = 0
        for some in batches(self.targets(), NAMES):
            self.ledger.refresh(*some)
            found += self.ledger.count(",".join(some), LIVE)
        return found

    def built(self) -> dict[str, Meta]:
        """The indices that have the name of one that runs write to, whosever they are."""
        found = self.metas(self.pipeline.target_pattern)
        return {name: found[name] for name in found if self.pipeline.is_target(name)}

    def own(self) -> set[str]:
        """The indices that runs have written to and that have the pipeline's mark."""
        marks = {name: Mark.read(meta) for name, meta in self.built().items()}
        return {name for name, mark in marks.items() if mark and self.owner in mark.owners}

    def metas(self, names: str) -> dict[str, Meta]:
        """The ``_meta`` of the indices behind a name, an alias or a pattern."""
        with self.ledger.errors():
            found = self._client.indices.get(
                index=names,
                allow_no_indices=True,
                ignore_unavailable=True,
                # What is empty is left out of an answer: the uuid is always there.
                filter_path=["*.settings.index.uuid", "*.mappings._meta"],
            )
        return {name: one.get("mappings", {}).get("_meta", {}) for name, one in found.items()}

    def not_ours(self, kind: str, found: Mapping[str, Meta], *, adopt: bool) -> list[Adoption]:
        """What of some things the pipeline may not touch unless it takes it over.

        Raises:
            PipelineError: there is something, and it is not taken over.
        """
        shared = self.pipeline.index.shared
        refusals = {
            name: refusal
            for name, meta in sorted(found.items())
            if (refusal := ownership.refusal(self.owner, Mark.read(meta), shared=shared))
        }
        if not refusals or adopt:
            return [Adoption(f"{kind} {name}", was) for name, was in refusals.items()]
        name, refusal = next(iter(refusals.items()))
        more = f" ({len(refusals) - 1:,} more like it)" if len(refusals) > 1 else ""
        share = "" if refusal == UNMARKED else "say `index.shared: true` in both pipelines; or "
        raise self.refused(
            f"the {kind} {name} {refusal}{more}",
            f"give index.name another name; or {share}take it over: "
            f"idemflow deploy {self.pipeline.name} --adopt",
        )

    def alias_not_ours(
        self, found: Mapping[str, Meta] | None = None, *, adopt: bool
    ) -> list[Adoption]:
        """The same for the alias, which is the pipeline's where all that it points at is."""
        adopted = []
        for name, meta in (self.metas(self._name) if found is None else found).items():
            mark = Mark.read(meta)
            refusal = ownership.refusal(self.owner, mark, shared=self.pipeline.index.shared)
            if not refusal or (adopt and self.pipeline.is_target(name)):
                continue  # such an index is taken over itself
            thing = f"alias {self._name}"
            was = f"points at {name}, which {refusal}"
            if mark is not None or not adopt:
                raise self.refused(
                    f"the {thing} {was}",
                    "point it at an index of this pipeline, or delete it; or give index.name "
                    "another name; "
                    + (
                        f"or take the alias over: idemflow deploy {self.pipeline.name} --adopt"
                        if mark is None
                        else "it cannot be taken over"
                    ),
                )
            adopted.append(Adoption(thing, was))
        return adopted

    def refused(self, problem: str, way_out: str, *, field: str = "index.name") -> PipelineError:
        """What is wrong with a field of the YAML, and what to do."""
        file = f"flows/{self.pipeline.name}.yaml"
        return PipelineError(file, problem, field=field, next_command=way_out)

    def _point(self, index: str, before: set[str]) -> None:
        add: dict[str, Any] = {"index": index, "alias": self._name}
        if self.pipeline.tombstones:
            add["filter"] = LIVE
        removes = [{"remove": {"index": name, "alias": self._name}} for name in before - {index}]
        with self.ledger.errors():
            self._client.indices.update_aliases(actions=[{"add": add}, *removes])

    def _aliased(self) -> set[str]:
        """What the alias points at.

        Raises:
            PipelineError: that is not the pipeline's; the alias is not either, then.
        """
        found = self.metas(self._name)
        self.alias_not_ours(found, adopt=False)
        return set(found)
