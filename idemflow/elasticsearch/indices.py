"""The indices of a pipeline: their templates, the alias that readers use, and its swap.

Where a pipeline has an alias, readers ask the alias and the documents are in indices beside it:
``NAME-RUN`` for each run of a snapshot, ``NAME-rows`` where deletes leave tombstones.
"""

from __future__ import annotations

import logging
from typing import Any

from elasticsearch import NotFoundError

from idemflow.elasticsearch.documents import LIVE
from idemflow.elasticsearch.ledger import LEDGER, TEMPLATES, Ledger
from idemflow.errors import IdemflowError, PipelineError, UsageError
from idemflow.pipeline.spec import Pipeline
from idemflow.sources.fields import seconds

_log = logging.getLogger(__name__)


def template_change(ledger: Ledger, pipeline: Pipeline) -> bool:
    """Whether :func:`put_templates` would change the pipeline's own template."""
    name, body = _template(pipeline)
    with ledger.errors():
        try:
            live = ledger.client.indices.get_index_template(name=name)
        except NotFoundError:
            return True
    found = live["index_templates"][0]["index_template"]
    return bool(found.get("_meta") != body["meta"])


def put_templates(ledger: Ledger, pipeline: Pipeline) -> None:
    """Deploy the index templates of the ledger and of a pipeline, and the new fields of the
    mapping to indices that are already there.

    Raises:
        PipelineError: Elasticsearch does not take the mapping, or has an index of the name that
            is to be an alias.
    """
    check_alias(ledger, pipeline)
    name, body = _template(pipeline)
    changed = template_change(ledger, pipeline)
    with ledger.errors():
        for index in LEDGER:
            mappings: dict[str, Any] = {"dynamic": "false", "properties": TEMPLATES[index]}
            ledger.client.indices.put_index_template(
                name=index,
                index_patterns=[index],
                priority=500,
                template={
                    "settings": {"number_of_shards": 1, "number_of_replicas": 0},
                    "mappings": mappings,
                },
            )
            if ledger.client.indices.exists(index=index):
                ledger.client.indices.put_mapping(index=index, **mappings)
    try:
        with ledger.errors():
            ledger.client.indices.put_index_template(name=name, **body)
            target = pipeline.target_pattern
            if _builds(ledger, pipeline):
                ledger.client.indices.put_mapping(index=target, **pipeline.mapping())
                if changed:  # else an administrator's own setting stays
                    ledger.client.indices.put_settings(index=target, settings=_refresh(pipeline))
                if pipeline.tombstones and not pipeline.snapshot:
                    ledger.client.indices.put_alias(
                        index=target, name=pipeline.index.name, filter=LIVE
                    )
    except IdemflowError as error:
        if type(error) is not IdemflowError:
            raise
        raise PipelineError(
            f"flows/{pipeline.name}.yaml",
            f"Elasticsearch does not take the mapping: {error.message}",
            field="index.mapping",
            next_command=f"fix index.mapping, or give the index another name; the index "
            f"{pipeline.index.name} keeps the mapping that it was made with",
        ) from error


def check_alias(ledger: Ledger, pipeline: Pipeline) -> None:
    """Check that the name of the alias, or of the index, is free for it.

    Raises:
        PipelineError: it is taken by the other kind.
    """
    name = pipeline.index.name
    if pipeline.target_pattern != pipeline.target and pipeline.alias is None:
        return
    with ledger.errors():
        is_alias = bool(ledger.client.indices.exists_alias(name=name))
        is_index = not is_alias and bool(ledger.client.indices.exists(index=name))
    if pipeline.alias is not None and is_index:
        problem = "is an index; with `mode: snapshot`, or `delete:` and `version:`, it is an alias"
    elif pipeline.alias is None and is_alias:
        problem = "is an alias of a snapshot or of an index with tombstones"
    else:
        return
    raise PipelineError(
        f"flows/{pipeline.name}.yaml",
        f"{name} {problem}",
        field="index.name",
        next_command="give index.name another name, or delete what has the name now",
    )


def published(ledger: Ledger, pipeline: Pipeline) -> str | None:
    """The index that a snapshot's alias points to; ``None`` before the first is published."""
    with ledger.errors():
        try:
            found = ledger.client.indices.get_alias(name=pipeline.index.name)
        except NotFoundError:
            return None
    return max(found)


