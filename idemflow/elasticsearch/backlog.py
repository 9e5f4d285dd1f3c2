"""What of a pipeline's manifests is not folded yet, in sums: no entry is read for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from elasticsearch import NotFoundError

from idemflow.elasticsearch.ledger import DEAD_LETTERS, RUNS, Ledger
from idemflow.elasticsearch.manifests import MANIFESTS
from idemflow.elasticsearch.search import batches, every, scan

# What a document of the ledger costs a reader, in entries.
_CHUNK = 500
_PAGE = 1000


class Part(NamedTuple):
    """What of a run's manifest was sent to one index."""

    run: str
    to: str
    taken: int
    entries: int
    manifests: int

    @property
    def cost(self) -> int:
        """What reading it costs, in entries."""
        return self.entries + self.manifests * _CHUNK


class Summary(NamedTuple):
    """What of a run's summary decides.

    Attributes:
        records: how many records it collected.
        collected: when that had come to its end.
        folded: the indices into whose baseline its manifest was folded.
    """

    records: int
    collected: datetime
    folded: frozenset[str]


def sums(ledger: Ledger, pipeline: str) -> dict[str, tuple[int, int]]:
    """Of each index the cost of its manifests, and about how many runs sent them."""
    aggregation = {
        "terms": {"field": "index", "size": 10_000},
        "aggs": {
            "entries": {"sum": {"field": "count"}},
            "runs": {"cardinality": {"field": "run"}},
        },
    }
    return {
        bucket["key"]: (
            int(bucket["entries"]["value"]) + bucket["doc_count"] * _CHUNK,
            bucket["runs"]["value"],
        )
        for bucket in _summed(ledger, {"term": {"pipeline": pipeline}}, aggregation)["buckets"]
    }


def parts(ledger: Ledger, pipeline: str) -> Iterator[Part]:
    """What each run that is not folded sent to each index, in sums."""
    after: dict[str, Any] = {}
    while True:
        composite: dict[str, Any] = {
            "size": _PAGE,
            "sources": [
                {"run": {"terms": {"field": "run"}}},
                {"index": {"terms": {"field": "index"}}},
            ],
            **after,
        }
        sums = {"taken": {"sum": {"field": "taken"}}, "entries": {"sum": {"field": "count"}}}
        aggregation = {"composite": composite, "aggs": sums}
        parts = _summed(ledger, {"term": {"pipeline": pipeline}}, aggregation)
        for bucket in parts["buckets"]:
            yield Part(
                bucket["key"]["run"],
                bucket["key"]["index"],
                int(bucket["taken"]["value"]),
                int(bucket["entries"]["value"]),
                bucket["doc_count"],
            )
        if "after_key" not in parts:
            return
        after = {"after": parts["after_key"]}


def summaries(ledger: Ledger, runs: Iterable[str]) -> Iterator[tuple[str, Summary]]:
    """The summaries of those of some runs that have one."""
    for some in batches(runs, _PAGE):
        with ledger.errors():
            try:
                answer = ledger.client.mget(
                    index=RUNS, ids=some, source_includes=["records", "collected", "folded"]
                )
            except NotFoundError:
                return
        for document in answer["docs"]:
            if document.get("found"):
                summary = document["_source"]
                yield (
                    document["_id"],
                    Summary(
                        int(summary["records"]),
                        datetime.fromisoformat(summary["collected"]).astimezone(UTC),
                        frozenset(summary.get("folded", ())),
                    ),
                )


def marked_replays(ledger: Ledger, pipeline: str) -> set[str]:
    """The replays that dead letters still wait for."""
    query = every({"exists": {"field": "replay"}}, pipeline=pipeline)
    return {
        hit["_source"]["replay"]
        for hit in scan(ledger, DEAD_LETTERS, query, source=["replay"])
        if hit["_source"]["replay"]
    }


def oldest_of_others(ledger: Ledger, index: str, pipeline: str) -> list[str]:
    """The oldest run of another pipeline that is not folded into the baseline of an index."""
    with ledger.errors():
        answer = ledger.client.search(
            index=MANIFESTS,
            size=1,
            query={
                "bool": {
                    "filter": [{"term": {"index": index}}],
                    "must_not": [{"term": {"pipeline": pipeline}}],
                }
            },
            sort=[{"run": "asc"}],
            source_includes=["run"],
            ignore_unavailable=True,
        )
    return [hit["_source"]["run"] for hit in answer["hits"]["hits"]]


def with_manifests(ledger: Ledger, runs: list[str]) -> set[str]:
    """Those of some runs of which a manifest is left."""
    aggregation = {"terms": {"field": "run", "size": len(runs)}}
    found = _summed(ledger, {"terms": {"run": runs}}, aggregation)
    return {bucket["key"] for bucket in found["buckets"]}


def with_baseline(ledger: Ledger, pipeline: str) -> set[str]:
    """The indices that have a baseline with what a pipeline sent."""
    aggregation = {"terms": {"field": "baseline", "size": 10_000}}
    found = _summed(ledger, {"term": {"senders": pipeline}}, aggregation)
    return {bucket["key"] for bucket in found["buckets"]}


def _summed(
    ledger: Ledger, query: Mapping[str, Any], aggregation: Mapping[str, Any]
) -> Mapping[str, Any]:
    """An aggregation of manifests; it has no buckets where there is no index."""
    with ledger.errors():
        answer = ledger.client.search(
            index=MANIFESTS,
            size=0,
            query=query,
            aggs={"found": aggregation},
            ignore_unavailable=True,
        )
    found: Mapping[str, Any] = answer.get("aggregations", {}).get("found", {"buckets": ()})
    return found
