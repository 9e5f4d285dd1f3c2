"""Writes into ledger and index what a flow would, so that a year of runs takes a minute."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from idemflow.elasticsearch.last_run import last_run
from idemflow.elasticsearch.ledger import DEAD_LETTERS, RUNS, Ledger
from idemflow.elasticsearch.manifests import MANIFESTS
from idemflow.elasticsearch.retention import Pruned, Retention
from idemflow.elasticsearch.spill import Scratch, scratch
from idemflow.elasticsearch.verify import Verification, verify
from idemflow.steps.rules.identity import canonical, content_hash
from idemflow.steps.rules.manifest import pack

START = datetime(2026, 1, 1, tzinfo=UTC)
MEMORY = 32 * 1024 * 1024

Contents = Mapping[str, str | None]
"""Document id to the value of the document's only field; ``None`` deletes the document."""
Ended = Iterable[tuple[str, int | None]]


@contextmanager
def room(memory: int = MEMORY) -> Iterator[Scratch]:
    """Room on disk for a comparison or a compaction."""
    with TemporaryDirectory() as folder, scratch(Path(folder), memory) as made:
        yield made


@dataclass
class Book:
    """A pipeline whose runs are written down directly.

    Attributes:
        ledger: the ledger of a running Elasticsearch.
        pipeline: the pipeline's name.
        index: the index that it writes to.
        prefix: how the names of indices begin that a run has for itself.
        now: the present; each run takes five minutes of it.
    """

    ledger: Ledger
    pipeline: str
    index: str
    prefix: str | None = None
    now: datetime = START
    runs: list[str] = field(default_factory=list)

    def run(
        self,
        contents: Contents,
        *,
        version: int | None = None,
        stale: Iterable[str] = (),
        given_up: Iterable[str] = (),
        arrived: bool = True,
        index: str | None = None,
    ) -> str:
        """One run: its documents, its manifest and its summary.

        Returns:
            The run's id.
        """
        self.write(
            self.operations(
                contents,
                version=version,
                stale=stale,
                given_up=given_up,
                arrived=arrived,
                index=index,
            )
        )
        return self.runs[-1]

    def operations(
        self,
        contents: Contents,
        *,
        version: int | None = None,
        stale: Iterable[str] = (),
        given_up: Iterable[str] = (),
        arrived: bool = True,
        index: str | None = None,
    ) -> list[dict[str, Any]]:
        """What a run writes, for :meth:`write`.

        Args:
            contents: what it sends.
            version: the version of all its records.
            stale: ids that Elasticsearch has in a newer version.
            given_up: ids that it can never take.
            arrived: whether the manifest has arrived whole.
            index: another index.
        """
        run = f"{self.now:%Y%m%dT%H%M%S}000-{uuid4().hex[:8]}"
        index = index or self.index
        refused = {*stale, *given_up}
        operations: list[dict[str, Any]] = []
        for key, value in contents.items():
            if key in refused:
                continue
            action: dict[str, Any] = {"_index": index, "_id": key}
            if value is None and version is None:
                operations.append({"delete": action})
                continue
            if version is not None:
                action |= {"version": version, "version_type": "external_gte"}
            operations += [{"index": action}, _document(value)]
        entries = [(key, _digest(value), version) for key, value in contents.items()]
        taken = len(entries) if arrived else 0
        operations += self.chunk(run, entries, taken=taken, index=index)
        if refused:
            operations += self.chunk(
                run,
                [],
                index=index,
                stale=[(key, version) for key in stale],
                given_up=[(key, version) for key in given_up],
            )
        operations += self.summary(run, len(entries))
        self.runs.append(run)
        self.now += timedelta(minutes=5)
        return operations

    def chunk(
        self,
        run: str,
        entries: list[tuple[str, str, int | None]],
        *,
        taken: int = 0,
        index: str | None = None,
        stale: Ended = (),
        given_up: Ended = (),
    ) -> list[dict[str, Any]]:
        """A document of a manifest, for :meth:`write`."""
        document = {
            "pipeline": self.pipeline,
            "run": run,
            "index": index or self.index,
            "taken": taken,
            "count": len(entries),
            "refused": 0,
            "dropped": 0,
            "entries": pack(entries),
            "stale": pack([(key, "", version) for key, version in stale]),
            "given_up": pack([(key, "", version) for key, version in given_up]),
        }
        return [{"index": {"_index": MANIFESTS, "_id": f"{run}:{uuid4()}"}}, document]

    def summary(self, run: str, records: int) -> list[dict[str, Any]]:
        """The summary of a run, for :meth:`write`."""
        document = {
            "pipeline": self.pipeline,
            "run": run,
            "started": self.now.isoformat(),
            "collected": self.now.isoformat(),
            "arguments": "{}",
            "records": records,
        }
        return [{"index": {"_index": RUNS, "_id": run}}, document]

    def letter(self, run: str, record: str, version: int | None = None) -> str:
        """A dead letter of a run; its id."""
        identifier = uuid4().hex
        document = {
            "pipeline": self.pipeline,
            "run": run,
            "record_id": record,
            "version": version,
            "step": "Load",
            "reason": "it does not fit",
            "time": self.now.isoformat(),
            "content": "{}",
            "index": self.index,
        }
        self.write([{"index": {"_index": DEAD_LETTERS, "_id": identifier}}, document])
        return identifier

    def write(self, operations: list[dict[str, Any]]) -> None:
        """Write documents."""
        for start in range(0, len(operations), 10_000):
            answer = self.ledger.client.bulk(operations=operations[start : start + 10_000])
            bad = [
                item
                for item in answer["items"]
                for result in item.values()
                if result["status"] not in (200, 201, 404)
            ]
            assert not bad, bad[:3]

    def retention(
        self,
        made: Scratch,
        *,
        days: float = 30,
        idle: bool = True,
        reached: Callable[[str], None] = lambda _: None,
    ) -> Retention:
        """What the commands prune the ledger with."""
        return Retention(
            ledger=self.ledger,
            pipeline=self.pipeline,
            keep=timedelta(days=days),
            prefix=self.prefix,
            idle=lambda: idle,
            scratch=made,
            now=self.now + timedelta(minutes=11),
            reached=reached,
        )

    def prune(self, *, memory: int = MEMORY, **how: Any) -> Pruned:
        """Fold everything that may be folded; see :meth:`retention`."""
        with room(memory) as made:
            return self.retention(made, **how).prune(always=True)

    def prune_if_due(self) -> bool:
        """What a command does at its end."""
        with room() as made:
            retention = self.retention(made)
            return retention.due() and retention.prune(always=False).folded > 0

    def verify(self, *indices: str) -> Verification:
        """Compare the index with what was sent to it."""
        with room() as made:
            return verify(
                self.ledger.manifests,
                self.ledger,
                self.pipeline,
                self.index,
                list(indices) or [self.index],
                scratch=made,
                last_run=last_run(self.ledger, self.pipeline),
            )

    def stored(self) -> list[dict[str, Any]]:
        """The documents of all manifests, baselines and pointers."""
        return [
            {"_id": hit["_id"], **hit["_source"]}
            for hit in self.ledger.hits(MANIFESTS, {"match_all": {}})
        ]


def _document(value: str | None) -> dict[str, Any]:
    return {"idemflow_deleted": True} if value is None else {"value": value}


def _digest(value: str | None) -> str:
    return "" if value is None else content_hash(canonical({"value": value}))


def kill_at(phase: str) -> Callable[[str], None]:
    """What ends this process without notice once a step of the compaction is done."""

    def reached(now: str) -> None:
        if now == phase:
            os.kill(os.getpid(), signal.SIGKILL)

    return reached


if __name__ == "__main__":
    # A compaction that is killed: PHASE PIPELINE INDEX NOW
    from idemflow.config import settings
    from idemflow.servers import connect

    killed_phase, name, target, present = sys.argv[1:]
    book = Book(Ledger(connect(settings.resolve()).elasticsearch), name, target)
    book.now = datetime.fromisoformat(present)
    book.prune(reached=kill_at(killed_phase))
