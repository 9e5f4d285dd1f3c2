"""The indices of a pipeline: their templates, the alias that readers use, and its swap.

Where a pipeline has an alias, readers ask the alias and the documents are in indices beside it:
``NAME-RUN`` for each run of a snapshot, ``NAME-rows`` where deletes leave tombstones. An index is
the pipeline's by the exact form of its name and by its mark of ownership: without both, nothing is
changed or deleted.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from idemflow.elasticsearch import ownership
from idemflow.elasticsearch.documents import LIVE
from idemflow.elasticsearch.ledger import TEMPLATES, Ledger
from idemflow.elasticsearch.ownership import KEY, LEDGER_MARK, UNMARKED, Mark, Meta, Owner
from idemflow.elasticsearch.search import batches
from idemflow.errors import IdemflowError, PipelineError, UsageError
from idemflow.pipeline.model import DAY, RUN
from idemflow.pipeline.spec import Pipeline
from idemflow.sources.fields import seconds

_log = logging.getLogger(__name__)

# Indices that one request names: its first line has 4,096 bytes at most, and a name 255.
_NAMES = 15


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
        self._ledger = ledger
        self._client = ledger.client
        self._pipeline = pipeline
        self._owner = owner
        self._name = pipeline.index.name
        stem = pipeline.target.removesuffix(RUN).removesuffix(DAY)
        self._template_name = f"idemflow-{stem}"
        # Elasticsearch refuses two templates of one priority that fit one index: the closer wins.
        self._priority = 200 + len(stem)

    def check(self, *, adopt: bool = False) -> list[Adoption]:
        """Check that all that a deployment changes is the pipeline's, or free; changes nothing.

        Args:
            adopt: take over what is not.

        Returns:
            What is taken over.

        Raises:
            UsageError: something is not the pipeline's, and is not taken over.
        """
        templates = self._templates()
        self._check_stronger(templates)
        self._check_kind()
        found = [*self._unmarked_of_ledger(templates)]
        if found and not adopt:
            raise UsageError(
                f"the {found[0].thing}, which has the name of a part of the ledger, {UNMARKED}",
                next_command=f"take it over: idemflow deploy {self._pipeline.name} --adopt; "
                "or give it another name",
            )
        if template := templates.get(self._template_name):
            meta = {self._template_name: template.get("_meta", {})}
            found += self._not_ours("index template", meta, adopt=adopt)
        found += self._not_ours("index", self._targets(), adopt=adopt)
        if self._pipeline.alias is not None:
            found += self._adopted_alias(adopt=adopt)
        return found

    def template_change(self) -> bool:
        """Whether :meth:`put_templates` would change the pipeline's own template."""
        template = self._templates().get(self._template_name, {})
        return bool(template.get("_meta") != self._template(self._mark())["meta"])

    def put_templates(self, place: str, *, adopt: bool = False) -> None:
        """Deploy the index templates of the ledger and of the pipeline, and the new fields of the
        mapping to indices that are already there; mark all of them.

        Args:
            place: where the project is, for people.
            adopt: take over what :meth:`check` has found.

        Raises:
            UsageError: another project has a pipeline of that name.
            PipelineError: Elasticsearch does not take the mapping.
        """
        self._put_ledger()
        ownership.claim_name(self._ledger, self._owner, place, adopt=adopt)
        pipeline, mark, changed = self._pipeline, self._mark(), self.template_change()
        targets = self._targets()
        try:
            with self._ledger.errors():
                self._client.indices.put_index_template(
                    name=self._template_name, **self._template(mark)
                )
                self._put_mapping(targets, mark.meta(), **pipeline.mapping())
                for some in batches(targets, _NAMES):
                    if changed:  # else an administrator's own setting stays
                        refresh = _refresh(pipeline)
                        self._client.indices.put_settings(index=some, settings=refresh)
                    if pipeline.tombstones and not pipeline.snapshot:
                        self._client.indices.put_alias(index=some, name=self._name, filter=LIVE)
                if adopt and pipeline.alias is not None:
                    # What it points at is not for runs to write to: the mark lets them move it.
                    others = self._metas(self._name)
                    self._put_mapping(
                        {name: others[name] for name in others.keys() - targets.keys()},
                        mark.meta(),
                    )
        except IdemflowError as error:
            if type(error) is not IdemflowError:
                raise
            raise self._refused(
                f"Elasticsearch does not take the mapping: {error.message}",
                "fix index.mapping, or give the index another name; the index "
                f"{self._name} keeps the mapping that it was made with",
                field="index.mapping",
            ) from error

    def published(self) -> str | None:
        """The index that a snapshot's alias points to; ``None`` before the first is published.

        Raises:
            PipelineError: a person has pointed it at an index that is not the pipeline's.
        """
        return max(self._aliased(), default=None)

    def create(self, index: str) -> None:
        """Make an empty index, if there is none of that name."""
        with self._ledger.errors():
            if not self._client.indices.exists(index=index):
                self._client.indices.create(index=index)

    def publish(self, index: str) -> None:
        """Let a snapshot's alias point to an index, in one step that readers cannot see half of.

        The index that it pointed to is kept for :meth:`rollback`; all earlier ones go.

        Raises:
            PipelineError: the alias or the index is not the pipeline's.
        """
        before = self._aliased()
        if before == {index}:
            return
        self._not_ours("index", self._metas(index), adopt=False)
        self._point(index, before)
        old = sorted(name for name in self._own_builds() - before if name < index)
        for some in batches(old, _NAMES):
            _log.info("%s: delete earlier snapshots: %s", self._pipeline.name, ", ".join(some))
            with self._ledger.errors():
                self._client.indices.delete(index=some, ignore_unavailable=True)

    def rollback(self) -> str:
        """Let a snapshot's alias point to the index before the present one.

        Returns:
            The index that it points to now.

        Raises:
            UsageError: there is none, or the pipeline is no snapshot.
            PipelineError: the alias is not the pipeline's.
        """
        name = self._pipeline.name
        if not self._pipeline.snapshot:
            raise UsageError(
                f"the pipeline {name!r} has no earlier states: it is not `mode: snapshot`",
                next_command=f"idemflow verify {name}",
            )
        now = self._aliased()
        earlier = [build for build in self._own_builds() if now and build < max(now)]
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
        if self._pipeline.snapshot:
            index = self.published()
            return [index] if index else []
        if self._pipeline.target == self._pipeline.target_pattern:
            return [self._pipeline.target]
        return sorted(self._targets())

    def documents(self) -> int:
        """How many documents readers see, once what was written is visible to searches."""
        found = 0
        for some in batches(self.targets(), _NAMES):
            self._ledger.refresh(*some)
            found += self._ledger.count(",".join(some), LIVE)
        return found

    def _point(self, index: str, before: set[str]) -> None:
        add: dict[str, Any] = {"index": index, "alias": self._name}
        if self._pipeline.tombstones:
            add["filter"] = LIVE
        removes = [{"remove": {"index": name, "alias": self._name}} for name in before - {index}]
        with self._ledger.errors():
            self._client.indices.update_aliases(actions=[{"add": add}, *removes])

    def _aliased(self) -> set[str]:
        """What the alias points at.

        Raises:
            PipelineError: that is not the pipeline's; the alias is not either, then.
        """
        found = self._metas(self._name)
        self._adopted_alias(found, adopt=False)
        return set(found)

    def _own_builds(self) -> set[str]:
        marks = {name: Mark.read(meta) for name, meta in self._targets().items()}
        return {name for name, mark in marks.items() if mark and self._owner in mark.owners}

    def _targets(self) -> dict[str, Meta]:
        """The indices that have the name of one that runs write to, whosever they are."""
        found = self._metas(self._pipeline.target_pattern)
        return {name: found[name] for name in found if self._pipeline.is_target(name)}

    def _metas(self, names: str) -> dict[str, Meta]:
        """The ``_meta`` of the indices behind a name, an alias or a pattern."""
        with self._ledger.errors():
            found = self._client.indices.get(
                index=names,
                allow_no_indices=True,
                ignore_unavailable=True,
                # What is empty is left out of an answer: the uuid is always there.
                filter_path=["*.settings.index.uuid", "*.mappings._meta"],
            )
        return {name: one.get("mappings", {}).get("_meta", {}) for name, one in found.items()}

    def _templates(self) -> dict[str, Mapping[str, Any]]:
        with self._ledger.errors():
            found = self._client.indices.get_index_template()["index_templates"]
        return {one["name"]: one["index_template"] for one in found}

    def _mark(self) -> Mark:
        """The mark of what the pipeline owns, with those who share it."""
        template = self._templates().get(self._template_name, {})
        metas = [template.get("_meta", {}), *self._targets().values()]
        return ownership.joined(
            self._owner, map(Mark.read, metas), shared=self._pipeline.index.shared
        )

    def _not_ours(self, kind: str, found: Mapping[str, Meta], *, adopt: bool) -> list[Adoption]:
        """What of some things the pipeline may not touch unless it takes it over.

        Raises:
            PipelineError: there is something, and it is not taken over.
        """
        shared = self._pipeline.index.shared
        refusals = {
            name: refusal
            for name, meta in sorted(found.items())
            if (refusal := ownership.refusal(self._owner, Mark.read(meta), shared=shared))
        }
        if not refusals or adopt:
            return [Adoption(f"{kind} {name}", was) for name, was in refusals.items()]
        name, refusal = next(iter(refusals.items()))
        more = f" ({len(refusals) - 1:,} more like it)" if len(refusals) > 1 else ""
        share = "" if refusal == UNMARKED else "say `index.shared: true` in both pipelines; or "
        raise self._refused(
            f"the {kind} {name} {refusal}{more}",
            f"give index.name another name; or {share}take it over: "
            f"idemflow deploy {self._pipeline.name} --adopt",
        )

    def _adopted_alias(
        self, found: Mapping[str, Meta] | None = None, *, adopt: bool
    ) -> list[Adoption]:
        """The same for the alias, which is the pipeline's where all that it points at is."""
        adopted = []
        for name, meta in (self._metas(self._name) if found is None else found).items():
            mark = Mark.read(meta)
            refusal = ownership.refusal(self._owner, mark, shared=self._pipeline.index.shared)
            if not refusal:
                continue
            thing = f"alias {self._name}"
            was = f"points at {name}, which {refusal}"
            if mark is not None or not adopt:
                raise self._refused(
                    f"the {thing} {was}",
                    "point it at an index of this pipeline, or delete it; or give index.name "
                    "another name; "
                    + (
                        f"or take the alias over: idemflow deploy {self._pipeline.name} --adopt"
                        if mark is None
                        else "it cannot be taken over"
                    ),
                )
            adopted.append(Adoption(thing, was))
        return adopted

    def _check_kind(self) -> None:
        """Check that the name of the alias, or of the index, is not taken by the other kind."""
        pipeline, name = self._pipeline, self._name
        if pipeline.target_pattern != pipeline.target and pipeline.alias is None:
            return
        found = self._metas(name)
        if pipeline.alias is not None and name in found:
            problem = (
                "is an index; with `mode: snapshot`, or `delete:` and `version:`, it is an alias"
            )
        elif pipeline.alias is None and found and name not in found:
            problem = "is an alias: a person's, or of a snapshot or of an index with tombstones"
        else:
            return
        raise self._refused(
            f"{name} {problem}",
            "give index.name another name, or delete what has the name now",
        )

    def _check_stronger(self, templates: Mapping[str, Mapping[str, Any]]) -> None:
        """Check that new indices will be made by the pipeline's template."""
        now = datetime.now(UTC)
        run = f"{now:%Y%m%dt%H%M%S}000-00000000"
        target = self._pipeline.target.replace(RUN, run).replace(DAY, f"{now:%Y-%m-%d}")
        for name, template in templates.items():
            priority = template.get("priority", 0)
            for pattern in template["index_patterns"]:
                expression = re.escape(pattern).replace(r"\*", ".*")
                if priority > self._priority and re.fullmatch(expression, target):
                    raise self._refused(
                        f"the index template {name} (index_patterns {pattern}, priority "
                        f"{priority}) is stronger than this pipeline's ({self._priority}): indices "
                        "that it makes have neither the pipeline's mapping nor its mark",
                        "give it a lower priority or other index_patterns; or give index.name "
                        "another name",
                    )

    def _unmarked_of_ledger(self, templates: Mapping[str, Mapping[str, Any]]) -> Iterator[Adoption]:
        there = {name: templates[name] for name in TEMPLATES if name in templates}
        for name, template in there.items():
            if template.get("_meta", {}).get(KEY) != LEDGER_MARK[KEY]:
                yield Adoption(f"index template {name}", UNMARKED)
        for name, meta in self._metas(",".join(TEMPLATES)).items():
            if meta.get(KEY) != LEDGER_MARK[KEY]:
                yield Adoption(f"index {name}", UNMARKED)

    def _put_ledger(self) -> None:
        there = self._metas(",".join(TEMPLATES))
        with self._ledger.errors():
            for index, properties in TEMPLATES.items():
                mapping: dict[str, Any] = {"dynamic": "false", "properties": properties}
                self._client.indices.put_index_template(
                    name=index,
                    index_patterns=[index],
                    priority=500,
                    template={
                        "settings": {"number_of_shards": 1, "number_of_replicas": 0},
                        "mappings": {"_meta": LEDGER_MARK, **mapping},
                    },
                    meta=LEDGER_MARK,
                )
                if index in there:
                    self._put_mapping({index: there[index]}, LEDGER_MARK, **mapping)

    def _put_mapping(self, found: Mapping[str, Meta], mark: Meta, **mapping: Any) -> None:
        """Change mappings, and mark them beside what others keep in their ``_meta``."""
        merged = sorted(
            (json.dumps({**meta, **mark}, sort_keys=True), name) for name, meta in found.items()
        )
        for text, ones in groupby(merged, key=itemgetter(0)):
            for some in batches((name for _, name in ones), _NAMES):
                self._client.indices.put_mapping(index=some, meta=json.loads(text), **mapping)

    def _template(self, mark: Mark) -> dict[str, Any]:
        """The body of the index template of what the pipeline writes to.

        Pipelines that share an index share it.
        """
        pipeline = self._pipeline
        index = pipeline.index
        made = {"number_of_shards": index.shards, "number_of_replicas": index.replicas}
        template: dict[str, Any] = {
            "settings": made | (_refresh(pipeline) if index.refresh else {}),
            "mappings": {"_meta": mark.meta(), **pipeline.mapping()},
        }
        if pipeline.tombstones and not pipeline.snapshot:
            template["aliases"] = {self._name: {"filter": LIVE}}
        return {
            "index_patterns": [pipeline.target_pattern],
            "priority": self._priority,
            "template": template,
            # Elasticsearch gives a template back in a form of its own; this copy tells a change.
            "meta": mark.meta(template=template),
        }

    def _refused(self, problem: str, way_out: str, *, field: str = "index.name") -> PipelineError:
        file = f"flows/{self._pipeline.name}.yaml"
        return PipelineError(file, problem, field=field, next_command=way_out)


def _refresh(pipeline: Pipeline) -> dict[str, Any]:
    """Each refresh makes a segment, and segments are merged: it costs a load a fifth of its time.

    Left to itself, Elasticsearch refreshes every second while an index is searched.
    """
    every = pipeline.index.refresh
    return {"refresh_interval": every and f"{seconds(every) * 1000:.0f}ms"}
