"""The runs of pipelines, as the ledger tells them: how they began, and what became of them.

The flow writes the summary of a run, once it has collected its records. A command that waits for
the run adds its report, once each record has come to its end, or notes why it gave up. Of a run for
which none waited, and of one without a summary, the manifest tells what it can.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from elasticsearch import NotFoundError

from idemflow.elasticsearch import attempts
from idemflow.elasticsearch.ledger import RUNS, Ledger
from idemflow.elasticsearch.manifests import MANIFESTS
from idemflow.elasticsearch.search import batches, every, scan

# Runs whose manifests one request sums up.
_AT_ONCE = 500
# Of a pipeline, so many summaries come with those of others: what one answer may have of each.
_TOGETHER = 100
# What stands for the id of a run of which the ledger has nothing but that a command gave it up.
NOT_BEGUN = "not-begun-"
# The outcome of a run that no command waited for.
NOT_COUNTED = -1


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
        bytes: length of the documents that were made of them, as JSON text; 0 where that is not
            known: none counted it before its manifest was folded.
        complete: whether its summary has come; without it, ``records`` are those that have come
            to an end so far.
        moving: whether records of its pipeline are on their way; ``None`` where NiFi was not
            asked, or does not answer.
        given_up: why the command that triggered it gave up; empty where none did.
        report: what a command found that waited for it: the fields of
            :class:`idemflow.commands.run.RunReport`, ``flow`` (the commit of what ran, and whether
            it was ``changed`` since), ``verdict`` in words and the ``exit_code``; empty where none
            waited to its end.
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
    bytes: int = 0
    complete: bool = True
    moving: bool | None = None
    given_up: str = ""

    @property
    def ended(self) -> bool:
        """Whether each of its records has come to its end."""
        return self.complete and self.accounted >= self.records

    @property
    def time(self) -> datetime | None:
        """When it was triggered, by its id; ``None`` of an id that no idemflow made."""
        return run_time(self.run)

    @property
    def verdict(self) -> str:
        """What became of it, in words."""
        if self.report:
            return str(self.report["verdict"])
        if self.ended:
            by = self.given_up and f"the command gave up: {self.given_up}"
            return f"all accounted for; {by or 'no command counted them'}"
        why = f"; the command gave up: {self.given_up}" if self.given_up else ""
        if self.run.startswith(NOT_BEGUN):
            return f"not begun: {self.given_up}"
        return f"{self._state()}{why}"

    def _state(self) -> str:
        done, left = f"{self.accounted:,}", f"{self.records - self.accounted:,}"
        if not self.complete:
            return {
                True: f"under way: {done} accounted for, more to come",
                False: f"cut off: {done} accounted for, and its summary never came",
                None: f"not ended: {done} accounted for so far",
            }[self.moving]
        return {
            True: f"under way: {done} of {self.records:,} accounted for",
            False: f"cut off: {left} of {self.records:,} never came to an end",
            None: f"{left} not accounted for yet",
        }[self.moving]


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
    """The newest runs with a summary that a query finds, newest first.

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


def all_runs(
    ledger: Ledger, pipelines: Sequence[str], limit: int, *, run: str | None = None
) -> list[PastRun]:
    """The newest runs of pipelines, newest first: those without a summary as well, and those that
    a command gave up.

    Args:
        ledger: the ledger.
        pipelines: their names.
        limit: how many at most; 10,000 at most.
        run: that one alone.
    """
    only = {} if run is None else {"run": run}
    ledger.refresh(RUNS, MANIFESTS)
    owned = every({"terms": {"pipeline": list(pipelines)}}, **only)
    known = {one.run: one for one in past_runs(ledger, owned, limit)}
    begun = dict(_begun(ledger, owned, limit))
    # A run that is older than the ones that fill the list may have a summary.
    with_summary = known.keys() | _with_summary(ledger, begun.keys() - known.keys())
    sums = dict(_sums(ledger, begun.keys() - with_summary))
    for one, pipeline in begun.items():
        if one in sums:
            taken = sums[one]["taken"]
            known[one] = PastRun(
                one, pipeline, None, None, "{}", taken, taken, sums[one]["refused"],
                sums[one]["dropped"], bytes=sums[one]["bytes"], complete=False,
            )  # fmt: skip
    for attempt in attempts.newest(ledger, pipelines, limit):
        of = next((one for one in known if one.endswith(f"-{attempt.request}")), None)
        if of is not None:
            known[of] = replace(known[of], given_up=attempt.reason)
            continue
        unknown = f"{NOT_BEGUN}{attempt.request}"
        # It may have begun after all, and be older than what is asked for.
        if run in (None, unknown) and not ledger.begun_run(
            attempt.pipeline, after="", end=f"-{attempt.request}"
        ):
            known[unknown] = PastRun(
                unknown, attempt.pipeline, "command", attempt.started, "{}", 0, 0, 0, 0,
                complete=False, given_up=attempt.reason,
            )  # fmt: skip
    return sorted(known.values(), key=_when, reverse=True)[:limit]


def _when(run: PastRun) -> str:
    """What runs are sorted by: their ids start with the time."""
    at = datetime.fromisoformat(run.started) if run.run.startswith(NOT_BEGUN) and run.started else 0
    return f"{at:%Y%m%dT%H%M%S}" if at else run.run


