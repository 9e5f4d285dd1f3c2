"""Runs, manifests and an index in memory: just what the checks ask for, and nothing of a server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from idemflow.elasticsearch.baseline import Pointer
from idemflow.elasticsearch.manifests import Chunk
from idemflow.elasticsearch.search import gone
from idemflow.steps.rules.identity import content_digest
from idemflow.steps.rules.manifest import pack

Record = tuple[str, dict[str, Any] | None, int | None]
"""An id, the document (``None`` deletes it), and a version."""


def digest(document: Mapping[str, Any] | None) -> str:
    return "" if document is None else content_digest(document)


@dataclass
class Runs:
    """What was collected and what was sent."""

    collected: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Run id to the pipeline and its number of records."""
    chunks: list[Chunk] = field(default_factory=list)
    pipelines: dict[str, str] = field(default_factory=dict)

    def collect(self, run: str, records: int, pipeline: str = "p") -> None:
        self.collected[run] = (pipeline, records)

    def send(
        self,
        run: str,
        index: str,
        *records: Record,
        stale: Iterable[tuple[str, int | None]] = (),
        given_up: Iterable[tuple[str, int | None]] = (),
        refused: int = 0,
        dropped: int = 0,
        letters: Iterable[str] = (),
        pipeline: str = "p",
    ) -> Chunk:
        """Add a chunk of a manifest."""
        self.pipelines[run] = pipeline
        entries = [(key, digest(document), version) for key, document, version in records]
        packed: dict[str, str | None] = {
            "entries": pack(entries),
            "stale": pack([(key, "", version) for key, version in stale]),
            "given_up": pack([(key, digest({"a": key}), version) for key, version in given_up]),
        }  # fmt: skip
        number = len(self.chunks)
        taken = len(records) + refused + dropped
        chunk = Chunk(
            f"{run}:{number}", run, index, taken, len(records), refused, dropped,
            tuple(letters), number, packed, sender=pipeline,
        )  # fmt: skip
        self.chunks.append(chunk)
        return chunk

    def records(self, run: str) -> int | None:
        return self.collected[run][1] if run in self.collected else None

    def accounted(self, run: str) -> int:
        return sum({chunk.id: chunk.taken for chunk in self.chunks if chunk.run == run}.values())

    def summaries(self, pipeline: str, *, after: str) -> Iterator[tuple[str, int]]:
        for run, (name, records) in sorted(self.collected.items()):
            if name == pipeline and run > after:
                yield run, records

    def sent_to(self, index: str, *, newest_first: bool = False) -> Iterator[Chunk]:
        found = (chunk for chunk in self.chunks if chunk.index == index)
        order = sorted(found, key=lambda chunk: (chunk.run, chunk.seq_no), reverse=newest_first)
        return iter(order)

    def folded(self, index: str) -> Pointer:  # noqa: ARG002 (nothing is ever folded here)
        return Pointer()

    def folded_since(self, pipeline: str, run: str) -> Iterator[Chunk]:  # noqa: ARG002
        return iter(())

    def of_run(self, run: str, *, after: int = -1) -> Iterator[Chunk]:
        return (chunk for chunk in self.chunks if chunk.run == run and chunk.seq_no > after)

    def since(self, pipeline: str, run: str) -> Iterator[Chunk]:
        found = (one for one in self.chunks if one.run > run)
        mine = (one for one in found if self.pipelines[one.run] == pipeline)
        return iter(sorted(mine, key=lambda chunk: chunk.run))


class Index:
    """An index of one shard; every reader sees every write at once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.held: dict[str, dict[str, Any]] = {}
        self.kept: dict[str, set[str]] = {}
        """Points in time: the ids that there were."""
        self.asked: list[str] = []
        """Each id that :meth:`written_since` gave."""
        self._numbers: dict[str, int] = {}
        self._versions: dict[str, int] = {}
        self._next = 0

    def write(self, *records: Record) -> None:
        for key, document, version in records:
            self._versions[key] = self._versions.get(key, 0) + 1 if version is None else version
            if document is None:
                self.held.pop(key, None)
                self._numbers.pop(key, None)
            else:
                self.held[key] = document
                self._numbers[key] = self._next
            self._next += 1

    def documents(self, index: str) -> Iterator[tuple[str, dict[str, Any]]]:
        return iter(dict(self.held).items() if index == self.name else ())

    def live(self, index: str) -> int:
        return len(self.held) if index == self.name else 0

    def refresh(self, *indices: str) -> None: ...

    def existing(self, index: str, ids: Iterable[str], *, pit: str | None = None) -> Iterator[str]:
        if pit and pit not in self.kept:
            raise gone(index)
        there = self.kept[pit] if pit else self.held.keys()
        return (key for key in ids if key in there and index == self.name)

    def versions(self, index: str, ids: Iterable[str]) -> Iterator[tuple[str, int]]:
        for key in ids:
            if key in self.held and index == self.name:
                yield key, self._versions[key]

    def seq_no_checkpoints(self, index: str) -> dict[int, int]:
        return {0: self._next - 1} if index == self.name else {}

    def written_since(
        self, index: str, since: Mapping[int, int], until: Mapping[int, int] | None
    ) -> Iterator[str]:
        last = self._next if until is None else until.get(0, -1)
        for key, number in list(self._numbers.items()):
            if index == self.name and since.get(0, -1) < number <= last:
                self.asked.append(key)
                yield key

    def count_written(self, index: str, since: Mapping[int, int]) -> int:
        there = index == self.name
        return sum(there and number > since.get(0, -1) for number in self._numbers.values())
