"""How fast PutElasticsearchJson loads, beside other clients.

``python -m benchmarks.load [--quick] [--json] [--plot PATH]``

Once with one document a FlowFile, once with FlowFiles of many lines; the FlowFiles are queued
before the clock starts, as the other clients have their documents in memory.
"""

from __future__ import annotations

from contextlib import ExitStack, closing

from elasticsearch import Elasticsearch
from rich.console import Console

from benchmarks import canvas
from benchmarks.load_canvas import NDJSON, ONE_DOCUMENT, LoadCanvas
from benchmarks.load_clients import (
    CHUNK,
    THREADS,
    check_and_delete,
    connect,
    create_index,
    load_parallel_bulk,
    load_raw,
    written,
)
from benchmarks.people import people
from benchmarks.report import Report, command
from idemflow.commands import up
from idemflow.config import settings

INDEX = "idemflow-benchmark-load"
CANVASES = {"nifi": ONE_DOCUMENT, "ndjson": NDJSON}
WAYS = {
    "raw": f"raw _bulk, prepared bodies, {THREADS} connections",
    "parallel_bulk": f"elasticsearch-py parallel_bulk, {THREADS} threads, chunks of {CHUNK:,}",
    **{way: chosen.description for way, chosen in CANVASES.items()},
}


def measure(documents: int, rounds: int, console: Console) -> Report:
    """Load the same people each way in turns, into an empty index each time.

    Args:
        documents: how many people.
        rounds: how many turns, after one that warms the servers up and does not count.
        console: told how far it is.
    """
    target = up.up(settings.resolve({})).target
    nifi = target.nifi
    canvas.connect(nifi.url, nifi.username, nifi.password, str(nifi.ca_file))
    prepared = list(people(0, documents))
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    with ExitStack() as stack:
        client = stack.enter_context(closing(connect(target.elasticsearch)))
        groups = {
            way: stack.enter_context(closing(LoadCanvas(target, chosen)))
            for way, chosen in CANVASES.items()
        }
        for turn in range(rounds + 1):
            for way in WAYS:
                if way in groups:
                    seconds = _from_queue(groups[way], client, documents)
                else:
                    create_index(client, INDEX)
                    if way == "raw":
                        seconds = load_raw(target.elasticsearch, INDEX, prepared)
                    else:
                        seconds = load_parallel_bulk(client, INDEX, prepared)
                check_and_delete(client, INDEX, documents)
                counts = turn > 0
                console.log(f"{way}: {documents / seconds:,.0f}/s{'' if counts else ' (warm-up)'}")
                if counts:
                    rates[way].append(documents / seconds)
    return Report(
        title="Loading {amount} six-field people into one index",
        amount=documents,
        unit="documents",
        ways=WAYS,
        rates=rates,
        ratios={"one_document": ("nifi", "parallel_bulk"), "ndjson": ("ndjson", "parallel_bulk")},
    )


def _from_queue(group: LoadCanvas, client: Elasticsearch, documents: int) -> float:
    group.fill(documents)
    create_index(client, INDEX)
    return group.empty(INDEX, lambda: written(client, INDEX) >= documents)


main = command(
    "load",
    lambda quick, console: measure(40_000 if quick else 200_000, 2 if quick else 4, console),
    "How fast PutElasticsearchJson loads, beside other clients.",
)

if __name__ == "__main__":
    main()