def _begun(ledger: Ledger, query: Mapping[str, Any], limit: int) -> Iterator[tuple[str, str]]:
    """The newest runs that have a manifest which is not folded, and the pipeline of each."""
    with ledger.errors():
        answer = ledger.client.search(
            index=MANIFESTS,
            query=query,
            aggregations={
                "runs": {
                    "terms": {"field": "run", "size": limit, "order": {"_key": "desc"}},
                    "aggregations": {"of": {"terms": {"field": "pipeline", "size": 1}}},
                }
            },
            size=0,
            ignore_unavailable=True,
        )
    for found in answer.get("aggregations", {}).get("runs", {}).get("buckets", ()):
        yield found["key"], found["of"]["buckets"][0]["key"]


def _with_summary(ledger: Ledger, runs: Iterable[str]) -> set[str]:
    """Those of some runs that have one."""
    hits = scan(ledger, RUNS, {"ids": {"values": list(runs)}}, source=False)
    return {hit["_id"] for hit in hits}


def run_time(run: str) -> datetime | None:
    """When a run was triggered, by its id in upper or lower case, to the second.

    Args:
        run: the id; ``None`` is given back for one that has no time.
    """
    try:
        return datetime.strptime(run[:15].upper(), "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def newest_runs(ledger: Ledger, pipelines: Sequence[str], each: int) -> dict[str, list[PastRun]]:
    """The newest runs of pipelines' sources, newest first; a replay of dead letters is none.

    What was written within the last second may be missing.

    Args:
        ledger: the ledger.
        pipelines: their names.
        each: runs of each, 50 at most.

    Returns:
        Those of every name, in the order of the names.
    """
    together = _together(ledger, pipelines, min(2 * each, _TOGETHER))
    summaries = {name: _newest(ledger, name, ones, each) for name, ones in together.items()}
    every_run = [(run, one) for ones in summaries.values() for run, one in ones.items()]
    sums = dict(_sums(ledger, (run for run, one in every_run if not one.get("folded"))))
    return {
        name: [_past_run(run, one, sums.get(run, {})) for run, one in ones.items()]
        for name, ones in summaries.items()
    }


def outcomes(ledger: Ledger, pipelines: Sequence[str], since: datetime) -> dict[str, Counter[int]]:
    """How many runs of pipelines' sources there were, by exit code of their report.

    Args:
        ledger: the ledger.
        pipelines: their names.
        since: triggered then or later: each of these summaries is read.

    Returns:
        These of every name; of runs without a report by :data:`NOT_COUNTED`.
    """
    found: dict[str, Counter[int]] = {name: Counter() for name in pipelines}
    # The summaries' mapping does not have these fields: they are read from what was written.
    code, replay = "report.exit_code", "replay"
    with ledger.errors():
        answer = ledger.client.search(
            index=RUNS,
            query={
                "bool": {
                    "filter": [
                        {"terms": {"pipeline": list(pipelines)}},
                        {"range": {"run": {"gte": f"{since:%Y%m%dT%H%M%S}"}}},
                    ],
                    "must_not": {"term": {replay: True}},
                }
            },
            runtime_mappings={code: {"type": "long"}, replay: {"type": "boolean"}},
            aggregations=_each_pipeline(
                pipelines, {"codes": {"terms": {"field": code, "missing": NOT_COUNTED}}}
            ),
            size=0,
            ignore_unavailable=True,
        )
    for name, bucket in _buckets(answer):
        found[name].update({one["key"]: one["doc_count"] for one in bucket["codes"]["buckets"]})
    return found


def _together(
    ledger: Ledger, pipelines: Sequence[str], size: int
) -> dict[str, dict[str, Mapping[str, Any]]]:
    """The newest summaries of each pipeline, in one request; those of replays as well."""
    with ledger.errors():
        answer = ledger.client.search(
            index=RUNS,
            query={"terms": {"pipeline": list(pipelines)}},
            aggregations=_each_pipeline(
                pipelines,
                {"newest": {"top_hits": {"size": size, "sort": [{"run": {"order": "desc"}}]}}},
            ),
            size=0,
            ignore_unavailable=True,
        )
    found: dict[str, dict[str, Mapping[str, Any]]] = {name: {} for name in pipelines}
    for name, bucket in _buckets(answer):
        hits = bucket["newest"]["hits"]["hits"]
        found[name] = {hit["_id"]: hit["_source"] for hit in hits}
    return found


def _newest(
    ledger: Ledger, pipeline: str, newest: Mapping[str, Mapping[str, Any]], each: int
) -> dict[str, Mapping[str, Any]]:
    """The first runs among the newest summaries that are no replays."""
    of_source = {run: one for run, one in newest.items() if not one.get("replay")}
    if newest and not of_source:  # replays alone
        query = {"term": {"pipeline": pipeline}}
        hits = scan(ledger, RUNS, query, sort=({"run": "desc"},))
        found = ((hit["_id"], hit["_source"]) for hit in hits)
        of_source = dict(islice((one for one in found if not one[1].get("replay")), 1))
    return dict(islice(of_source.items(), each))


def _each_pipeline(pipelines: Sequence[str], inside: Mapping[str, Any]) -> dict[str, Any]:
    terms = {"field": "pipeline", "size": max(1, len(pipelines))}
    return {"pipelines": {"terms": terms, "aggregations": inside}}


def _buckets(answer: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    found = answer.get("aggregations", {}).get("pipelines", {}).get("buckets", ())
    return ((bucket["key"], bucket) for bucket in found)


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
        bytes=int((summary.get("report") or {}).get("bytes", sums.get("bytes", 0))),
    )


def _sums(ledger: Ledger, runs: Iterable[str]) -> Iterator[tuple[str, dict[str, int]]]:
    """What the manifests of some runs account for, a run each that has any."""
    names = ("taken", "refused", "dropped", "bytes")
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
