"""A baseline: what of the folded manifests of an index still counts, as documents of the ledger.

Its documents are in ``idemflow-manifests`` beside the manifests, under a generation. A *pointer*,
one document an index, names the generation that counts; others are left from a compaction that was
killed or came second, or belong to one under way. As that index has one shard, a point in time
sees pointer, baseline and manifests of one moment, and a reader is right whatever is deleted
meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any, NamedTuple

from elasticsearch import NotFoundError

from idemflow.elasticsearch.connect import Connection
from idemflow.elasticsearch.folding import Sent
from idemflow.elasticsearch.search import batches, gone
from idemflow.steps.rules.manifest import pack, unpack

# Entries of a document; readers hold some documents at a time.
ENTRIES = 5000
FIELDS = {
    "baseline": {"type": "keyword"},
    "generation": {"type": "keyword"},
    "number": {"type": "long"},
    "senders": {"type": "keyword"},
    "newest": {"type": "keyword"},
}


class Pointer(NamedTuple):
    """Which baseline of an index counts.

    Attributes:
        generation: its documents' generation; empty before the first compaction.
        documents: how many entries it has.
        runs: how many runs are folded into it.
        last: those of them that the last compaction folded.
        seq_no: the pointer's sequence number and
        primary_term: primary term, to change just this state; -1 where there is none.
    """

    generation: str = ""
    documents: int = 0
    runs: int = 0
    last: frozenset[str] = frozenset()
    seq_no: int = -1
    primary_term: int = -1


@dataclass(frozen=True)
class Group:
    """Entries of a baseline that were sent alike.

    Attributes:
        run: the run that sent them.
        last: the last run that sent their ids, in this state or an older one.
        sender: the pipeline of ``last``.
        settled: whether no refusal can change them any more.
        entries: document id, content hash and version.
    """

    run: str
    last: str
    sender: str
    settled: bool
    entries: list[tuple[str, str, int | None]]


def pointer_id(index: str) -> str:
    """The id of an index' pointer."""
    return f"baseline:{index}"


def read_pointers(
    connection: Connection, indices: Iterable[str], **where: Any
) -> dict[str, Pointer]:
    """The pointers of indices.

    Args:
        connection: Elasticsearch.
        indices: their names.
        where: ``pit`` or ``index``, as the search API has it.

    Raises:
        PointInTimeLost: Elasticsearch no longer has the point in time.
    """
    found: dict[str, Pointer] = {}
    for names in batches(indices, 1000):
        some = {pointer_id(name): name for name in names}
        with connection.errors():
            try:
                answer = connection.client.search(
                    **where,
                    query={"ids": {"values": list(some)}},
                    size=len(some),
                    seq_no_primary_term=True,
                    track_total_hits=False,
                )
            except NotFoundError as error:
                if "pit" in where:
                    raise gone("the ledger") from error
                raise
        for hit in answer["hits"]["hits"]:
            source = hit["_source"]
            found[some[hit["_id"]]] = Pointer(
                source["generation"],
                source["documents"],
                source["runs"],
                frozenset(source["last"]),
                hit["_seq_no"],
                hit["_primary_term"],
            )
    return found


def pack_documents(
    index: str, generation: str, kept: Iterable[tuple[str, Sent]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The documents of a baseline, each with its id.

    Args:
        index: the index that it is of.
        generation: its generation.
        kept: ids and what was sent under them, in the order of the runs.
    """
    for number, some in enumerate(batches(kept, ENTRIES)):
        groups = [
            (run, last, sender, settled, sum(1 for _ in ones))
            for (run, last, sender, settled), ones in groupby(some, key=_alike)
        ]
        yield (
            f"baseline:{generation}:{number}",
            {
                "baseline": index,
                "generation": generation,
                "number": number,
                "senders": sorted({group[2] for group in groups}),
                "newest": max(group[1] for group in groups),
                "groups": groups,
                "entries": pack([(id_, sent.digest, sent.version) for id_, sent in some]),
            },
        )


def groups_of(document: Mapping[str, Any]) -> Iterator[Group]:
    """The entries of a document that :func:`pack_documents` made, by the runs that sent them.

    Raises:
        ValueError: the document is damaged.
    """
    entries = iter(unpack(document["entries"]))
    for run, last, sender, settled, number in document["groups"]:
        yield Group(run, last, sender, settled, list(islice(entries, number)))


def _alike(item: tuple[str, Sent]) -> tuple[str, str, str, bool]:
    sent = item[1]
    return sent.run, sent.last, sent.sender, sent.settled
