"""What a deployment puts into Elasticsearch: index templates, mappings, and marks of ownership."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from elasticsearch import BadRequestError

from idemflow.elasticsearch import ownership
from idemflow.elasticsearch.documents import LIVE
from idemflow.elasticsearch.indices import NAMES, Adoption, Indices
from idemflow.elasticsearch.ledger import KEY, LEDGER_MARK, TEMPLATES, is_of_ledger
from idemflow.elasticsearch.ownership import UNMARKED, Mark, Meta
from idemflow.elasticsearch.search import batches
from idemflow.errors import IdemflowError, UsageError
from idemflow.pipeline.model import DAY, RUN
from idemflow.pipeline.spec import Pipeline
from idemflow.sources.fields import seconds

# By default each request is on the disk before it is acknowledged; `async`, it is within five
# seconds. The ledger and the dead letters are never so: they tell what an index has lost.
_TRANSLOG = "translog.durability"


class Templates:
    """The index templates of a pipeline and of the ledger.

    Args:
        indices: the pipeline's indices.
        fast: whether what Elasticsearch acknowledges may be lost by a crash within five seconds.
    """

    def __init__(self, indices: Indices, *, fast: bool = False) -> None:
        self._indices = indices
        self._fast = fast
        self._ledger = indices.ledger
        self._client = indices.ledger.client
        self._pipeline = indices.pipeline
        target = indices.pipeline.target
        stem = target.removesuffix(RUN).removesuffix(DAY)
        self._name = f"idemflow-{target}"
        # Elasticsearch refuses two templates of one priority that fit one index: the closer wins.
        self._priority = 200 + len(stem) + target.endswith(RUN)

    def check(self, *, adopt: bool = False) -> list[Adoption]:
        """Check that all that a deployment changes is the pipeline's, or free; changes nothing.

        Args:
            adopt: take over what is not.

        Returns:
            What is taken over.

        Raises:
            UsageError: something is not the pipeline's, and is not taken over.
        """
        templates = self._present()
        self._check_stronger(templates)
        self._check_kind()
        found = [*self._unmarked_of_ledger(templates)]
        if found and not adopt:
            raise UsageError(
                f"the {found[0].thing}, which has the name of a part of the ledger, {UNMARKED}",
                next_command=f"take it over: idemflow deploy {self._pipeline.name} --adopt; "
                "or give it another name",
            )
        found += self._indices.not_ours("index", self._indices.built(), adopt=adopt)
        if self._pipeline.alias is not None:
            found += self._indices.alias_not_ours(adopt=adopt)
        ours = [self._name] if self._name in templates else []
        metas = {name: templates[name]["_meta"] for name in [*ours, *self._left(templates)]}
        return found + self._indices.not_ours("index template", metas, adopt=adopt)

    def missing(self) -> list[tuple[str, str]]:
        """What a deployment would make, and what the first run does by what was deployed.

        Returns:
            Each thing, and what it is.
        """
        pipeline, there = self._pipeline, self._present()
        found = [
            (f"index template {name}", "of the ledger") for name in TEMPLATES if name not in there
        ]
        if not self._indices.built():
            found.append((f"index {pipeline.target}", "made by the first run"))
            if pipeline.alias is not None:
                found.append((f"alias {pipeline.alias}", "made by the first run"))
        return found

    def changed(self) -> bool:
        """Whether :meth:`put` would change the pipeline's own template."""
        return bool(self._meta() != self._wanted(self._mark())["meta"])

    def put(self, place: str, *, adopt: bool = False) -> None:
        """Deploy the index templates of the ledger and of the pipeline, and the new fields of the
        mapping to indices that are already there; mark all of them.

        Args:
            place: where the project is, for people.
            adopt: take over what :meth:`check` has found.

        Raises:
            UsageError: another project has a pipeline of that name.
            PipelineError: Elasticsearch does not take the mapping.
        """
        left = self._left(self._present())
        self._put_ledger()
        ownership.claim_name(self._ledger, self._indices.owner, place, adopt=adopt)
        pipeline, changed = self._pipeline, self.changed()
        targets = self._indices.built()
        try:
            with self._ledger.errors():
                for name in left:
                    self._client.indices.delete_index_template(name=name)
                mark = self._put_template(adopt=adopt)
                self._put_mapping(targets, mark.meta(), **pipeline.mapping())
                for some in batches(targets, NAMES):
                    if changed:  # else an administrator's own setting stays
                        wanted = _refresh(pipeline) | {_TRANSLOG: "async" if self._fast else None}
                        self._client.indices.put_settings(index=some, settings=wanted)
                    if pipeline.tombstones and not pipeline.snapshot:
                        self._client.indices.put_alias(
                            index=some, name=self._pipeline.index.name, filter=LIVE
                        )
                if adopt and pipeline.alias is not None:
                    # What it points at is not for runs to write to: the mark lets them move it.
                    others = self._indices.metas(self._pipeline.index.name)
                    self._put_mapping(
                        {name: others[name] for name in others.keys() - targets.keys()},
                        mark.meta(),
                    )
        except IdemflowError as error:
            if type(error) is not IdemflowError:
                raise
            raise self._indices.refused(
                f"Elasticsearch does not take the mapping: {error.message}",
                "fix index.mapping, or give the index another name; the index "
                f"{self._pipeline.index.name} keeps the mapping that it was made with",
                field="index.mapping",
            ) from error

    def _put_template(self, *, adopt: bool) -> Mark:
        first, mark = self._name not in self._present(), self._mark()
        put = self._client.indices.put_index_template
        try:
            put(name=self._name, create=first, **self._wanted(mark))
        except BadRequestError:
            if not first:
                raise
            # Of two pipelines that make it at the same time, the second is refused, or shares it.
            self.check(adopt=adopt)
            mark = self._mark()
            put(name=self._name, **self._wanted(mark))
        return mark

    def _present(self) -> dict[str, Mapping[str, Any]]:
        with self._ledger.errors():
            found = self._client.indices.get_index_template()["index_templates"]
        return {one["name"]: {"_meta": {}, **one["index_template"]} for one in found}

    def _left(self, templates: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """The template that an earlier version named by the stem of `{run}` or `{day}` alone, for
        all that begins alike; it is refused, or taken over, before it is deleted."""
        stem = self._pipeline.target.removesuffix(RUN).removesuffix(DAY)
        meta = templates.get(f"idemflow-{stem}", {}).get("_meta", {})
        left = stem != self._pipeline.target and KEY in meta and Mark.read(meta) is None
        return [f"idemflow-{stem}"] if left else []

    def _meta(self) -> Meta:
        found: Meta = self._present().get(self._name, {"_meta": {}})["_meta"]
        return found

    def _mark(self) -> Mark:
        """The mark of what the pipeline owns, with those who share it."""
        metas = [self._meta(), *self._indices.built().values()]
        return ownership.joined(
            self._indices.owner, map(Mark.read, metas), shared=self._pipeline.index.shared
        )

    def _check_kind(self) -> None:
        """Check that the name of the alias, or of the index, is not taken by the other kind."""
        pipeline, name = self._pipeline, self._pipeline.index.name
        if pipeline.target_pattern != pipeline.target and pipeline.alias is None:
            return
        found = self._indices.metas(name)
        if pipeline.alias is not None and name in found:
            problem = (
                "is an index; with `mode: snapshot`, or `delete:` and `version:`, it is an alias"
            )
        elif pipeline.alias is None and found and name not in found:
            problem = "is an alias: a person's, or of a snapshot or of an index with tombstones"
        else:
            return
        raise self._indices.refused(
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
                    raise self._indices.refused(
                        f"the index template {name} (index_patterns {pattern}, priority "
                        f"{priority}) is stronger than this pipeline's ({self._priority}): indices "
                        "that it makes have neither the pipeline's mapping nor its mark",
                        "give it a lower priority or other index_patterns; or give index.name "
                        "another name",
                    )

    def _unmarked_of_ledger(self, templates: Mapping[str, Mapping[str, Any]]) -> Iterator[Adoption]:
        there = {name: templates[name] for name in TEMPLATES if name in templates}
        for name, template in there.items():
            if not is_of_ledger(template["_meta"]):
                yield Adoption(f"index template {name}", UNMARKED)
        for name, meta in self._indices.metas(",".join(TEMPLATES)).items():
            if not is_of_ledger(meta):
                yield Adoption(f"index {name}", UNMARKED)

    def _put_ledger(self) -> None:
        there = self._indices.metas(",".join(TEMPLATES))
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
            for some in batches((name for _, name in ones), NAMES):
                self._client.indices.put_mapping(index=some, meta=json.loads(text), **mapping)

    def _wanted(self, mark: Mark) -> dict[str, Any]:
        """The body of the index template of what the pipeline writes to.

        Pipelines that share an index share it: it has the fields of all of them.
        """
        pipeline = self._pipeline
        index, mapping = pipeline.index, pipeline.mapping()
        if len(mark.owners) > 1 and Mark.read(meta := self._meta()):
            theirs = meta[KEY]["template"]["mappings"]["properties"]
            mapping["properties"] = {**theirs, **mapping["properties"]}
        made: dict[str, Any] = {
            "number_of_shards": index.shards,
            "number_of_replicas": index.replicas,
        }
        if self._fast:
            made[_TRANSLOG] = "async"
        template: dict[str, Any] = {
            "settings": made | (_refresh(pipeline) if index.refresh else {}),
            "mappings": {"_meta": mark.meta(), **mapping},
        }
        if pipeline.tombstones and not pipeline.snapshot:
            template["aliases"] = {self._pipeline.index.name: {"filter": LIVE}}
        return {
            "index_patterns": [pipeline.target_pattern],
            "priority": self._priority,
            "template": template,
            # Elasticsearch gives a template back in a form of its own; this copy tells a change.
            "meta": mark.meta(template=template),
        }


def _refresh(pipeline: Pipeline) -> dict[str, Any]:
    """Each refresh makes a segment, and segments are merged: it costs a load a fifth of its time.

    Left to itself, Elasticsearch refreshes every second while an index is searched.
    """
    every = pipeline.index.refresh
    return {"refresh_interval": every and f"{seconds(every) * 1000:.0f}ms"}
