"""Records of a run that have one id: which ones, and where they come from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from idemflow.steps.rules.positions import nth
from idemflow.steps.rules.words import counted

if TYPE_CHECKING:
    # It brings the client of Elasticsearch, which a preview does without.
    from idemflow.elasticsearch.manifests import Chunk


@dataclass(frozen=True)
class SentRecord:
    """A record that was sent.

    Attributes:
        content: the hash of its content; empty for a delete.
        version: its version, where the pipeline has versions.
        source: the file that it comes from, if it comes from one.
        position: its place in the source, from 1; ``None`` where that is not known.
    """

    content: str
    version: int | None
    source: str | None
    position: int | None


@dataclass(frozen=True)
class Example:
    """Two records of a run with one id.

    Attributes:
        id: the id.
        records: both; they differ in content where any of the id's records do.
    """

    id: str
    records: tuple[SentRecord, ...]


def in_words(records: int, collisions: int) -> str:
    """In words, how many records have an id that is there twice."""
    contents = f"{collisions:,} of them with other contents"
    if collisions == 0:
        contents = "with equal contents"
    elif collisions == records:
        contents = "with other contents"
    have = counted(records, "record has", "records have")
    return f"{have} an id that another record of the run has, {contents}"


def examples(
    chunks: Iterable[Chunk], indices: Collection[str], ids: Iterable[str]
) -> tuple[Example, ...]:
    """Two records of each id, as the manifest of a run has them.

    Args:
        chunks: the manifest.
        indices: the indices that they were sent to.
        ids: the ids, of each of which there are two records.
    """
    found: dict[str, list[SentRecord]] = {identifier: [] for identifier in ids}
    for chunk in chunks:
        if chunk.index not in indices:
            continue
        for number, (identifier, content, version) in enumerate(chunk.entries):
            if identifier in found:
                position = nth(chunk.positions, number)
                record = SentRecord(content, version, chunk.source, position)
                _keep_two(found[identifier], record)
        if all(map(_differ, found.values())):
            break
    return tuple(Example(identifier, tuple(records)) for identifier, records in found.items())


def _keep_two(records: list[SentRecord], record: SentRecord) -> None:
    if len(records) < 2:
        records.append(record)
    elif not _differ(records) and record.content != records[0].content:
        records[1] = record


def _differ(records: Sequence[SentRecord]) -> bool:
    return len({record.content for record in records}) > 1
