"""Which identity rule made the ids of a pipeline's documents, so that a change of it is noticed.

The ledger has a mark for each pipeline and index, beside the manifests: the rule of the last
deployment. Where it has none, as the ledger of an earlier idemflow, the documents themselves tell:
a document's id is what the rule makes of its content, or another rule made it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from elasticsearch import NotFoundError

from idemflow.elasticsearch.ledger import Ledger
from idemflow.elasticsearch.manifests import MANIFESTS
from idemflow.pipeline.model import Pipeline
from idemflow.steps.rules.identity import NoIdentity, id_maker

# Documents that are looked at where there is no mark.
_LOOKED_AT = 100


@dataclass(frozen=True)
class OtherIdentity:
    """An index whose documents have their ids by another rule than the pipeline's now.

    Attributes:
        index: its name.
        documents: how many it has.
        rule: the rule that made their ids; ``None`` where it is not known.
    """

    index: str
    documents: int
    rule: Mapping[str, Any] | None


def other_identity(
    ledger: Ledger, pipeline: Pipeline, rule: Mapping[str, Any]
) -> OtherIdentity | None:
    """The index that would have documents of two rules after a run, if there is one.

    Args:
        ledger: the ledger.
        pipeline: the pipeline.
        rule: the rule that is to make ids from now on.
    """
    known = _mark(ledger, pipeline)
    if known == rule:
        return None
    # A run that makes its index goes on with no documents of before.
    for index in pipeline.next_targets(datetime.now(UTC)):
        ledger.refresh(index)
        documents = ledger.live(index)
        if documents and (known is not None or not _made_by(ledger, index, rule)):
            return OtherIdentity(index, documents, known)
    return None


def note(ledger: Ledger, pipeline: Pipeline, rule: Mapping[str, Any]) -> None:
    """Note the rule that makes ids from now on."""
    if _mark(ledger, pipeline) != rule:
        with ledger.errors():
            ledger.client.index(index=MANIFESTS, id=_id(pipeline), document={"rule": dict(rule)})


def _made_by(ledger: Ledger, index: str, rule: Mapping[str, Any]) -> bool:
    """Whether a rule makes the ids of the first documents of an index."""
    id_of = id_maker(rule)
    try:
        return all(
            id_of(document) == identifier
            for identifier, document in islice(ledger.documents(index), _LOOKED_AT)
        )
    except (NoIdentity, RecursionError):
        return False


def _mark(ledger: Ledger, pipeline: Pipeline) -> dict[str, Any] | None:
    with ledger.errors():
        try:
            found = ledger.client.get(index=MANIFESTS, id=_id(pipeline))
        except NotFoundError:
            return None
    return dict(found["_source"]["rule"])


def _id(pipeline: Pipeline) -> str:
    return f"identity:{pipeline.name}:{pipeline.target}"
