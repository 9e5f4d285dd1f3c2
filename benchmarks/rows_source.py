"""What both ways of ``benchmarks.rows`` read, and where they write it to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan

from idemflow.config.settings import Settings
from idemflow.demo import commands, orders, server

PIPELINE = "benchmark-rows"
INDEX = "benchmark-rows"
PEER_INDEX = "benchmark-peer"
SEED = 42
_MODULUS = 1 << 128


@contextmanager
def table(settings: Settings, count: int) -> Iterator[server.Login]:
    """A table ``benchmark_rows`` with so many orders, beside the demo database's own."""
    commands.start(settings, count=commands.DEFAULT_ORDERS, seed=SEED)
    owner = server.owner(settings)
    with server.connect(owner) as connection:
        connection.execute("drop table if exists benchmark_rows")
        connection.execute("create table benchmark_rows (like orders including all)")
        orders.insert(connection, "benchmark_rows", count, SEED)
    with server.connect(owner) as connection:
        connection.autocommit = True
        connection.execute("vacuum (analyze) benchmark_rows")
    try:
        yield server.reader(settings)
    finally:
        with server.connect(owner) as connection:
            connection.execute("drop table benchmark_rows")


def checksum(client: Elasticsearch, index: str) -> tuple[int, int]:
    """How many documents an index holds, and a sum over ids and contents in any order."""
    client.indices.refresh(index=index)
    count = total = 0
    for hit in scan(client, index=index, size=5_000):
        total += _digest(hit["_id"], hit["_source"])
        count += 1
    return count, total % _MODULUS


def _digest(key: str, document: dict[str, Any]) -> int:
    text = json.dumps([key, document], sort_keys=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")
