"""The ledger: what each run sent, kept in Elasticsearch beside the documents.

Three indices: ``idemflow-runs`` has a document a run, ``idemflow-manifests`` the ids and content
hashes of what it sent, in chunks, and ``idemflow-dead-letters`` what could never go in. All are
written by the flow itself under ids of their own, so that a replay changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any

from elasticsearch import NotFoundError

from idemflow.config.endpoint import Endpoint
from idemflow.elasticsearch import baseline
from idemflow.elasticsearch.connect import Connection
from idemflow.elasticsearch.manifests import MANIFESTS, Manifests
from idemflow.elasticsearch.runs import Entry, Run, newest
from idemflow.elasticsearch.search import scan
from idemflow.pipeline.model import TOMBSTONE
from idemflow.steps.rules.manifest import pack, unpack

RUNS = "idemflow-runs"
DEAD_LETTERS = "idemflow-dead-letters"
LEDGER = (RUNS, MANIFESTS, DEAD_LETTERS)

_KEYWORD = {"type": "keyword"}
_LONG_TEXT = {"type": "keyword", "index": False, "doc_values": False}
TEMPLATES: dict[str, dict[str, Any]] = {
    RUNS: {
        "pipeline": _KEYWORD,
        "run": _KEYWORD,
        "started": {"type": "date"},
        "collected": {"type": "date"},
        "arguments": _LONG_TEXT,
        "records": {"type": "long"},
    },
    MANIFESTS: {
        "pipeline": _KEYWORD,
        "run": _KEYWORD,
        "index": _KEYWORD,
        "taken": {"type": "long"},
        "count": {"type": "long"},
        "refused": {"type": "long"},
        "dropped": {"type": "long"},
        "entries": {"type": "binary"},
        "stale": {"type": "binary"},
        "given_up": {"type": "binary"},
        **baseline.FIELDS,
    },
    DEAD_LETTERS: {
        "pipeline": _KEYWORD,
        "run": _KEYWORD,
        "record_id": {"type": "keyword", "ignore_above": 8191},
        "source": _KEYWORD,
        "position": _KEYWORD,
        "step": _KEYWORD,
        "reason": {"type": "text"},
        "content": _LONG_TEXT,
        "content_encoding": _KEYWORD,
        "stage": _KEYWORD,
        "time": {"type": "date"},
        "index": _KEYWORD,
        "attempts": {"type": "long"},
        "replay": _KEYWORD,
        "page": {"type": "long"},
        "checked": _KEYWORD,
    },
}
# What readers see: everything but tombstones.
LIVE = {"bool": {"must_not": {"exists": {"field": TOMBSTONE}}}}
_PAGE = 10_000
CHUNKS = 50
_NOTHING = pack([])


class Ledger(Connection):
    """Reads the ledger, and the indices of pipelines.

    Args:
        endpoint: Elasticsearch's address and a login that may do everything.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self.manifests = Manifests(self)

    def hits(
        self, index: str, query: Mapping[str, Any], *, source: Any = True, page: int | None = None
    ) -> Iterator[Any]:
        """Every hit of a query, as Elasticsearch gives it, with its sequence number.

        Args:
            index: the index; without it there are no hits.
            query: in Elasticsearch's query language.
            source: the fields wanted, as the parameter ``_source`` of a search.
            page: hits in one answer.
        """
        self.refresh(index)
        yield from scan(self, index, query, source=source, versions=True, page=page)

    def run_ids(self, pipeline: str) -> list[str]:
        """The ids of a pipeline's runs, oldest first (they start with the time)."""
        self.refresh(RUNS)
        return [
            hit["_id"] for hit in scan(self, RUNS, {"term": {"pipeline": pipeline}}, source=False)
        ]

    def records(self, run: str) -> int | None:
        """How many records a run collected; ``None`` until its summary has arrived."""
        with self.errors():
            try:
                return int(self.client.get(index=RUNS, id=run)["_source"]["records"])
            except NotFoundError:
                return None

    def run(self, run: str) -> Run | None:
        """One run as far as the ledger has it; ``None`` until its summary has arrived."""
        self.refresh(RUNS, MANIFESTS)
        with self.errors():
            try:
                summary = self.client.get(index=RUNS, id=run)["_source"]
            except NotFoundError:
                return None
        entries: dict[str, Entry] = {}
        stale: set[tuple[str, int | None]] = set()
        given_up: set[tuple[str, int | None]] = set()
        index = None
        counts = dict.fromkeys(("taken", "count", "refused", "dropped"), 0)
        for hit in scan(self, MANIFESTS, {"term": {"run": run}}, page=50):
            chunk = hit["_source"]
            for name in counts:
                counts[name] += chunk.get(name, 0)
            # What names the letters of a replay accounts for no record.
            index = chunk["index"] if chunk["taken"] else index
            newest(entries, unpack(chunk["entries"]))
            stale.update((key, version) for key, _, version in unpack(chunk["stale"]))
            given_up.update(
                (key, version) for key, _, version in unpack(chunk.get("given_up") or _NOTHING)
            )
        return Run(
            id=run,
            started=summary["started"],
            records=summary["records"],
            index=index,
            entries=entries,
            taken=counts["taken"],
            identified=counts["count"],
            refused=counts["refused"],
            dropped=counts["dropped"],
            stale=frozenset((key, version) for key, version in stale if key in entries),
            given_up=frozenset((key, version) for key, version in given_up if key in entries),
        )

    def runs_into(self, index: str) -> list[str]:
        """The ids of all runs, of any pipeline, that sent something to an index, oldest first."""
        self.refresh(MANIFESTS)
        found = scan(self, MANIFESTS, {"term": {"index": index}}, source=["run"])
        return sorted({hit["_source"]["run"] for hit in found})

    def dead_letters(self, run: str) -> set[str]:
        """The record ids of a run's dead letters that had an identity."""
        self.refresh(DEAD_LETTERS)
        return {
            hit["_source"]["record_id"]
            for hit in scan(self, DEAD_LETTERS, {"term": {"run": run}}, source=["record_id"])
            if hit["_source"].get("record_id")
        }

    def marks(self, index: str) -> dict[int, int]:
        """The highest sequence number of each shard of an index: what is there by now.

        Returns:
            Shard number to sequence number, -1 for an empty shard; empty if there is no index.
        """
        with self.errors():
            try:
                stats = self.client.indices.stats(index=index, level="shards")
            except NotFoundError:
                return {}
        marks: dict[int, int] = {}
        for found in stats["indices"].values():
            for number, copies in found["shards"].items():
                marks[int(number)] = max(
                    int(copy.get("seq_no", {}).get("max_seq_no", -1)) for copy in copies
                )
        return marks

    def since(self, index: str, marks: Mapping[int, int]) -> Iterator[str]:
        """The ids of the documents written to an index after ``marks`` were taken."""
        self.refresh(index)
        for shard in self.marks(index):
            query = {"range": {"_seq_no": {"gt": marks.get(shard, -1)}}}
            for hit in scan(self, index, query, source=False, preference=f"_shards:{shard}"):
                yield hit["_id"]

    def documents(self, index: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every document of an index that readers see, with its id."""
        self.refresh(index)
        for hit in scan(self, index, LIVE):
            yield hit["_id"], hit["_source"]

    def existing(self, index: str, ids: Collection[str], *, pit: str | None = None) -> set[str]:
        """Those of some ids that an index has a live document of.

        Args:
            index: the index.
            ids: document ids.
            pit: a point in time to look at, instead of now.
        """
        found: set[str] = set()
        wanted = list(ids)
        if pit is None:
            self.refresh(index)
        for start in range(0, len(wanted), _PAGE):
            query = {
                "bool": {
                    "filter": [{"ids": {"values": wanted[start : start + _PAGE]}}, LIVE],
                }
            }
            where: dict[str, Any] = {"pit": {"id": pit}} if pit else {"index": index}
            with self.errors():
                try:
                    answer = self.client.search(
                        **where, query=query, size=_PAGE, source=False, track_total_hits=False
                    )
                except NotFoundError:
                    return found
            found.update(hit["_id"] for hit in answer["hits"]["hits"])
        return found

    def pin(self, index: str) -> str | None:
        """Keep an index' present state readable for an hour.

        Returns:
            A point in time; ``None`` if there is no such index.
        """
        with self.errors():
            try:
                return str(self.client.open_point_in_time(index=index, keep_alive="1h")["id"])
            except NotFoundError:
                return None

    def unpin(self, pit: str) -> None:
        """Let go of what :meth:`pin` kept."""
        with self.errors(), suppress(NotFoundError):
            self.client.close_point_in_time(id=pit)
