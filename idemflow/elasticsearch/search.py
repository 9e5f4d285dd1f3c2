"""Reads the hits of a query from one point in time, page by page, in bounded memory."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from itertools import islice
from threading import Event, Thread
from typing import Any, TypeVar

from elasticsearch import NotFoundError

from idemflow.elasticsearch.connect import Connection
from idemflow.errors import IdemflowError, PointInTimeLost

_log = logging.getLogger(__name__)

# Hits in one answer: of ids; of documents at first; bytes of documents that are aimed at then.
IDS = 10_000
_DOCUMENTS = 200
_PAGE_BYTES = 4 * 1024 * 1024
# Elasticsearch keeps a point in time for so long since it was asked last: that of a command that
# was killed goes by itself.
_KEEP_ALIVE = "5m"
# How often it is asked, in seconds, however long the point in time is needed.
_EXTEND = 60.0
_IN_ANY_ORDER: tuple[Mapping[str, str], ...] = ({"_shard_doc": "asc"},)
# What else an answer repeats in each hit is most of it. Not for whole documents: of a document that
# Elasticsearch filters it makes doubles of the numbers, and digits are lost.
_WANTED = ["pit_id"] + [
    f"hits.hits.{name}" for name in ("_id", "_source", "sort", "_seq_no", "_primary_term")
]


@contextmanager
def point_in_time(
    connection: Connection, index: str, *, preference: str | None = None
) -> Iterator[str | None]:
    """Keep an index' present state readable until the end, however slowly it is read.

    Yields:
        What a search calls it by; ``None`` if there is no such index.
    """
    opened: str | None = None
    with connection.errors(), suppress(NotFoundError):
        answer = connection.client.open_point_in_time(
            index=index, keep_alive=_KEEP_ALIVE, preference=preference
        )
        opened = str(answer["id"])
    if opened is None:
        yield None
        return
    ended = Event()
    extending = Thread(target=_extend, args=(connection, opened, ended), daemon=True)
    extending.start()
    try:
        yield opened
    finally:
        ended.set()
        extending.join()
        # Of one that cannot be closed, Elasticsearch lets go by itself: what was read is whole.
        with suppress(IdemflowError), connection.errors(), suppress(NotFoundError):
            connection.client.close_point_in_time(id=opened)


def _extend(connection: Connection, pit: str, ended: Event) -> None:
    """Keep a point in time until the end; of one that is gone, its next reader learns."""
    while not ended.wait(_EXTEND):
        with suppress(IdemflowError), connection.errors(), suppress(NotFoundError):
            connection.client.search(
                pit={"id": pit, "keep_alive": _KEEP_ALIVE}, size=0, track_total_hits=False
            )


def scan(
    connection: Connection,
    index: str,
    query: Mapping[str, Any],
    *,
    source: Any = True,
    page: int | None = None,
    sort: Sequence[Mapping[str, str]] | None = None,
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
        page: hits in one answer; default: as many as have some megabytes.
        sort: the order; default: none.
        versions: whether a hit has its sequence number and primary term.
        preference: the shard to read, as the search API has it.
        pit: a point in time of :func:`point_in_time`; default: one of now.

    Raises:
        PointInTimeLost: Elasticsearch no longer has the point in time.
    """
    request: dict[str, Any] = {
        "query": query,
        "source": source,
        "sort": list(sort or _IN_ANY_ORDER),
        "seq_no_primary_term": versions,
        "track_total_hits": False,
        # A shard that does not answer is an error, not a shorter list.
        "allow_partial_search_results": False,
        **({} if source is True else {"filter_path": _WANTED}),
    }

    def read(at: str, size: int, after: list[Any] | None) -> tuple[list[Any], str]:
        with connection.errors():
            try:
                answer = connection.client.search(
                    pit={"id": at, "keep_alive": _KEEP_ALIVE},
                    size=size,
                    search_after=after,
                    **request,
                )
            except NotFoundError as error:
                raise gone(index) from error
            except RecursionError:
                # One document is nested deeper than Python's reader goes: it comes by itself.
                if size > 1:
                    return read(at, size // 2, after)
                return _unreadable(connection, index, {**request, "source": False}, at, after)
        return list(answer.get("hits", {}).get("hits", ())), str(answer["pit_id"])

    with (
        nullcontext(pit)
        if pit
        else point_in_time(connection, index, preference=preference) as opened,
        ThreadPoolExecutor(1) as ahead,
    ):
        if opened is None:
            return
        size = page or (IDS if source is False else _DOCUMENTS)
        hits, at = read(opened, size, None)
        while hits:
            if page is None and source is not False:
                size = _fitting(hits)
            following = ahead.submit(read, at, size, hits[-1]["sort"])
            yield from hits
            hits, at = following.result()


def _unreadable(
    connection: Connection, index: str, request: Mapping[str, Any], at: str, after: Any
) -> tuple[list[Any], str]:
    """The hit of a document that cannot be read, without its fields."""
    answer = connection.client.search(
        pit={"id": at, "keep_alive": _KEEP_ALIVE}, size=1, search_after=after, **request
    )
    hits = [hit | {"_source": {}} for hit in answer["hits"]["hits"]]
    _log.warning(
        "%s: the document %s is nested too deeply to be read: no run of idemflow wrote it so",
        index, ", ".join(hit["_id"] for hit in hits),
    )  # fmt: skip
    return hits, str(answer["pit_id"])


def _fitting(hits: Sequence[Mapping[str, Any]]) -> int:
    """How many documents like these make a page; some of them tell how large they are."""
    some = hits[:: max(1, len(hits) // 10)]
    size = sum(len(str(hit.get("_source"))) for hit in some) / len(some)
    return int(min(4 * len(hits), IDS, max(1, _PAGE_BYTES // max(1, size))))


def gone(index: str) -> PointInTimeLost:
    """What is wrong when a point in time is not there any longer."""
    return PointInTimeLost(
        f"Elasticsearch no longer keeps the state of {index} that is being read: it was restarted, "
        "or could not be reached for minutes",
        next_command="run the command again; what is in the index, `idemflow verify` tells",
    )


def every(*queries: Mapping[str, Any], **terms: Any) -> dict[str, Any]:
    """A query for what all queries find and what has these values in these fields."""
    return {"bool": {"filter": [*({"term": {name: terms[name]}} for name in terms), *queries]}}


Item = TypeVar("Item")


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of up to ``size`` items."""
    source = iter(items)
    while some := list(islice(source, size)):
        yield some
