"""Does the index hold what the runs sent: nothing twice, nothing lost, nothing different?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from idemflow.elasticsearch.ledger import LIVE, Ledger
from idemflow.elasticsearch.runs import Entry, Run, newest
from idemflow.steps.rules.identity import canonical, checksum, content_hash


@dataclass(frozen=True)
class Before:
    """An index just before a run.

    Attributes:
        index: its name.
        documents: how many readers saw.
        marks: the highest sequence number of each shard.
        pit: the index as it was, where deletes are to be counted.
    """

    index: str
    documents: int = 0
    marks: Mapping[int, int] = field(default_factory=dict)
    pit: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a run's records.

    Attributes:
        sent: records that were collected.
        created: documents that were not there before.
        overwritten: documents that were there, under the same id, and were written again.
        deleted: documents that are not there, or no longer, because a record says so.
        stale: records that Elasticsearch has in a newer version.
        dropped: records that the transform left out.
        dead_letters: records that can never go in.
        duplicates: documents of the run's time whose id no run sent.
        lost: records that are neither in the index nor dead letters.
    """

    sent: int
    created: int
    overwritten: int
    deleted: int
    stale: int
    dropped: int
    dead_letters: int
    duplicates: int
    lost: int


@dataclass(frozen=True)
class Verification:
    """An index compared with what the runs sent.

    Attributes:
        pipeline: the pipeline's name.
        index: the index' name.
        runs: how many runs sent something to it.
        expected: documents that should be there.
        documents: documents that are there.
        expected_checksum: order-independent checksum of what should be there.
        checksum: the same of what is there.
        missing: ids that are not there, sorted.
        extra: ids that no run sent, sorted.
        different: ids whose contents differ from what was sent last, sorted.
    """

    pipeline: str
    index: str
    runs: int
    expected: int
    documents: int
    expected_checksum: str
    checksum: str
    missing: list[str]
    extra: list[str]
    different: list[str]

    @property
    def equal(self) -> bool:
        """Whether the index is exactly what the runs sent."""
        return not (self.missing or self.extra or self.different)


def before(ledger: Ledger, index: str, *, deletes: bool) -> Before:
    """Note the state of an index before a run.

    Args:
        ledger: the ledger.
        index: the index; it need not exist.
        deletes: whether the run may delete documents.
    """
    ledger.refresh(index)
    return Before(
        index,
        ledger.count(index, LIVE),
        ledger.marks(index),
        ledger.pin(index) if deletes else None,
    )


def assess(ledger: Ledger, run: Run, start: Before) -> Outcome:
    """What became of a run's records so far.

    A record has arrived when its document was written after the run started; that Elasticsearch
    has the id from earlier is not enough. A deleted document has arrived when it is not there.

    Args:
        ledger: the ledger.
        run: the run's manifest, as far as it is there.
        start: the index before the run.
    """
    index = start.index
    written = set(ledger.since(index, start.marks))
    sent = run.entries.keys()
    dead = (ledger.dead_letters(run.id) & sent) - written
    stale = (run.stale_ids & sent) - written - dead
    deleted = {key for key, entry in run.entries.items() if not entry.digest} - dead - stale
    left = ledger.existing(index, deleted) if deleted else set()
    missing = (sent - written - dead - stale - deleted) | left
    strangers = written - sent
    if strangers:
        strangers -= _sent_by_others(ledger, index, run.id)
    gone = ledger.existing(index, deleted, pit=start.pit) if deleted and start.pit else set()
    grown = ledger.count(index, LIVE) - start.documents - len(strangers) + len(gone)
    live = (sent & written) - deleted
    created = min(max(grown, 0), len(live))
    settled = created + len(deleted - left) + len(stale) + len(dead)
    return Outcome(
        sent=run.records,
        created=created,
        overwritten=max(0, run.identified - settled - len(missing)),
        deleted=len(deleted - left),
        stale=len(stale),
        dropped=run.dropped,
        dead_letters=len(dead) + run.refused,
        duplicates=len(strangers),
        lost=len(missing) + max(0, run.records - run.taken),
    )


def verify(ledger: Ledger, pipeline: str, name: str, indices: list[str]) -> Verification:
    """Compare indices with everything that was sent to them.

    What counts for an id is the newest version of what was sent, of equal ones the later, and
    without versions what was sent last; never what was refused or stale.

    Args:
        ledger: the ledger.
        pipeline: the pipeline's name, for the report.
        name: what readers call the index.
        indices: the indices that hold its documents; all pipelines that write to them count.
    """
    expected: dict[tuple[str, str], str] = {}
    found: dict[tuple[str, str], str] = {}
    runs: set[str] = set()
    for index in indices:
        entries, senders = _expected(ledger, index)
        runs |= senders
        expected.update(((index, key), entry.digest) for key, entry in entries.items())
        for key, source in ledger.documents(index):
            found[index, key] = _digest(source)
    return Verification(
        pipeline=pipeline,
        index=name,
        runs=len(runs),
        expected=len(expected),
        documents=len(found),
        expected_checksum=checksum((key[1], digest) for key, digest in expected.items()),
        checksum=checksum((key[1], digest) for key, digest in found.items()),
        missing=sorted(key[1] for key in expected.keys() - found.keys()),
        extra=sorted(key[1] for key in found.keys() - expected.keys()),
        different=sorted(
            key[1] for key in expected.keys() & found.keys() if expected[key] != found[key]
        ),
    )


def _digest(document: Mapping[str, Any]) -> str:
    """The content hash of a document; of one that no run can have sent, another text."""
    try:
        return content_hash(canonical(document))
    except (ValueError, RecursionError):
        return "no canonical form"


def _expected(ledger: Ledger, index: str) -> tuple[dict[str, Entry], set[str]]:
    """What should be in an index, and the runs that sent something to it."""
    entries: dict[str, Entry] = {}
    senders: set[str] = set()
    for identifier in ledger.runs_into(index):
        run = ledger.run(identifier)
        if run is None:
            continue
        senders.add(identifier)
        out = run.stale_ids | run.given_up_ids
        newest(
            entries,
            ((key, *entry) for key, entry in run.entries.items() if key not in out),
        )
    return {key: entry for key, entry in entries.items() if entry.digest}, senders


def _sent_by_others(ledger: Ledger, index: str, own: str) -> set[str]:
    ids: set[str] = set()
    for identifier in ledger.runs_into(index):
        if identifier != own and (run := ledger.run(identifier)) is not None:
            ids |= run.entries.keys()
    return ids
