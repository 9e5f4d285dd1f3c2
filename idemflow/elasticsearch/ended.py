"""How many records of a pipeline have come to their end: what tells that a run makes progress."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from idemflow.elasticsearch.ledger import DEAD_LETTERS, Ledger
from idemflow.elasticsearch.manifests import MANIFESTS
from idemflow.elasticsearch.search import every
from idemflow.elasticsearch.written import IndexCheckpoint


@dataclass(frozen=True)
class Ended:
    """What has become of records, in numbers that stand still where none comes to an end.

    A document that is written again and again counts once, and so does a dead letter.

    Attributes:
        written: documents that were written since before the run, to the indices that it may
            write to.
        documents: documents that readers see, where a delete may make them fewer.
        accounted: records that manifests of the pipeline account for.
        manifests: these manifests; those of refusals account for no record.
        letters: dead letters of the pipeline.
        letters_of_run: those of them that are the run's.
    """

    written: int = 0
    documents: int = 0
    accounted: int = 0
    manifests: int = 0
    letters: int = 0
    letters_of_run: int = 0

    @property
    def of_run(self) -> int:
        """Records of the run that are documents or dead letters."""
        return self.written + self.letters_of_run


def ended(
    ledger: Ledger, pipeline: str, run: str, starts: Iterable[IndexCheckpoint], *, deletes: bool
) -> Ended:
    """Count them.

    Earlier runs of the pipeline count as well: the records of a later one wait behind theirs.

    Args:
        ledger: the ledger.
        pipeline: the pipeline's name.
        run: the run's id; empty where it is not known yet.
        starts: the indices that it may write to, before it.
        deletes: whether it may delete documents.
    """
    indices = list(starts)
    ledger.refresh(MANIFESTS, DEAD_LETTERS, *(start.index for start in indices))
    own = {"term": {"pipeline": pipeline}}
    with ledger.errors():
        answer = ledger.client.search(
            index=MANIFESTS,
            query=own,
            aggregations={"taken": {"sum": {"field": "taken"}}},
            size=0,
            track_total_hits=True,
            ignore_unavailable=True,
        )
    sums = answer.get("aggregations", {"taken": {"value": 0}})
    return Ended(
        written=sum(ledger.count_written(at.index, at.seq_no_checkpoints) for at in indices),
        documents=sum(ledger.live(at.index) for at in indices) if deletes else 0,
        accounted=int(sums["taken"]["value"]),
        manifests=int(answer["hits"]["total"]["value"]),
        letters=ledger.count(DEAD_LETTERS, own),
        letters_of_run=ledger.count(DEAD_LETTERS, every(own, run=run)),
    )
