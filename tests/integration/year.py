"""The ledger of a pipeline that runs every five minutes for a year.

``python -m tests.integration.year`` writes it into the running Elasticsearch of the project: what
each run would write, and once a day what a command does at its end.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from uuid import uuid4

from idemflow.config import settings
from idemflow.elasticsearch.ledger import RUNS, Ledger
from idemflow.elasticsearch.manifests import MANIFESTS
from idemflow.servers import connect
from tests.integration.book import Book, deploy_ledger

DOCUMENTS = 1000
CHANGED = 5
RUNS_OF_A_DAY = 288


@dataclass(frozen=True)
class Figures:
    """The ledger at the end of a day.

    Attributes:
        day: which, from 1.
        runs: how many runs `verify` counts.
        equal: whether it finds what was sent.
        seconds: how long it took, the fastest of three.
        documents: manifests and parts of the baseline that it read.
        manifest_bytes: what they take on disk.
        run_bytes: what the summaries of runs take on disk.
        folds: how often the manifests were folded.
        fold_seconds: how long that took, of all the year so far.
    """

    day: int
    runs: int
    equal: bool
    seconds: float
    documents: int
    manifest_bytes: int
    run_bytes: int
    folds: int
    fold_seconds: float


def simulate(book: Book, days: Sequence[int]) -> Iterator[Figures]:
    """Run every five minutes, and look at the ends of some days.

    Args:
        book: the pipeline.
        days: the days, in their order.
    """
    book.run({f"p{number}": "0" for number in range(DOCUMENTS)})
    number = folds = 0
    fold_seconds = 0.0
    for day in range(1, days[-1] + 1):
        operations = []
        for _ in range(RUNS_OF_A_DAY):
            first = number * CHANGED
            keys = (f"p{key % DOCUMENTS}" for key in range(first, first + CHANGED))
            operations += book.operations(dict.fromkeys(keys, str(number)))
            number += 1
        book.write(operations)
        began = time.monotonic()
        folds += book.prune_if_due()
        fold_seconds += time.monotonic() - began
        if day in days:
            yield _figures(book, day, folds, fold_seconds)


def _figures(book: Book, day: int, folds: int, fold_seconds: float) -> Figures:
    times = []
    for _ in range(3):
        began = time.monotonic()
        found = book.verify()
        times.append(time.monotonic() - began)
    client = book.ledger.client
    client.indices.flush(index=f"{MANIFESTS},{RUNS}")
    stats = client.indices.stats(index=f"{MANIFESTS},{RUNS}", metric="store")["indices"]
    size = {name: one["primaries"]["store"]["size_in_bytes"] for name, one in stats.items()}
    terms = [{"term": {"pipeline": book.pipeline}}, {"term": {"baseline": book.index}}]
    own = {"bool": {"should": terms}}
    return Figures(
        day=day,
        runs=found.runs,
        equal=found.equal,
        seconds=round(min(times), 3),
        documents=book.ledger.count(MANIFESTS, own),
        manifest_bytes=size[MANIFESTS],
        run_bytes=size[RUNS],
        folds=folds,
        fold_seconds=round(fold_seconds, 1),
    )


if __name__ == "__main__":
    resolved = settings.resolve()
    ledger = Ledger(connect(resolved).elasticsearch)
    deploy_ledger(ledger, resolved)
    name = f"year-{uuid4().hex[:8]}"
    sys.stdout.write(",".join(field.name for field in fields(Figures)) + "\n")
    for found in simulate(Book(ledger, name, name), [1, 2, 7, 30, 60, 90, 180, 270, 365]):
        sys.stdout.write(",".join(map(str, astuple(found))) + "\n")
        sys.stdout.flush()
