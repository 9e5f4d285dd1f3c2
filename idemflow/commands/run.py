"""``idemflow run``: trigger runs, wait for every record, and say what became of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from idemflow import verify
from idemflow.canvas import control, flow, parameters
from idemflow.canvas.control import Activity
from idemflow.canvas.flow import COLLECT
from idemflow.canvas.parameters import Parameter
from idemflow.commands import deploy
from idemflow.commands._session import Session, session
from idemflow.commands._watch import RunProgress, Watch
from idemflow.errors import CanvasError, UsageError
from idemflow.settings import Settings
from idemflow.verify import Outcome


@dataclass(frozen=True)
class RunReport(Outcome):
    """One run: what became of its records, its id, and how long it took in seconds."""

    run: str
    seconds: float


@dataclass(frozen=True)
class RunsReport:
    """All runs of a command.

    Attributes:
        pipeline: the pipeline's name.
        index: the index that they went to.
        runs: one report a run.
        documents: the index' documents afterwards.
        url: address of the process group on the canvas.
        drift: how the canvas differs from the project's files, in number of changes.
    """

    pipeline: str
    index: str
    runs: list[RunReport]
    documents: int
    url: str
    drift: int

    @property
    def idempotent(self) -> bool:
        """Whether nothing is there twice and nothing is lost."""
        return not any(run.duplicates or run.lost for run in self.runs)


def run(
    settings: Settings,
    name: str,
    progress: RunProgress,
    *,
    times: int = 1,
    records: int | None = None,
) -> RunsReport:
    """Run a pipeline; it is deployed first where the canvas does not have it.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        progress: told how it goes on.
        times: how many runs, one after the other.
        records: value of the argument ``records`` for these runs only.

    Raises:
        UsageError: the pipeline has no argument ``records``, or runs on a schedule just now.
        CanvasError: the script of the pipeline fails; with file, line and cause.
        Unreachable: a server stayed away; the run goes on when it is back.
        NotReady: the run makes no progress.
    """
    with session(settings, name) as opened:
        if records is not None and "records" not in opened.pipeline.collect.arguments:
            raise UsageError(
                f"{opened.pipeline.collect.function}() of the pipeline {name!r} "
                "has no argument 'records'",
                next_command=f"idemflow run {name}",
            )
        drift, url = prepare(opened, progress)
        group = control.group_id(name)
        if control.trigger(group).component.state == "RUNNING":
            raise UsageError(
                f"the pipeline {name!r} runs on a schedule",
                next_command=f"idemflow stop {name}",
            )
        control.start_steps(group)
        reports = [_one(opened, group, number, records, progress) for number in range(1, times + 1)]
        index = opened.pipeline.index.name
        opened.ledger.refresh(index)
        return RunsReport(
            pipeline=name,
            index=index,
            runs=reports,
            documents=opened.ledger.count(index),
            url=url,
            drift=drift,
        )


def prepare(opened: Session, progress: RunProgress) -> tuple[int, str]:
    """Deploy what is not deployed; count what differs from the files."""
    name = opened.pipeline.name
    new = control.find_group(name) is None
    deployment = deploy.deploy_in(opened, progress.step, dry_run=not new)
    return (0 if new else len(deployment.changes)), deployment.url


def _one(
    opened: Session, group: str, number: int, records: int | None, progress: RunProgress
) -> RunReport:
    index = opened.pipeline.index.name
    start = verify.before(opened.ledger, index)
    known = set(opened.ledger.run_ids(opened.pipeline.name))
    bulletin = max((item.id for item in control.bulletins(group)), default=-1)
    began = time.monotonic()
    with _records(opened, records):
        control.run_once(group)
    watch = Watch(opened, group, number, progress)
    identifier = watch.until(lambda _: _appeared(opened, group, known, bulletin))
    outcome = watch.until(lambda activity: settled(opened, identifier, start, watch, activity))
    return RunReport(run=identifier, **asdict(outcome), seconds=round(time.monotonic() - began, 2))


def _appeared(opened: Session, group: str, known: set[str], bulletin: int) -> str | None:
    """The id of the run that was triggered, once its summary is in the ledger."""
    new = [run for run in opened.ledger.run_ids(opened.pipeline.name) if run not in known]
    if new:
        return new[0]
    for item in control.bulletins(group, after=bulletin):
        if item.level == "ERROR" and item.name == COLLECT:
            raise CanvasError(
                f"{opened.pipeline.collect.script} fails in NiFi: {item.message}",
                next_command=f"mend the script and run `idemflow deploy {opened.pipeline.name}`; "
                "the run waits in NiFi and goes on by itself",
            )
    return None


def settled(
    opened: Session,
    identifier: str,
    start: verify.Before,
    watch: Watch,
    activity: Activity,
) -> Outcome | None:
    """What became of the run, once all of it has."""
    busy = activity.queued or activity.active
    # The manifest of a large run is large: once its size is known it is read at the end only.
    if busy and watch.total is not None:
        return None
    found = opened.ledger.run(identifier)
    if found is None:
        return None
    watch.total = found.records
    if busy:
        return None
    outcome = verify.assess(opened.ledger, found, opened.pipeline.index.name, start)
    return outcome if not outcome.lost or watch.quiet() else None


@contextmanager
def _records(opened: Session, records: int | None) -> Iterator[None]:
    """Give the argument ``records`` another value while a run is triggered.

    The trigger carries the value with it, so the parameter can go back at once.
    """
    name = flow.context_name(opened.pipeline)
    context = parameters.find(name)
    before = parameters.values(context).get("records")
    if records is None or before is None or before == str(records):
        yield
        return
    description = f"Argument of {opened.pipeline.collect.function}()"
    parameters.put(name, context, [Parameter("records", str(records), description)])
    try:
        yield
    finally:
        parameters.put(name, parameters.find(name), [Parameter("records", before, description)])
