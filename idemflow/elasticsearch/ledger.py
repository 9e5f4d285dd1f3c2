"""The ledger: what each run sent, kept in Elasticsearch beside the documents.

``idemflow-runs`` has a document a run, ``idemflow-manifests`` the ids and content hashes of what it
sent, in chunks, and ``idemflow-dead-letters`` what could never go in. These are written by the flow
itself under ids of their own, so that a replay changes nothing. ``idemflow-pipelines`` says which
project has which pipeline.

Each index has in its ``_meta`` the ledger's mark, with the number of the ledger's form, ``format``;
without it, it is 0: the same but for the number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from elasticsearch import NotFoundError

from idemflow import __version__
from idemflow.config.endpoint import Endpoint
from idemflow.config.formats import refuse_newer
from idemflow.elasticsearch import baseline
from idemflow.elasticsearch.documents import Documents
from idemflow.elasticsearch.manifests import MANIFESTS, Manifests
from idemflow.elasticsearch.search import every, scan

RUNS = "idemflow-runs"
DEAD_LETTERS = "idemflow-dead-letters"
# Those that the flow writes.
LEDGER = (RUNS, MANIFESTS, DEAD_LETTERS)
PIPELINES = "idemflow-pipelines"

# Of the ledger's form. A change that an older idemflow would get wrong makes it one more, and comes
# with what it does to a ledger of each number before; tests/integration/data/ledgers has one each.
FORMAT = 1
KEY = "idemflow"
# The mark of the ledger's indices and templates.
LEDGER_MARK: dict[str, Any] = {
    KEY: {"ledger": True, "format": FORMAT, "idemflow": __version__},
}

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
        # Of runs that a command gave up: see idemflow.elasticsearch.given_up.
        "attempt": {"properties": {"pipeline": _KEYWORD, "started": {"type": "date"}}},
    },
    MANIFESTS: {
        "pipeline": _KEYWORD,
        "run": _KEYWORD,
        "index": _KEYWORD,
        "taken": {"type": "long"},
        "count": {"type": "long"},
        "refused": {"type": "long"},
        "dropped": {"type": "long"},
        "bytes": {"type": "long"},
        "entries": {"type": "binary"},
        "stale": {"type": "binary"},
        "given_up": {"type": "binary"},
        **baseline.FIELDS,
    },
    DEAD_LETTERS: {
        "pipeline": _KEYWORD,
        "run": _KEYWORD,
        "record_id": {"type": "keyword", "ignore_above": 8191},
        "version": {"type": "long"},
        "modified": {"type": "long"},
        "delete": {"type": "boolean"},
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
    PIPELINES: {"project": _KEYWORD, "place": _KEYWORD},
}


class Ledger(Documents):
    """Reads the ledger, and the indices of pipelines.

    Args:
        endpoint: Elasticsearch's address and a login that may do everything.
        timeout: seconds that a request may take.
    """

    def __init__(self, endpoint: Endpoint, timeout: float = 30) -> None:
        super().__init__(endpoint, timeout)
        self.manifests = Manifests(self)

    def check_format(self) -> None:
        """Check that no newer idemflow has written the ledger in a form that this one misreads.

        Raises:
            IdemflowError: one has.
        """
        with self.errors():
            found = self.client.indices.get_mapping(
                index=",".join(TEMPLATES),
                ignore_unavailable=True,
                allow_no_indices=True,
                filter_path=f"*.mappings._meta.{KEY}",
            )
        for index, one in found.items():
            if is_of_ledger(one["mappings"]["_meta"]):
                refuse_newer(f"the ledger ({index})", one["mappings"]["_meta"][KEY], FORMAT)

    def hits(
        self,
        index: str,
        query: Mapping[str, Any],
        *,
        source: Any = True,
        sort: Sequence[Mapping[str, str]] | None = None,
    ) -> Iterator[Any]:
        """Every hit of a query, as Elasticsearch gives it, with its sequence number.

        Args:
            index: the index; without it there are no hits.
            query: in Elasticsearch's query language.
            source: the fields wanted, as the parameter ``_source`` of a search.
            sort: the order; default: none.
        """
        self.refresh(index)
        yield from scan(self, index, query, source=source, sort=sort, versions=True)

    def run_ids(self, pipeline: str, *, after: str = "") -> list[str]:
        """The ids of a pipeline's runs after a certain one, oldest first.

        Args:
            pipeline: the pipeline's name.
            after: an id or the beginning of one: ids start with the time.
        """
        self.refresh(RUNS)
        query = _runs_after(pipeline, after)
        return sorted(hit["_id"] for hit in scan(self, RUNS, query, source=False))

    def summaries(self, pipeline: str, *, after: str) -> Iterator[tuple[str, int]]:
        """The ids of a pipeline's runs after a certain one, and for how many records of each a
        manifest is to account, oldest first; for none once it is folded."""
        query = _runs_after(pipeline, after)
        for hit in self.hits(RUNS, query, source=["records", "folded"], sort=({"run": "asc"},)):
            summary = hit["_source"]
            yield hit["_id"], 0 if summary.get("folded") else int(summary["records"])

    def begun_run(self, pipeline: str, *, after: str = "", end: str = "") -> str | None:
        """The first run of a pipeline that the ledger has something of.

        Args:
            pipeline: the pipeline's name.
            after: its id is behind this one; of a run that was given no end.
            end: its id ends so, whatever time a clock had told to begin it with.
        """
        self.refresh(RUNS, MANIFESTS)
        which = {"wildcard": {"run": f"*{end}"}} if end else {"range": {"run": {"gt": after}}}
        query = every(which, pipeline=pipeline)
        return self._first_run(f"{RUNS},{MANIFESTS}", query, "asc")

    def pipeline_of(self, run: str) -> str | None:
        """The pipeline that a run belongs to; ``None`` where the ledger has nothing of it."""
        self.refresh(RUNS, MANIFESTS)
        found = self._first(f"{RUNS},{MANIFESTS}", {"term": {"run": run}}, "asc")
        return str(found["pipeline"]) if found else None

    def newest_run(self, pipeline: str) -> str | None:
        """The id of a pipeline's last run; ``None`` before the first."""
        self.refresh(RUNS)
        return self._first_run(RUNS, {"term": {"pipeline": pipeline}}, "desc")

    def _first_run(self, index: str, query: Mapping[str, Any], order: str) -> str | None:
        found = self._first(index, query, order)
        return str(found["run"]) if found else None

    def _first(self, index: str, query: Mapping[str, Any], order: str) -> Mapping[str, Any] | None:
        with self.errors():
            answer = self.client.search(
                index=index,
                query=query,
                sort=[{"run": order}],
                size=1,
                source={"includes": ["run", "pipeline"]},
                ignore_unavailable=True,
            )
        return next((hit["_source"] for hit in answer["hits"]["hits"]), None)

    def records(self, run: str) -> int | None:
        """How many records a run collected; ``None`` until its summary has arrived."""
        with self.errors():
            try:
                return int(self.client.get(index=RUNS, id=run)["_source"]["records"])
            except NotFoundError:
                return None

    def folded(self, run: str) -> bool:
        """Whether a compaction has folded the manifest of a run."""
        with self.errors():
            try:
                summary = self.client.get(index=RUNS, id=run, source_includes=["folded"])
            except NotFoundError:
                return False
        return bool(summary["_source"].get("folded"))

    def accounted(self, run: str) -> int:
        """For how many of a run's records its manifest accounts so far."""
        self.refresh(MANIFESTS)
        with self.errors():
            answer = self.client.search(
                index=MANIFESTS,
                query={"term": {"run": run}},
                aggregations={"taken": {"sum": {"field": "taken"}}},
                size=0,
                ignore_unavailable=True,
            )
        return int(answer["aggregations"]["taken"]["value"]) if "aggregations" in answer else 0


def is_of_ledger(meta: Mapping[str, Any]) -> bool:
    """Whether a ``_meta`` has the ledger's mark, of whatever form."""
    mark = meta.get(KEY)
    return isinstance(mark, dict) and mark.get("ledger") is True


def _runs_after(pipeline: str, run: str) -> dict[str, Any]:
    return every({"range": {"run": {"gt": run}}}, pipeline=pipeline)


@contextmanager
def opened(endpoint: Endpoint) -> Iterator[Ledger]:
    """The ledger of an Elasticsearch that answers; closed in the end.

    Args:
        endpoint: Elasticsearch's address and a login that may do everything.

    Raises:
        Unreachable: it does not answer.
        LoginRefused: it refused the login.
        IdemflowError: a newer idemflow has written the ledger.
    """
    ledger = Ledger(endpoint)
    try:
        ledger.reachable()
        ledger.check_format()
        yield ledger
    finally:
        ledger.close()
