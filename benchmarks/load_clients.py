"""The clients that NiFi is compared with."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from elasticsearch import Elasticsearch
from elasticsearch.helpers import parallel_bulk

from benchmarks.people import MAPPING
from idemflow.config.endpoint import Endpoint
from idemflow.errors import IdemflowError

CHUNK = 2_000
THREADS = 2

Documents = list[tuple[str, dict[str, str]]]


def connect(endpoint: Endpoint) -> Elasticsearch:
    """A client as a user makes it: TLS, basic authentication."""
    return Elasticsearch(
        endpoint.url,
        basic_auth=(endpoint.username, endpoint.password),
        ca_certs=str(endpoint.ca_file),
        request_timeout=120,
    )


def free_port() -> int:
    """A port on loopback that nothing listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def create_index(client: Elasticsearch, index: str) -> None:
    """An empty index, the same for each way of loading."""
    client.options(ignore_status=404).indices.delete(index=index)
    client.indices.create(
        index=index,
        settings={"number_of_shards": 1, "number_of_replicas": 0},
        mappings={"dynamic": "strict", "properties": MAPPING},
    )


def written(client: Elasticsearch, index: str) -> int:
    """How many documents have ever been written to an index, refreshed or not."""
    found = client.options(ignore_status=404).indices.stats(index=index, metric="indexing")
    if "_all" not in found:
        return 0
    return int(found["_all"]["primaries"].get("indexing", {}).get("index_total", 0))


def check_and_delete(client: Elasticsearch, index: str, expected: int) -> None:
    """Takes an index away once it holds what it should.

    Raises:
        IdemflowError: documents are missing.
    """
    client.indices.refresh(index=index)
    found = int(client.count(index=index)["count"])
    if found != expected:
        raise IdemflowError(f"the index {index} holds {found} documents, not {expected}")
    client.indices.delete(index=index)


def load_parallel_bulk(client: Elasticsearch, index: str, documents: Documents) -> float:
    """elasticsearch-py's ``parallel_bulk``; returns seconds."""
    actions: list[dict[str, Any]] = [
        {"_index": index, "_id": key, "_source": document} for key, document in documents
    ]
    began = time.perf_counter()
    for succeeded, item in parallel_bulk(
        client, actions, thread_count=THREADS, chunk_size=CHUNK, queue_size=THREADS
    ):
        if not succeeded:
            raise IdemflowError(f"parallel_bulk failed: {item}")
    return time.perf_counter() - began


def load_raw(endpoint: Endpoint, index: str, documents: Documents) -> float:
    """Prepared bodies over two connections, replies hardly looked at; returns seconds."""
    lines = [
        f'{{"index":{{"_id":"{key}"}}}}\n{json.dumps(document)}\n' for key, document in documents
    ]
    bodies = [
        "".join(lines[start : start + CHUNK]).encode() for start in range(0, len(lines), CHUNK)
    ]
    login = base64.b64encode(f"{endpoint.username}:{endpoint.password}".encode()).decode()
    headers = {"Content-Type": "application/x-ndjson", "Authorization": f"Basic {login}"}
    address = urlsplit(endpoint.url)

    def send(mine: list[bytes]) -> None:
        connection = http.client.HTTPSConnection(
            address.hostname or "", address.port, timeout=120,
            context=ssl.create_default_context(cafile=str(endpoint.ca_file)),
        )  # fmt: skip
        for body in mine:
            connection.request("POST", f"/{index}/_bulk", body, headers)
            reply = connection.getresponse()
            if reply.status != http.HTTPStatus.OK or b'"errors":false' not in reply.read():
                raise IdemflowError(f"a raw _bulk failed with HTTP {reply.status}")
        connection.close()

    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(send, [bodies[number::THREADS] for number in range(THREADS)]))
    return time.perf_counter() - began
