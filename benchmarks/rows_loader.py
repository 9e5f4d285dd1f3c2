"""A good hand-written loader from PostgreSQL to Elasticsearch: what idemflow is compared with."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from elasticsearch import Elasticsearch
from elasticsearch.helpers import parallel_bulk
from psycopg.rows import dict_row

from idemflow.demo.server import DATABASE, Login
from idemflow.errors import IdemflowError

CHUNK = 2_000
THREADS = 2
FETCH = 10_000


def create_index(
    client: Elasticsearch, index: str, settings: Mapping[str, Any], mapping: Mapping[str, Any]
) -> None:
    """An empty index with the pipeline's settings and mapping."""
    client.indices.delete(index=index, ignore_unavailable=True)
    client.indices.create(index=index, settings=settings, mappings=mapping)


def load(login: Login, client: Elasticsearch, index: str) -> float:
    """Loads the whole table under its ids; returns seconds.

    Raises:
        IdemflowError: Elasticsearch refuses a document.
    """
    began = time.perf_counter()
    for succeeded, item in parallel_bulk(
        client, _actions(login, index), thread_count=THREADS, chunk_size=CHUNK, queue_size=THREADS
    ):
        if not succeeded:
            raise IdemflowError(f"parallel_bulk failed: {item}")
    return time.perf_counter() - began


def _actions(login: Login, index: str) -> Iterator[dict[str, Any]]:
    with (
        psycopg.connect(
            host="127.0.0.1", port=login.port, dbname=DATABASE,
            user=login.username, password=login.password,
        ) as connection,
        connection.cursor(name="rows", row_factory=dict_row) as cursor,
    ):  # fmt: skip
        cursor.itersize = FETCH
        for row in cursor.execute("select * from benchmark_rows"):
            row["price"] = float(row["price"])
            row["created_at"] = _text(row["created_at"])
            row["updated_at"] = _text(row["updated_at"])
            yield {"_index": index, "_id": str(row["id"]), "_source": row}


def _text(at: datetime.datetime) -> str:
    """As the pipeline writes it. The session's zone is UTC: the offset has six characters."""
    return at.isoformat(timespec="microseconds")[:-6] + "Z"
