"""The last run of a pipeline's source, and what was known of it when its manifest was folded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from idemflow.elasticsearch.ledger import RUNS, Ledger


@dataclass(frozen=True)
class LastRun:
    """A run.

    Attributes:
        run: its id; empty where there was none.
        repeated: index to records whose id another record of the run has as well, and those of
            them with other contents; for the indices into whose baseline it was folded.
    """

    run: str = ""
    repeated: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def last_run(ledger: Ledger, pipeline: str) -> LastRun:
    """The last run of a pipeline; a replay of dead letters is none of its source."""
    query, fields = {"term": {"pipeline": pipeline}}, ["replay", "repeated"]
    for hit in ledger.hits(RUNS, query, source=fields, sort=({"run": "desc"},)):
        if not hit["_source"].get("replay"):
            return LastRun(hit["_id"], hit["_source"].get("repeated", {}))
    return LastRun()
