"""What a run sent: its manifest, read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Entry(NamedTuple):
    """What a run sent under one id.

    Attributes:
        digest: hash of the document's content; blank for a delete.
        version: the record's version, where the pipeline has versions.
    """

    digest: str
    version: int | None


@dataclass(frozen=True)
class Run:
    """What the ledger has of one run.

    Attributes:
        id: the run id.
        started: when it was triggered, ISO 8601.
        records: how many records were collected.
        index: the index that they went to; ``None`` until the first manifest has arrived.
        entries: document id to what was sent last under it, by version where there is one.
        taken: collected records that the manifest accounts for so far.
        identified: documents that were made of them.
        refused: records without an identity.
        dropped: records that the transform left out.
        stale: ids and versions that Elasticsearch has in a newer version.
        given_up: ids and versions that Elasticsearch can never take: they became dead letters.
    """

    id: str
    started: str
    records: int
    index: str | None
    entries: Mapping[str, Entry] = field(repr=False)
    taken: int
    identified: int
    refused: int
    dropped: int
    stale: frozenset[tuple[str, int | None]]
    given_up: frozenset[tuple[str, int | None]]

    @property
    def stale_ids(self) -> set[str]:
        """The ids of which what was sent last is stale."""
        return self._last(self.stale)

    @property
    def given_up_ids(self) -> set[str]:
        """The ids of which what was sent last became a dead letter, whatever became of that."""
        return self._last(self.given_up)

    def _last(self, refused: Iterable[tuple[str, int | None]]) -> set[str]:
        return {key for key, version in refused if self.entries[key].version == version}


def newest(entries: dict[str, Entry], found: Iterable[tuple[str, str, int | None]]) -> None:
    """Add what was sent to what was sent before: a higher version counts, and of equals the later.

    Args:
        entries: document id to what counts so far; changed in place.
        found: id, digest and version of what was sent after it.
    """
    for identifier, digest, version in found:
        known = entries.get(identifier)
        if known is None or known.version is None or version is None or version >= known.version:
            entries[identifier] = Entry(digest, version)
