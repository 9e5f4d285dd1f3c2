"""Documents of an index that several pipelines share, and that change hands in a run."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Protocol

from idemflow.elasticsearch.manifests import Chunk
from idemflow.elasticsearch.spill import Scratch


class Sent(Protocol):
    """What was sent: see :class:`idemflow.elasticsearch.manifests.Manifests`."""

    def of_run(self, run: str, *, after: int = -1) -> Iterator[Chunk]: ...
    def sent_to(self, index: str, *, newest_first: bool) -> Iterator[Chunk]: ...


def taken_over(sent: Sent, run: str, pipeline: str, scratch: Scratch) -> dict[str, int]:
    """Count the documents that another pipeline had sent last before a run sent them.

    Args:
        sent: what was sent.
        run: the run's id.
        pipeline: its pipeline.
        scratch: room for its ids.

    Returns:
        The names of the other pipelines, and how many documents each has lost to the run.
    """
    rows = scratch.spill()
    for chunk in sent.of_run(run):
        rows.add((key, chunk.index, True, version) for key, _, version in chunk.entries)
        refused = (*chunk.stale, *chunk.given_up)
        rows.add((key, chunk.index, False, version) for key, _, version in refused)
    found: Counter[str] = Counter()
    for part in rows.parts():
        went_in: dict[str, set[tuple[str, int | None]]] = defaultdict(set)
        in_vain: dict[str, set[tuple[str, int | None]]] = defaultdict(set)
        for key, index, good, version in part:
            (went_in if good else in_vain)[index].add((key, version))
        for index, ids in went_in.items():
            wanted = {key for key, _ in ids - in_vain[index]}
            found.update(_senders(sent.sent_to(index, newest_first=True), run, wanted))
    del found[pipeline]
    return dict(found)


def _senders(chunks: Iterator[Chunk], run: str, ids: set[str]) -> Iterator[str]:
    """Of each id that had a document before a run, who had sent that.

    The newest runs come first: where a pipeline runs again, its run before has most ids.
    """
    refused: set[tuple[str, str, int | None]] = set()
    for chunk in chunks:
        if not ids:
            return
        if chunk.run >= run:
            continue
        for key, _, version in (*chunk.stale, *chunk.given_up):
            if key in ids:
                refused.add((chunk.run, key, version))
        for key, digest, version in reversed(chunk.entries):
            if key in ids and (chunk.run, key, version) not in refused:
                ids.discard(key)
                if digest:
                    yield chunk.sender
