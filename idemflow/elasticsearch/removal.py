"""What a pipeline has in Elasticsearch, found by its mark of ownership alone, and deleted.

Its YAML may be gone: no name of an index is known then.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from idemflow.elasticsearch import attempts, ownership
from idemflow.elasticsearch.baseline import pointer_id
from idemflow.elasticsearch.documents import stored
from idemflow.elasticsearch.indices import NAMES
from idemflow.elasticsearch.ledger import DEAD_LETTERS, LEDGER, PIPELINES, RUNS, Ledger
from idemflow.elasticsearch.manifests import MANIFESTS
from idemflow.elasticsearch.ownership import Mark, Meta, Owner
from idemflow.elasticsearch.search import batches, every

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Data:
    """What a pipeline has in Elasticsearch.

    Attributes:
        indices: the indices that are its alone, and the documents of each; ``None`` for one that
            Elasticsearch cannot read, and can delete all the same.
        aliases: the aliases that point at these.
        templates: the index templates that are its alone.
        shared: the indices and templates that others write to as well.
        named: whether no other project has its name, which the ledger goes by.
        runs: the runs that the ledger knows of it.
        dead_letters: its dead letters.
    """

    indices: Mapping[str, int | None]
    aliases: tuple[str, ...]
    templates: tuple[str, ...]
    shared: tuple[str, ...]
    named: bool
    runs: int
    dead_letters: int


def find(ledger: Ledger, owner: Owner) -> Data:
    """Look for all that has the mark of a pipeline."""
    with ledger.errors():
        indices = ledger.client.indices.get(
            index="*",
            # What is empty is left out of an answer: the uuid is always there.
            filter_path=["*.settings.index.uuid", "*.mappings._meta", "*.aliases"],
        )
        found = ledger.client.indices.get_index_template()["index_templates"]
    templates = {one["name"]: one["index_template"].get("_meta") or {} for one in found}
    metas = {name: one.get("mappings", {}).get("_meta", {}) for name, one in indices.items()}
    own, shared = _own(owner, metas)
    own_templates, shared_templates = _own(owner, templates)
    named = ownership.other_project(ledger, owner) is None
    ledger.check_readable(*LEDGER)
    lost = ledger.unreadable()
    for some in batches([*(name for name in own if name not in lost), RUNS, DEAD_LETTERS], NAMES):
        ledger.refresh(*some)
    return Data(
        indices={name: None if name in lost else ledger.live(name) for name in own},
        aliases=tuple(sorted({one for name in own for one in indices[name].get("aliases", ())})),
        templates=tuple(own_templates),
        shared=(*shared, *shared_templates),
        named=named,
        runs=ledger.count(RUNS, every(pipeline=owner.pipeline)) if named else 0,
        dead_letters=ledger.count(DEAD_LETTERS, every(pipeline=owner.pipeline)) if named else 0,
    )


def delete(ledger: Ledger, owner: Owner, data: Data) -> None:
    """Delete indices, aliases and templates, and what the ledger says of them.

    What others write to as well stays, and with it what the ledger says of that.
    """
    for some in batches(sorted(data.indices), NAMES):
        _log.info("%s: delete the indices %s", owner.pipeline, ", ".join(some))
        with ledger.errors():
            ledger.client.indices.delete(index=some, ignore_unavailable=True)
    with ledger.errors():
        for name in data.templates:
            ledger.client.indices.delete_index_template(name=name)
    for index in sorted(data.indices):
        _forget(ledger, MANIFESTS, {"term": {"index": index}})
        _forget(ledger, MANIFESTS, {"term": {"baseline": index}})
        ledger.delete(MANIFESTS, [(pointer_id(index), {})])
    if data.named and not data.shared:
        _forget(ledger, MANIFESTS, every(pipeline=owner.pipeline))
        _forget(ledger, RUNS, every(pipeline=owner.pipeline))
        attempts.forget(ledger, owner.pipeline)


def delete_dead_letters(ledger: Ledger, owner: Owner) -> None:
    """Delete all dead letters of a pipeline."""
    _forget(ledger, DEAD_LETTERS, every(pipeline=owner.pipeline))


def free_name(ledger: Ledger, owner: Owner) -> None:
    """Let another project use a pipeline's name, unless the ledger still knows something of it."""
    ledger.refresh(RUNS, MANIFESTS, DEAD_LETTERS)
    known = every(pipeline=owner.pipeline)
    if not any(ledger.count(index, known) for index in (RUNS, MANIFESTS, DEAD_LETTERS)):
        ledger.delete(PIPELINES, [(owner.pipeline, {})])


def _own(owner: Owner, metas: Mapping[str, Meta]) -> tuple[list[str], list[str]]:
    """The names of what is a pipeline's alone, and of what it shares."""
    marks = {name: Mark.read(meta) for name, meta in sorted(metas.items())}
    owned = {name: mark for name, mark in marks.items() if mark and owner in mark.owners}
    own = [name for name, mark in owned.items() if mark.owners == (owner,)]
    return own, [name for name in owned if name not in own]


def _forget(ledger: Ledger, index: str, query: Mapping[str, Any]) -> None:
    hits: Iterable[Any] = ledger.hits(index, query, source=False)
    ledger.delete(index, (stored(hit) for hit in hits))
