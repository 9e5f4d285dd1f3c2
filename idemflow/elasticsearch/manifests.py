"""What runs sent, read as a stream of the chunks of their manifests.

A chunk names some thousand ids, each with the hash of its content and its version. Chunks come in
pages, so that memory does not grow with the number of runs nor of records.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from idemflow.elasticsearch.connect import Connection
from idemflow.elasticsearch.search import scan
from idemflow.errors import IdemflowError
from idemflow.steps.rules.manifest import unpack

MANIFESTS = "idemflow-manifests"
# Chunks in one answer: a chunk of 5,000 documents has about 150 KB.
_PAGE = 20
# Of equal versions the one counts that was sent last: ids of runs start with the time.
_BY_RUN = ({"run": "asc"}, {"_shard_doc": "asc"})

Entries = list[tuple[str, str, int | None]]
"""Document id, content hash (empty for a delete) and version (``None`` without versions)."""


@dataclass(frozen=True)
class Chunk:
    """A part of a run's manifest.

    Attributes:
        id: the chunk's own id: a chunk that is sent again has the same.
        run: the run's id.
        index: the index that the documents went to.
        taken: collected records that the chunk accounts for.
        count: documents that were made of them.
        refused: records without an identity.
        dropped: records that the transform left out.
        letters: the dead letters that a replay has sent with it.
        seq_no: the chunk's place in the order of writes to the ledger.
    """

    id: str
    run: str
    index: str
    taken: int
    count: int
    refused: int
    dropped: int
    letters: Sequence[str]
    seq_no: int
    _packed: Mapping[str, str | None] = field(repr=False)

    @property
    def entries(self) -> Entries:
        """What was sent, in the order in which it was sent."""
        return self._unpacked("entries")

    @property
    def stale(self) -> Entries:
        """What Elasticsearch has in a newer version; the hashes are empty."""
        return self._unpacked("stale")

    @property
    def given_up(self) -> Entries:
        """What Elasticsearch can never take; the hashes are empty."""
        return self._unpacked("given_up")

    def _unpacked(self, name: str) -> Entries:
        text = self._packed.get(name)
        try:
            return unpack(text) if text else []
        except ValueError as error:
            raise IdemflowError(
                f"the manifest {self.id} in {MANIFESTS} is damaged: {error}"
            ) from error


class Manifests:
    """Reads manifests.

    Args:
        connection: Elasticsearch.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def sent_to(self, index: str, *, newest_first: bool = False) -> Iterator[Chunk]:
        """What all runs, of any pipeline, sent to an index: run by run, the oldest first.

        A compacted baseline comes as chunks like any other, in its place by its run id.
        """
        first = ({"run": "desc"}, {"_shard_doc": "desc"}) if newest_first else _BY_RUN
        return self._chunks({"term": {"index": index}}, sort=first)

    def of_run(self, run: str, *, after: int = -1) -> Iterator[Chunk]:
        """The manifest of a run, as far as it is there, in the order in which it was written.

        Args:
            run: the run's id.
            after: only chunks with a higher ``seq_no``.
        """
        query: dict[str, Any] = {
            "bool": {"filter": [{"term": {"run": run}}, {"range": {"_seq_no": {"gt": after}}}]}
        }
        return self._chunks(query, sort=({"_seq_no": "asc"},))

    def since(self, pipeline: str, run: str) -> Iterator[Chunk]:
        """What a pipeline's runs after a certain one sent: run by run, the oldest first."""
        query: dict[str, Any] = {
            "bool": {"filter": [{"term": {"pipeline": pipeline}}, {"range": {"run": {"gt": run}}}]}
        }
        return self._chunks(query, sort=_BY_RUN)

    def _chunks(
        self, query: Mapping[str, Any], *, sort: Sequence[Mapping[str, str]]
    ) -> Iterator[Chunk]:
        self._connection.refresh(MANIFESTS)
        for hit in scan(
            self._connection, MANIFESTS, query, page=_PAGE, sort=sort, versions=True,
            source={"excludes": ["pipeline"]},
        ):  # fmt: skip
            found = hit["_source"]
            yield Chunk(
                id=hit["_id"],
                run=found["run"],
                index=found["index"],
                taken=int(found.get("taken", 0)),
                count=int(found.get("count", 0)),
                refused=int(found.get("refused", 0)),
                dropped=int(found.get("dropped", 0)),
                letters=found.get("letters", ()),
                seq_no=hit["_seq_no"],
                _packed={name: found.get(name) for name in ("entries", "stale", "given_up")},
            )
