"""What the runs of a command report, and what is said of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from idemflow.canvas.difference import Change
from idemflow.commands import _judge
from idemflow.commands._version import FlowVersion
from idemflow.elasticsearch import history
from idemflow.elasticsearch.ledger import Ledger
from idemflow.elasticsearch.run_progress import Outcome
from idemflow.errors import IdemflowError, NothingRead, NotIdempotent, RecordsRefused
from idemflow.pipeline.identity import Unique
from idemflow.steps.rules.words import counted


@dataclass(frozen=True, kw_only=True)
class RunReport(Outcome):
    """One run: what became of its records, its id, and how long they took in seconds.

    Attributes:
        run: the run id.
        seconds: from the trigger until the last record had come to its end.
        published: the index that a snapshot's alias points to since this run, if it does.
        held_back: why a snapshot was not published; empty where it was, or is none.
        taken_over: documents that another pipeline had sent last to a shared index and this run
            has sent since: how many of each pipeline.
    """

    run: str
    seconds: float
    published: str | None
    held_back: str
    taken_over: dict[str, int]


@dataclass(frozen=True)
class RunsReport:
    """All runs of a command.

    Attributes:
        pipeline: the pipeline's name.
        index: the index that they went to.
        runs: one report a run.
        documents: the index' documents afterwards.
        url: address of the process group on the canvas.
        deployed: what of the canvas was changed first, so that it is as the files say.
        drift: how the canvas differs from the project's files, in number of changes.
        remembers: whether the source may leave out what earlier runs have read.
        unique: what the pipeline says of ids that are there twice.
    """

    pipeline: str
    index: str
    runs: list[RunReport]
    documents: int
    url: str
    deployed: list[Change]
    drift: int
    remembers: bool
    unique: Unique

    @property
    def idempotent(self) -> bool:
        """Whether nothing is there twice and nothing is lost."""
        return not any(run.duplicates or run.lost for run in self.runs)


def judge(report: RunsReport, *, max_dead_letters: int = 0, allow_empty: bool = False) -> None:
    """Tell runs that ended badly from those that did not.

    Args:
        report: the runs.
        max_dead_letters: so many records may become dead letters, in all runs together.
        allow_empty: whether the source may be empty.

    Raises:
        NotIdempotent: something is there twice, or lost; or records have one id and must not.
        RecordsRefused: too many records became dead letters.
        NothingRead: a run had no records where there should be some.
    """
    name = report.pipeline
    # Of a snapshot, what may be refused was judged before it was published.
    letters = sum(run.dead_letters for run in report.runs if not run.published)
    if not report.idempotent:
        raise NotIdempotent(
            f"{name}: the index {report.index} has duplicates or lost records",
            next_command=f"idemflow verify {name}",
        )
    held = next((run for run in report.runs if run.held_back), None)
    kept = f"\nThe snapshot is not published: {report.index} keeps what it has." if held else ""
    if report.unique == "fail":
        for run in report.runs:
            if run.repeated:
                raise _judge.not_unique(name, run, kept)
    if held:
        raise _judge.refused(name, held, held.held_back, kept)
    if letters > max_dead_letters:
        may = f", and --max-dead-letters allows {max_dead_letters:,}" if max_dead_letters else ""
        raise RecordsRefused(
            f"{name}: {counted(letters, 'record')} could not go in{may}",
            next_command=f"idemflow dead-letters list {name}",
        )
    # What has read all there is may find nothing new; what has never found anything is wrong.
    if not allow_empty and not (report.remembers and report.documents):
        for number, run in enumerate(report.runs, start=1):
            if not run.sent:
                raise NothingRead(
                    f"{name}: the source gave no record in run {number}",
                    next_command=f"look at the source; idemflow run {name} --allow-empty, if it is "
                    "really empty",
                )


def note(
    ledger: Ledger, alone: RunsReport, flow: FlowVersion | None, *, allow_empty: bool
) -> dict[str, Any]:
    """Keep in the ledger what was found of a run, for `idemflow runs`.

    Args:
        ledger: the ledger.
        alone: the report of that run alone.
        flow: what ran, where that is known.
        allow_empty: as for :func:`judge`.

    Returns:
        That, and the id of the run as ``run``.
    """
    (one,) = alone.runs
    verdict, code = "nothing twice, nothing lost", 0
    try:
        judge(alone, allow_empty=allow_empty)
    except IdemflowError as error:
        verdict, code = error.message.removeprefix(f"{alone.pipeline}: "), error.exit_code
    found = {name: value for name, value in vars(one).items() if name not in ("run", "examples")}
    known = {"flow": asdict(flow)} if flow else {}
    report = {**found, **known, "verdict": verdict, "exit_code": code}
    history.note_report(ledger, one.run, report)
    return {"run": one.run, **report}
