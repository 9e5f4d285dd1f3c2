"""The ledger: what each run sent, kept in Elasticsearch beside the documents.

Three indices: ``idemflow-runs`` has a document a run, ``idemflow-manifests`` the ids and content
hashes of what it sent, in chunks, and ``idemflow-dead-letters`` what could never go in. All are
written by the flow itself under ids of their own, so that a replay changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from elasticsearch import (
    ApiError,
    AuthenticationException,
    AuthorizationException,
    Elasticsearch,
    NotFoundError,
    TransportError,
)

from idemflow.errors import IdemflowError, LoginRefused, PipelineError, Unreachable
from idemflow.pipeline.manifest import unpack
from idemflow.pipeline.spec import Pipeline
from idemflow.runtime import Endpoint

RUNS = "idemflow-runs"
MANIFESTS = "idemflow-manifests"
DEAD_LETTERS = "idemflow-dead-letters"
LEDGER = (RUNS, MANIFESTS, DEAD_LETTERS)

_KEYWORD = {"type": "keyword"}
_LONG_TEXT = {"type": "keyword", "index": False, "doc_values": False}
_TEMPLATES: dict[str, dict[str, Any]] = {
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
        "count": {"type": "long"},
        "refused": {"type": "long"},
        "entries": {"type": "binary"},
        "stale": {"type": "binary"},
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
        "attempts": {"type": "long"},
        "replay": _KEYWORD,
        "page": {"type": "long"},
        "checked": _KEYWORD,
    },
}
_PAGE = 5000


@dataclass(frozen=True)
class Run:
    """What the ledger has of one run.

    Attributes:
        id: the run id.
        started: when it was triggered, ISO 8601.
        records: how many records were collected.
        entries: document id to content hash, of the records that have an identity.
        repeated: records beyond the first with the same id.
        refused: records without an identity.
        stale: ids that Elasticsearch has in a newer version.
    """

    id: str
    started: str
    records: int
    entries: Mapping[str, str] = field(repr=False)
    repeated: int
    refused: int
    stale: frozenset[str]

    @property
    def identified(self) -> bool:
        """Whether the manifest is complete: each record has an id or was refused one."""
        return len(self.entries) + self.repeated + self.refused >= self.records


class Ledger:
    """Reads the ledger and the indices of pipelines, and deploys their templates.

    Args:
        endpoint: Elasticsearch's address and a login that may do everything.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._url = endpoint.url
        tls: dict[str, Any] = {"ca_certs": str(endpoint.ca_file)} if endpoint.ca_file else {}
        self._client = Elasticsearch(
            endpoint.url,
            basic_auth=(endpoint.username, endpoint.password),
            **tls,
            request_timeout=30,
            # What waits for a server decides how long; the client is asked once.
            max_retries=0,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (AuthenticationException, AuthorizationException) as error:
            raise LoginRefused(
                f"Elasticsearch at {self._url} refused the login or the right to do this",
                next_command="idemflow doctor",
            ) from error
        except TransportError as error:
            raise Unreachable(
                f"Elasticsearch does not answer at {self._url}: {error.message}",
                next_command="idemflow up",
            ) from error
        except ApiError as error:
            if error.status_code in (429, 502, 503, 504):
                raise Unreachable(
                    f"Elasticsearch at {self._url} is not ready ({error.status_code})",
                    next_command="idemflow status",
                ) from error
            raise IdemflowError(f"Elasticsearch refused a request: {_reason(error)}") from error

    def reachable(self) -> None:
        """Check that Elasticsearch answers.

        Raises:
            Unreachable: it does not.
            LoginRefused: it does not know this user.
        """
        with self._errors():
            self._client.cluster.health()

    def template_change(self, pipeline: Pipeline) -> bool:
        """Whether :meth:`put_templates` would change the pipeline's own template."""
        name, body = _template(pipeline)
        with self._errors():
            try:
                live = self._client.indices.get_index_template(name=name)
            except NotFoundError:
                return True
        found = live["index_templates"][0]["index_template"]
        return bool(found.get("_meta") != body["meta"])

    def put_templates(self, pipeline: Pipeline) -> None:
        """Deploy the index templates of the ledger and of a pipeline, and the new fields of the
        mapping to an index that is already there.

        Raises:
            PipelineError: Elasticsearch does not take the mapping.
        """
        name, body = _template(pipeline)
        with self._errors():
            for index, properties in _TEMPLATES.items():
                self._client.indices.put_index_template(
                    name=index,
                    index_patterns=[index],
                    priority=500,
                    template={
                        "settings": {"number_of_shards": 1, "number_of_replicas": 0},
                        "mappings": {"dynamic": "false", "properties": properties},
                    },
                )
                if self._client.indices.exists(index=index):
                    self._client.indices.put_mapping(index=index, properties=properties)
        try:
            with self._errors():
                self._client.indices.put_index_template(name=name, **body)
                if self._client.indices.exists(index=pipeline.index.name):
                    self._client.indices.put_mapping(
                        index=pipeline.index.name, **pipeline.mapping()
                    )
        except IdemflowError as error:
            if type(error) is not IdemflowError:
                raise
            raise PipelineError(
                f"flows/{pipeline.name}.yaml",
                f"Elasticsearch does not take the mapping: {error.message}",
                field="index.mapping",
                next_command=f"mend index.mapping, or give the index another name; the index "
                f"{pipeline.index.name} keeps the mapping that it was made with",
            ) from error

    def refresh(self, *indices: str) -> None:
        """Make what was written to the indices visible to searches."""
        with self._errors():
            self._client.indices.refresh(
                index=",".join(indices), ignore_unavailable=True, allow_no_indices=True
            )

    def count(self, index: str, query: Mapping[str, Any] | None = None) -> int:
        """The number of documents of an index (0 if there is none) that a query finds."""
        with self._errors():
            return int(
                self._client.count(
                    index=index, query=query, ignore_unavailable=True, allow_no_indices=True
                )["count"]
            )

    def run_ids(self, pipeline: str) -> list[str]:
        """The ids of a pipeline's runs, oldest first (they start with the time)."""
        self.refresh(RUNS)
        return [
            hit["_id"] for hit in self._scan(RUNS, {"term": {"pipeline": pipeline}}, source=False)
        ]

    def run(self, run: str) -> Run | None:
        """One run as far as the ledger has it; ``None`` until its summary has arrived."""
        self.refresh(RUNS, MANIFESTS)
        with self._errors():
            try:
                summary = self._client.get(index=RUNS, id=run)["_source"]
            except NotFoundError:
                return None
        entries: dict[str, str] = {}
        stale: set[str] = set()
        identified = refused = 0
        for hit in self._scan(MANIFESTS, {"term": {"run": run}}):
            chunk = hit["_source"]
            identified += chunk["count"]
            refused += chunk["refused"]
            entries.update(unpack(chunk["entries"]))
            stale.update(identifier for identifier, _ in unpack(chunk["stale"]))
        return Run(
            id=run,
            started=summary["started"],
            records=summary["records"],
            entries=entries,
            repeated=identified - len(entries),
            refused=refused,
            stale=frozenset(stale),
        )

    def runs_into(self, index: str) -> list[str]:
        """The ids of all runs, of any pipeline, that sent something to an index, oldest first."""
        self.refresh(MANIFESTS)
        found = self._scan(MANIFESTS, {"term": {"index": index}}, source=["run"])
        return sorted({hit["_source"]["run"] for hit in found})

    def dead_letters(self, run: str) -> set[str]:
        """The record ids of a run's dead letters that had an identity."""
        self.refresh(DEAD_LETTERS)
        return {
            hit["_source"]["record_id"]
            for hit in self._scan(DEAD_LETTERS, {"term": {"run": run}}, source=["record_id"])
            if hit["_source"].get("record_id")
        }

    def marks(self, index: str) -> dict[int, int]:
        """The highest sequence number of each shard of an index: what is there by now.

        Returns:
            Shard number to sequence number, -1 for an empty shard; empty if there is no index.
        """
        with self._errors():
            try:
                stats = self._client.indices.stats(index=index, level="shards")
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
            for hit in self._scan(index, query, source=False, preference=f"_shards:{shard}"):
                yield hit["_id"]

    def documents(self, index: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every document of an index with its id."""
        self.refresh(index)
        for hit in self._scan(index, {"match_all": {}}):
            yield hit["_id"], hit["_source"]

    def hits(self, index: str, query: Mapping[str, Any], *, source: Any = True) -> Iterator[Any]:
        """Every hit of a query, as Elasticsearch gives it, with its sequence number.

        Args:
            index: the index; without it there are no hits.
            query: in Elasticsearch's query language.
            source: the fields wanted, as the parameter ``_source`` of a search.
        """
        self.refresh(index)
        yield from self._scan(index, query, source=source, versions=True)

    def bulk(self, operations: Sequence[Mapping[str, Any]]) -> list[int]:
        """Send one bulk request; its changes are visible to searches afterwards.

        Args:
            operations: action lines and documents, as the bulk API has them.

        Returns:
            The HTTP status of each action; 404 where a document is gone, 409 where it is not
            the version that was asked for.

        Raises:
            IdemflowError: Elasticsearch refused an action for another reason.
        """
        if not operations:
            return []
        with self._errors():
            answer = self._client.bulk(operations=operations, refresh=True)
        statuses = []
        for item in answer["items"]:
            (result,) = item.values()
            if "error" in result and result["status"] not in (404, 409):
                raise IdemflowError(f"Elasticsearch refused a change: {result['error']}")
            statuses.append(int(result["status"]))
        return statuses

    def _scan(
        self,
        index: str,
        query: Mapping[str, Any],
        *,
        source: Any = True,
        preference: str | None = None,
        versions: bool = False,
    ) -> Iterator[Any]:
        """All hits of a query, from one point in time, a page at a time."""
        with self._errors():
            try:
                pit = self._client.open_point_in_time(
                    index=index, keep_alive="2m", preference=preference
                )["id"]
            except NotFoundError:
                return
        after: list[Any] | None = None
        try:
            while True:
                with self._errors():
                    answer = self._client.search(
                        pit={"id": pit, "keep_alive": "2m"},
                        query=cast("dict[str, Any]", query),
                        size=_PAGE if source is False else 1000,
                        source=source,
                        sort=[{"_shard_doc": "asc"}],
                        search_after=after,
                        seq_no_primary_term=versions,
                        track_total_hits=False,
                    )
                hits = answer["hits"]["hits"]
                yield from hits
                if not hits:
                    return
                after = hits[-1]["sort"]
                pit = answer["pit_id"]
        finally:
            with self._errors():
                self._client.close_point_in_time(id=pit)


def _reason(error: ApiError) -> str:
    """What Elasticsearch says, down to the cause that names the field."""
    cause = error.info.get("error") if isinstance(error.info, dict) else None
    reasons: list[str] = []
    while isinstance(cause, dict):
        reasons.append(str(cause.get("reason")))
        cause = cause.get("caused_by")
    return ": ".join(reasons) or str(error)


def _template(pipeline: Pipeline) -> tuple[str, dict[str, Any]]:
    """The name and the body of a pipeline's index template."""
    index = pipeline.index
    template = {
        "settings": {"number_of_shards": index.shards, "number_of_replicas": index.replicas},
        "mappings": pipeline.mapping(),
    }
    return f"idemflow-{pipeline.name}", {
        "index_patterns": [index.name],
        "priority": 400,
        "template": template,
        # Elasticsearch gives a template back in a form of its own; this copy tells a change.
        "meta": {"idemflow": template},
    }
