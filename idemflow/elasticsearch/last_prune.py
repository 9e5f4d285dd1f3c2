"""When the pipelines of a project were pruned last, of those that are pruned without being asked.

The time stands in the pipeline's document of ``idemflow-pipelines``, where every machine and every
command finds it, and with which it goes; an earlier idemflow does not look at it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from elasticsearch import NotFoundError

from idemflow.elasticsearch.ledger import PIPELINES, Ledger

_FIELD = "pruned"


def last_prunes(ledger: Ledger, project: str) -> dict[str, datetime | None]:
    """When the pipelines that a project has deployed were pruned last, by their names.

    Args:
        ledger: the ledger.
        project: the project's id.

    Returns:
        The times have a time zone; ``None`` for a pipeline that never was, or of which nothing is
        known that is a time.
    """
    hits = ledger.hits(PIPELINES, {"term": {"project": project}}, source=[_FIELD])
    # What is empty is left out of an answer.
    return {hit["_id"]: _time(hit.get("_source", {})) for hit in hits}


def note(ledger: Ledger, pipeline: str, time: datetime) -> None:
    """Keep when a pipeline was pruned last.

    Args:
        ledger: the ledger.
        pipeline: the pipeline's name; of one that was never deployed nothing is kept.
        time: with a time zone.
    """
    document = {_FIELD: time.isoformat(timespec="milliseconds")}
    with ledger.errors(), suppress(NotFoundError):
        ledger.client.update(index=PIPELINES, id=pipeline, doc=document, retry_on_conflict=3)


def _time(source: Mapping[str, Any]) -> datetime | None:
    try:
        found = datetime.fromisoformat(source[_FIELD])
    except (KeyError, TypeError, ValueError):
        return None
    return found if found.tzinfo else None
