"""The runs of pipelines, as the ledger tells them: how they began, and what became of them.

The flow writes the summary of a run. A command that waits for the run adds its report, once each
record has come to its end. Of a run for which none waited, the manifest tells what it can.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from elasticsearch import NotFoundError

from idemflow.elasticsearch.ledger import RUNS, Ledger
from idemflow.elasticsearch.manifests import MANIFESTS
from idemflow.elasticsearch.search import batches, scan

# Runs whose manifests one request sums up.
_AT_ONCE = 500


@dataclass(frozen=True)
class PastRun:
    """A run that the ledger knows.

    Attributes:
        run: its id.
        pipeline: the pipeline's name.
        trigger: what started it: ``command``, ``canvas``, ``schedule``, or ``replay`` of dead
            letters; ``None`` of an earlier version's.
        started: when it was triggered, as ISO 8601 has it; ``None`` where that is not known.
        arguments: JSON object of the arguments of its source.
        records: records that it collected, and so has to account for.
        accounted: those of them that came to an end.
        refused: those that became dead letters.
        dropped: those that the transform left out.
        report: what a command found that waited for it: the fields of
            :class:`idemflow.commands.run.RunReport`, ``verdict`` in words and the ``exit_code``;
            empty where none waited to its end.
    """

    run: str
    pipeline: str
    trigger: str | None
    started: str | None
    arguments: str
    records: int
    accounted: int
    refused: int
    dropped: int
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """What became of it, in words."""
        if self.report:
            return str(self.report["verdict"])
        if self.accounted < self.records:
            return f"{self.records - self.accounted:,} not accounted for yet"
        return "all accounted for; no command counted them"


def note_report(ledger: Ledger, run: str, report: Mapping[str, Any]) -> None:
    """Add to the summary of a run what a command found; without a summary there is nothing to do.

    Args:
        run: the run's id.
        report: see :class:`PastRun`.
    """
    with ledger.errors():
        try:
            ledger.client.update(index=RUNS, id=run, doc={"report": dict(report)})
        except NotFoundError:
            return


def past_runs(ledger: Ledger, query: Mapping[str, Any], limit: int) -> list[PastRun]:
    """The newest runs that a query finds, newest first.

    Args:
        query: of the summaries in ``idemflow-runs``, in Elasticsearch's query language.
        limit: how many at most.
    """
    ledger.refresh(RUNS, MANIFESTS)
    newest = scan(ledger, RUNS, query, sort=({"run": "desc"},))
    summaries = {hit["_id"]: hit["_source"] for hit in islice(newest, limit)}
    open_runs = (run for run, one in summaries.items() if not one.get("folded"))
    sums = dict(_sums(ledger, open_runs))
    return [_past_run(run, one, sums.get(run, {})) for run, one in summaries.items()]


def _past_run(run: str, summary: Mapping[str, Any], sums: Mapping[str, int]) -> PastRun:
    records = int(summary["records"])
    return PastRun(
        run=run,
        pipeline=summary["pipeline"],
        trigger="replay" if summary.get("replay") else summary.get("trigger"),
        started=summary.get("started"),
        arguments=summary.get("arguments") or "{}",
        records=records,
        # A manifest is folded once it accounts for all, or nothing more can come.
        accounted=records if summary.get("folded") else min(records, sums.get("taken", 0)),
        refused=sums.get("refused", 0),
        dropped=sums.get("dropped", 0),
        report=summary.get("report") or {},
    )


def _sums(ledger: Ledger, runs: Iterable[str]) -> Iterator[tuple[str, dict[str, int]]]:
    """What the manifests of some runs account for, a run each that has any."""
    names = ("taken", "refused", "dropped")
    for some in batches(runs, _AT_ONCE):
        with ledger.errors():
            answer = ledger.client.search(
                index=MANIFESTS,
                query={"terms": {"run": some}},
                aggregations={
                    "runs": {
                        "terms": {"field": "run", "size": len(some)},
                        "aggregations": {name: {"sum": {"field": name}} for name in names},
                    }
                },
                size=0,
                ignore_unavailable=True,
            )
        for found in answer.get("aggregations", {}).get("runs", {}).get("buckets", ()):
            yield found["key"], {name: int(found[name]["value"]) for name in names}
