"""The documents of an index: all of them, those written since a checkpoint, those of some ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from elasticsearch import NotFoundError

from idemflow.elasticsearch.connect import Connection
from idemflow.elasticsearch.search import IDS, batches, every, gone, scan
from idemflow.pipeline.model import TOMBSTONE

# Documents that are deleted in one request.
_BULK = 1000
# What readers see: everything but tombstones.
LIVE = {"bool": {"must_not": {"exists": {"field": TOMBSTONE}}}}

Checkpoints = Mapping[int, int]
"""Shard number to the sequence number up to which every write is done; -1 for an empty shard."""

Stored = tuple[str, Mapping[str, int]]
"""A document's id, and what the bulk API asks for to change just the state that was read."""


def stored(hit: Mapping[str, Any]) -> Stored:
    """Which document a hit with its sequence number is of."""
    return hit["_id"], at(hit["_seq_no"], hit["_primary_term"])


def at(seq_no: int, primary_term: int) -> dict[str, int]:
    """The state of a document, as an action of the bulk API names it."""
    return {"if_seq_no": seq_no, "if_primary_term": primary_term}


class Documents(Connection):
    """Reads the indices of pipelines."""

    def documents(self, index: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every document of an index that readers see, with its id."""
        self.refresh(index)
        for hit in scan(self, index, LIVE):
            yield hit["_id"], hit["_source"]

    def live(self, index: str) -> int:
        """How many documents of an index readers see, as of its last refresh."""
        return self.count(index, LIVE)

    def existing(self, index: str, ids: Iterable[str], *, pit: str | None = None) -> Iterator[str]:
        """Those of some ids that an index has a live document of, as of its last refresh.

        Args:
            index: the index.
            ids: document ids.
            pit: a point in time to look at, instead of now.
        """
        return (hit["_id"] for hit in self._with_ids(index, ids, LIVE, pit=pit))

    def versions(self, index: str, ids: Iterable[str]) -> Iterator[tuple[str, int]]:
        """Ids and versions of those of some documents, and of tombstones, that an index has, as of
        its last refresh."""
        return ((hit["_id"], hit["_version"]) for hit in self._with_ids(index, ids, version=True))

    def _with_ids(
        self,
        index: str,
        ids: Iterable[str],
        *only: Mapping[str, Any],
        pit: str | None = None,
        version: bool = False,
    ) -> Iterator[Any]:
        where: dict[str, Any] = {"pit": {"id": pit}} if pit else {"index": index}
        for some in batches(ids, IDS):
            with self.errors():
                try:
                    answer = self.client.search(
                        **where,
                        query=every({"ids": {"values": some}}, *only),
                        size=len(some),
                        source=False,
                        version=version,
                        track_total_hits=False,
                        filter_path=["hits.hits._id", "hits.hits._version"],
                    )
                except NotFoundError as error:
                    if pit is not None:
                        raise gone(index) from error
                    return
            yield from answer.get("hits", {}).get("hits", ())

    def delete(self, index: str, documents: Iterable[Stored]) -> int:
        """Delete documents, each only if it is still as it was read.

        Returns:
            How many were deleted.
        """
        deleted = 0
        for some in batches(documents, _BULK):
            actions = [{"_index": index, "_id": identifier, **at} for identifier, at in some]
            deleted += self.bulk([{"delete": action} for action in actions]).count(200)
        return deleted

    def seq_no_checkpoints(self, index: str) -> dict[int, int]:
        """Up to which sequence number each shard of an index has done all writes by now.

        Returns:
            Shard number to sequence number, -1 for an empty shard; empty if there is no index.
        """
        with self.errors():
            try:
                stats = self.client.indices.stats(
                    index=index, level="shards", metric="docs",
                    filter_path=["indices.*.shards.*.seq_no", "indices.*.shards.*.routing"],
                )  # fmt: skip
            except NotFoundError:
                return {}
        checkpoints: dict[int, int] = {}
        for found in stats.get("indices", {}).values():
            for number, copies in found["shards"].items():
                checkpoints[int(number)] = max(
                    int(copy.get("seq_no", {}).get("local_checkpoint", -1)) for copy in copies
                )
        return checkpoints

    def written_since(
        self, index: str, since: Checkpoints, until: Checkpoints | None = None
    ) -> Iterator[str]:
        """The ids of documents whose last write came after a checkpoint.

        Args:
            index: the index.
            since: where it starts; a shard that it does not name is read from its beginning.
            until: where it ends; default: now.
        """
        self.refresh(index)
        for shard, query in self._written(index, since, until):
            for hit in scan(self, index, query, source=False, preference=shard):
                yield hit["_id"]

    def count_written(self, index: str, since: Checkpoints) -> int:
        """How many ids :meth:`written_since` gives, as of the last refresh."""
        found = 0
        for shard, query in self._written(index, since, None):
            with self.errors():
                found += self.client.count(index=index, query=query, preference=shard)["count"]
        return found

    def _written(
        self, index: str, since: Checkpoints, until: Checkpoints | None
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for shard in self.seq_no_checkpoints(index) if until is None else until:
            limits = {"gt": since.get(shard, -1)}
            if until is not None:
                limits["lte"] = until[shard]
            yield f"_shards:{shard}", {"range": {"_seq_no": limits}}
