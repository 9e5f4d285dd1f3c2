"""Does the index hold what the runs sent: nothing twice, nothing lost, nothing different?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from idemflow.ledger import Ledger, Run
from idemflow.pipeline.identity import canonical, checksum, content_hash


@dataclass(frozen=True)
class Before:
    """An index just before a run.

    Attributes:
        documents: how many it had.
        marks: the highest sequence number of each shard.
    """

    documents: int
    marks: Mapping[int, int]


@dataclass(frozen=True)
class Outcome:
    """What became of a run's records.

    Attributes:
        sent: records that were collected.
        created: documents that were not there before.
        overwritten: documents that were there, under the same id, and were written again.
        stale: records that Elasticsearch has in a newer version.
        dead_letters: records that can never go in.
        duplicates: documents of the run's time whose id no run sent.
        lost: records that are neither in the index nor dead letters.
    """

    sent: int
    created: int
    overwritten: int
    stale: int
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


def before(ledger: Ledger, index: str) -> Before:
    """Note the state of an index before a run."""
    ledger.refresh(index)
    return Before(ledger.count(index), ledger.marks(index))


def assess(ledger: Ledger, run: Run, index: str, start: Before) -> Outcome:
    """What became of a run's records so far.

    A record has arrived when its document was written after the run started; that Elasticsearch
    has the id from earlier is not enough.

    Args:
        ledger: the ledger.
        run: the run's manifest, as far as it is there.
        index: the index that it goes to.
        start: the index before the run.
    """
    written = set(ledger.since(index, start.marks))
    sent = run.entries.keys()
    dead = (ledger.dead_letters(run.id) & sent) - written
    stale = (run.stale & sent) - written - dead
    missing = sent - written - dead - stale
    unidentified = max(0, run.records - len(sent) - run.repeated - run.refused)
    strangers = written - sent
    if strangers:
        strangers -= _sent_by_others(ledger, index, run.id)
    grown = ledger.count(index) - start.documents - len(strangers)
    created = min(max(grown, 0), len(sent & written))
    lost = len(missing) + unidentified
    dead_letters = len(dead) + run.refused
    return Outcome(
        sent=run.records,
        created=created,
        overwritten=max(0, run.records - created - len(stale) - dead_letters - lost),
        stale=len(stale),
        dead_letters=dead_letters,
        duplicates=len(strangers),
        lost=lost,
    )


def verify(ledger: Ledger, pipeline: str, index: str) -> Verification:
    """Compare an index with everything that was sent to it.

    What counts for an id is the content that was sent last and neither refused nor stale.

    Args:
        ledger: the ledger.
        pipeline: the pipeline's name, for the report.
        index: the index; all pipelines that write to it count.
    """
    expected: dict[str, str] = {}
    runs = 0
    for identifier in ledger.runs_into(index):
        run = ledger.run(identifier)
        if run is None:
            continue
        runs += 1
        kept = run.entries.keys() - ledger.dead_letters(run.id) - run.stale
        expected.update((key, run.entries[key]) for key in kept)
    found = {key: content_hash(canonical(source)) for key, source in ledger.documents(index)}
    return Verification(
        pipeline=pipeline,
        index=index,
        runs=runs,
        expected=len(expected),
        documents=len(found),
        expected_checksum=checksum(expected.items()),
        checksum=checksum(found.items()),
        missing=sorted(expected.keys() - found.keys()),
        extra=sorted(found.keys() - expected.keys()),
        different=sorted(
            key for key in expected.keys() & found.keys() if expected[key] != found[key]
        ),
    )


def _sent_by_others(ledger: Ledger, index: str, own: str) -> set[str]:
    ids: set[str] = set()
    for identifier in ledger.runs_into(index):
        if identifier != own and (run := ledger.run(identifier)) is not None:
            ids |= run.entries.keys()
    return ids
