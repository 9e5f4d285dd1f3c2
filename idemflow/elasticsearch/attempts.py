"""Why commands gave up on runs: beside the summaries, which the flow writes itself.

A run whose source fails has no summary, and nothing else in the ledger. A note is a document of
``idemflow-runs`` without the fields that make one a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from idemflow.elasticsearch.documents import stored
from idemflow.elasticsearch.ledger import RUNS, Ledger
from idemflow.elasticsearch.search import every


@dataclass(frozen=True)
class Attempt:
    """A run that a command triggered, and gave up.

    Attributes:
        pipeline: the pipeline's name.
        request: what the run's id ends with.
        started: when it was triggered, as ISO 8601 has it.
        reason: why, in words.
        exit_code: of the command.
    """

    pipeline: str
    request: str
    started: str
    reason: str
    exit_code: int


_FIELDS = {one.name for one in fields(Attempt)}


def note(ledger: Ledger, attempt: Attempt) -> None:
    """Keep why a command gave up."""
    with ledger.errors():
        ledger.client.index(
            index=RUNS, id=f"attempt:{attempt.request}", document={"attempt": asdict(attempt)}
        )


def newest(ledger: Ledger, pipelines: Sequence[str], limit: int) -> list[Attempt]:
    """The last of some pipelines that were given up, newest first; 10,000 at most."""
    with ledger.errors():
        answer = ledger.client.search(
            index=RUNS,
            query=_of(pipelines),
            # A ledger of an earlier version has no such field until the next deployment.
            sort=[{"attempt.started": {"order": "desc", "unmapped_type": "date"}}],
            size=limit,
            ignore_unavailable=True,
        )
    found = (hit["_source"]["attempt"] for hit in answer["hits"]["hits"])
    # Another version of idemflow may note something else.
    return [
        Attempt(**{name: one[name] for name in _FIELDS}) for one in found if one.keys() >= _FIELDS
    ]


def forget(ledger: Ledger, pipeline: str, before: datetime | None = None) -> int:
    """Delete those of a pipeline; how many.

    Args:
        ledger: the ledger.
        pipeline: the pipeline's name.
        before: those that were triggered earlier alone.
    """
    time: dict[str, Any] = {"lt": before.isoformat()} if before else {}
    query = every(_of([pipeline]), {"range": {"attempt.started": time}})
    return ledger.delete(RUNS, map(stored, ledger.hits(RUNS, query, source=False)))


def _of(pipelines: Sequence[str]) -> dict[str, Any]:
    return {"terms": {"attempt.pipeline": list(pipelines)}}
