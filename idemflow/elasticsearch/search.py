"""Reads the hits of a query from one point in time, page by page, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

from elasticsearch import NotFoundError

from idemflow.elasticsearch.connect import Connection
from idemflow.errors import IdemflowError

# Hits in one answer: without contents, and with them.
_IDS = 10_000
_DOCUMENTS = 1000
# Each page extends the point in time by this.
_KEEP_ALIVE = "5m"
_IN_ANY_ORDER: tuple[Mapping[str, str], ...] = ({"_shard_doc": "asc"},)
# What else an answer repeats in each hit is most of it.
_WANTED = ["pit_id"] + [
    f"hits.hits.{name}" for name in ("_id", "_source", "sort", "_seq_no", "_primary_term")
]


@contextmanager
def point_in_time(
    connection: Connection,
    index: str,
    *,
    keep_alive: str = _KEEP_ALIVE,
    preference: str | None = None,
) -> Iterator[str | None]:
    """Keep an index' present state readable; ``None`` if there is no such index."""
    opened: str | None = None
    with connection.errors(), suppress(NotFoundError):
        answer = connection.client.open_point_in_time(
            index=index,
            keep_alive=keep_alive,
            preference=preference,
            # A shard that does not answer is an error, not a shorter list.
            allow_partial_search_results=False,
        )
        opened = str(answer["id"])
    try:
        yield opened
    finally:
        if opened is not None:
            with connection.errors(), suppress(NotFoundError):
                connection.client.close_point_in_time(id=opened)


def scan(
    connection: Connection,
    index: str,
    query: Mapping[str, Any],
    *,
    source: Any = True,
    page: int | None = None,
    sort: Sequence[Mapping[str, str]] = _IN_ANY_ORDER,
    versions: bool = False,
    preference: str | None = None,
    pit: str | None = None,
) -> Iterator[Any]:
    """All hits of a query, from one point in time; the next page is read while one is used.

    Args:
        connection: Elasticsearch.
        index: the index; without it there are no hits.
        query: in Elasticsearch's query language.
        source: the fields wanted, as the parameter ``_source`` of a search.
        page: hits in one answer; default: what suits ``source``.
        sort: the order.
        versions: whether a hit has its sequence number and primary term.
        preference: the shard to read, as the search API has it.
        pit: a point in time of :func:`point_in_time`; default: one of now.

    Raises:
        IdemflowError: the point in time expired, as the hits were used too slowly.
    """
    request: dict[str, Any] = {
        "query": query,
        "size": page or (_IDS if source is False else _DOCUMENTS),
        "source": source,
        "sort": list(sort),
        "seq_no_primary_term": versions,
        "track_total_hits": False,
        "filter_path": _WANTED,
    }

    def read(at: str, after: list[Any] | None) -> tuple[list[Any], str]:
        with connection.errors():
            try:
                answer = connection.client.search(
                    pit={"id": at, "keep_alive": _KEEP_ALIVE}, search_after=after, **request
                )
            except NotFoundError as error:
                raise IdemflowError(
                    f"Elasticsearch no longer keeps the state of {index} that is being read: it "
                    f"was restarted, or nothing was read for {_KEEP_ALIVE}",
                    next_command="run the command again",
                ) from error
        return list(answer.get("hits", {}).get("hits", ())), str(answer["pit_id"])

    with (
        nullcontext(pit)
        if pit
        else point_in_time(connection, index, preference=preference) as opened,
        ThreadPoolExecutor(1) as ahead,
    ):
        if opened is None:
            return
        hits, at = read(opened, None)
        while hits:
            following = ahead.submit(read, at, hits[-1]["sort"])
            yield from hits
            hits, at = following.result()