def create(ledger: Ledger, index: str) -> None:
    """Make an empty index, if there is none of that name."""
    with ledger.errors():
        if not ledger.client.indices.exists(index=index):
            ledger.client.indices.create(index=index)


def publish(ledger: Ledger, pipeline: Pipeline, index: str) -> None:
    """Let a snapshot's alias point to an index, in one step that readers cannot see half of.

    The index that it pointed to is kept for :func:`rollback`; all others go.
    """
    before = published(ledger, pipeline)
    if before == index:
        return
    _point(ledger, pipeline, index, before)
    old = sorted(_builds(ledger, pipeline) - {index, before})
    with ledger.errors():
        for name in old:
            _log.info("%s: delete the earlier snapshot %s", pipeline.name, name)
            ledger.client.indices.delete(index=name, ignore_unavailable=True)


def rollback(ledger: Ledger, pipeline: Pipeline) -> str:
    """Let a snapshot's alias point to the index before the present one.

    Returns:
        The index that it points to now.

    Raises:
        UsageError: there is none, or the pipeline is no snapshot.
    """
    if not pipeline.snapshot:
        raise UsageError(
            f"the pipeline {pipeline.name!r} has no earlier states: it is not `mode: snapshot`",
            next_command=f"idemflow verify {pipeline.name}",
        )
    now = published(ledger, pipeline)
    earlier = [name for name in _builds(ledger, pipeline) if now is not None and name < now]
    if now is None or not earlier:
        raise UsageError(
            f"{pipeline.index.name} has no earlier state to go back to",
            next_command=f"idemflow run {pipeline.name}",
        )
    index = max(earlier)
    _point(ledger, pipeline, index, now)
    return index


def _point(ledger: Ledger, pipeline: Pipeline, index: str, before: str | None) -> None:
    alias = pipeline.index.name
    add: dict[str, Any] = {"index": index, "alias": alias}
    if pipeline.tombstones:
        add["filter"] = LIVE
    actions: list[dict[str, Any]] = [{"add": add}]
    if before is not None:
        actions.append({"remove": {"index": before, "alias": alias}})
    with ledger.errors():
        ledger.client.indices.update_aliases(actions=actions)


def targets(ledger: Ledger, pipeline: Pipeline) -> list[str]:
    """The indices that hold the pipeline's documents now, sorted."""
    if pipeline.snapshot:
        index = published(ledger, pipeline)
        return [index] if index else []
    if pipeline.target == pipeline.target_pattern:
        return [pipeline.target]
    return sorted(_builds(ledger, pipeline))


def settings(pipeline: Pipeline) -> dict[str, Any]:
    """The settings that a new index of a pipeline has."""
    index = pipeline.index
    made = {"number_of_shards": index.shards, "number_of_replicas": index.replicas}
    return made | (_refresh(pipeline) if index.refresh else {})


def _refresh(pipeline: Pipeline) -> dict[str, Any]:
    """Each refresh makes a segment, and segments are merged: it costs a load a fifth of its time.

    Left to itself, Elasticsearch refreshes every second while an index is searched.
    """
    every = pipeline.index.refresh
    return {"refresh_interval": every and f"{seconds(every) * 1000:.0f}ms"}


def _builds(ledger: Ledger, pipeline: Pipeline) -> set[str]:
    with ledger.errors():
        found = ledger.client.indices.get(
            index=pipeline.target_pattern, allow_no_indices=True, ignore_unavailable=True
        )
    return set(found)


def _template(pipeline: Pipeline) -> tuple[str, dict[str, Any]]:
    """The name and the body of the index template of what a pipeline writes to.

    Pipelines that write to one index share it.
    """
    index = pipeline.index
    template: dict[str, Any] = {
        "settings": settings(pipeline),
        "mappings": pipeline.mapping(),
    }
    if pipeline.tombstones and not pipeline.snapshot:
        template["aliases"] = {index.name: {"filter": LIVE}}
    prefix = pipeline.target_pattern.removesuffix("*")
    return f"idemflow-{prefix}", {
        "index_patterns": [pipeline.target_pattern],
        # Elasticsearch refuses two templates of one priority that fit one index: the closer wins.
        "priority": 200 + len(prefix),
        "template": template,
        # Elasticsearch gives a template back in a form of its own; this copy tells a change.
        "meta": {"idemflow": template},
    }
