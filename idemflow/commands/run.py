"""``idemflow run``: trigger runs, wait for every record, and say what became of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from filelock import FileLock, Timeout

from idemflow.canvas import control
from idemflow.commands import deploy
from idemflow.commands._arguments import given, replaced
from idemflow.commands._session import Session, session
from idemflow.commands._watch import RunProgress, Watch
from idemflow.config.settings import Settings
from idemflow.dead_letters import store as dead_letters
from idemflow.dead_letters.reconcile import reconcile
from idemflow.dead_letters.store import Filters
from idemflow.elasticsearch import indices, verify
from idemflow.elasticsearch.runs import Run
from idemflow.elasticsearch.verify import Before, Outcome
from idemflow.errors import CanvasError, UsageError
from idemflow.pipeline.model import DAY, RUN


@dataclass(frozen=True)
class RunReport(Outcome):
    """One run: what became of its records, its id, and how long they took in seconds.

    Attributes:
        run: the run id.
        seconds: from the trigger until the last record had come to its end.
        published: the index that a snapshot's alias points to since this run, if it does.
    """

    run: str
    seconds: float
    published: str | None


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
    values: Iterable[str] = (),
    allow_empty: bool = False,
) -> RunsReport:
    """Run a pipeline; it is deployed first where the canvas does not have it.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        progress: told how it goes on.
        times: how many runs, one after the other.
        values: ``NAME=VALUE`` for arguments of the pipeline, for these runs only.
        allow_empty: publish a snapshot even if the source was empty.

    Raises:
        UsageError: the pipeline has no such argument or value, or runs on a schedule just now.
        CanvasError: the script of the pipeline fails; with file, line and cause.
        Unreachable: a server stayed away; the run goes on when it is back.
        NotReady: the run makes no progress.
    """
    # Runs that are started at the same time take turns: each is told what became of its own.
    with session(settings, name) as opened, turn(settings, name, progress):
        arguments = given(opened.pipeline, values)
        group, drift, url = prepare(opened, progress)
        if control.trigger(group).component.state == "RUNNING":
            raise UsageError(
                f"the pipeline {name!r} runs on a schedule",
                next_command=f"idemflow stop {name}",
            )
        control.start_steps(group)
        reports = [
            _one(opened, group, number, arguments, progress, allow_empty=allow_empty)
            for number in range(1, times + 1)
        ]
        reconcile(opened.ledger, name)
        index = opened.pipeline.index.name.replace(RUN, "*").replace(DAY, "*")
        opened.ledger.refresh(index)
        return RunsReport(
            pipeline=name,
            index=index,
            runs=reports,
            documents=opened.ledger.count(index),
            url=url,
            drift=drift,
        )


@contextmanager
def turn(settings: Settings, name: str, progress: RunProgress) -> Iterator[None]:
    """Wait until no other command runs or replays a pipeline on this machine."""
    file = settings.folders.turn(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        progress.step(f"wait until another run of {name} has ended")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def prepare(opened: Session, progress: RunProgress) -> tuple[str, int, str]:
    """Deploy what is not deployed.

    Returns:
        Id of the process group, how much of it differs from the files, and its address.
    """
    name = opened.pipeline.name
    found = control.find_group(name)
    deployment = deploy.deploy_in(opened, progress.step, dry_run=found is not None)
    if found is None:
        return control.group_id(name), 0, deployment.url
    return str(found.id), len(deployment.changes), deployment.url


def _one(
    opened: Session,
    group: str,
    number: int,
    arguments: Mapping[str, str],
    progress: RunProgress,
    *,
    allow_empty: bool,
) -> RunReport:
    known = set(opened.ledger.run_ids(opened.pipeline.name))
    bulletin = control.last_bulletin()
    with ExitStack() as stack:
        starts = before_run(opened, stack)
        began = time.monotonic()
        with replaced(opened.pipeline, arguments):
            control.run_once(group)
        watch = Watch(opened, group, number, progress)
        identifier = watch.until(lambda _: _appeared(opened, group, known, bulletin))
        seconds, outcome = settle(opened, identifier, starts, watch, began)
    published = _publish(opened, identifier, outcome, allow_empty=allow_empty)
    return RunReport(run=identifier, **asdict(outcome), seconds=seconds, published=published)


def before_run(opened: Session, stack: ExitStack) -> list[Before]:
    """The indices that a run may write to, as they are before it."""
    pipeline = opened.pipeline
    if RUN in pipeline.target:
        return []
    # A run that is triggered just before midnight may belong to the next day.
    now = datetime.now(UTC)
    names = {
        pipeline.target.replace(DAY, f"{now + timedelta(days=days):%Y-%m-%d}") for days in (0, 1)
    }
    found = []
    for name in sorted(names):
        start = verify.before(opened.ledger, name, deletes=pipeline.delete is not None)
        if start.pit is not None:
            stack.callback(opened.ledger.unpin, start.pit)
        found.append(start)
    return found


def settle(
    opened: Session, identifier: str, starts: list[Before], watch: Watch, began: float
) -> tuple[float, Outcome]:
    """Wait until each record of a run has come to its end.

    Args:
        opened: the connections.
        identifier: the run id.
        starts: the indices that it may write to, before it; others are new.
        watch: looks at the flow.
        began: when the run was triggered, by the monotonic clock.

    Returns:
        How long the records took in seconds, and what became of them.
    """
    ended: list[float] = []

    def settled(busy: bool) -> Outcome | None:
        # The manifest of a large run is large: once its size is known it is read at the end only.
        if busy and watch.total is not None:
            ended.clear()
            return None
        if not busy and not ended:
            ended.append(time.monotonic())
        records = opened.ledger.records(identifier)
        if records is None:
            return None
        watch.total = records
        if busy:
            return None
        run = opened.ledger.run(identifier)
        if run is None:
            return None
        outcome = verify.assess(opened.ledger, run, _start(opened, run, starts))
        return outcome if not outcome.lost or watch.quiet() else None

    outcome = watch.until(lambda activity: settled(bool(activity.queued or activity.active)))
    return round(ended[0] - began, 2), outcome


def _start(opened: Session, run: Run, starts: list[Before]) -> Before:
    index = run.index or opened.pipeline.target.replace(RUN, run.id.lower())
    return next((start for start in starts if start.index == index), Before(index))


def _publish(
    opened: Session, identifier: str, outcome: Outcome, *, allow_empty: bool
) -> str | None:
    """Let readers see a snapshot, if all of it is there.

    Raises:
        CanvasError: the source was empty, and readers would lose all they have.
    """
    pipeline, ledger = opened.pipeline, opened.ledger
    if not pipeline.snapshot or outcome.lost or outcome.duplicates:
        return None
    index = pipeline.target.replace(RUN, identifier.lower())
    if not outcome.sent:
        if indices.published(ledger, pipeline) and not allow_empty:
            raise CanvasError(
                f"the source gave no record; {pipeline.index.name} keeps what it has",
                next_command=f"idemflow run {pipeline.name} --allow-empty, if it is really empty",
            )
        indices.create(ledger, index)
    indices.publish(ledger, pipeline, index)
    # What an earlier run could not load is no part of this state: this run read it anew.
    earlier = dead_letters.find(ledger, pipeline.name, Filters())
    dead_letters.delete(ledger, [letter for letter in earlier if letter.run < identifier])
    return index


def _appeared(opened: Session, group: str, known: set[str], bulletin: int) -> str | None:
    """The id of the run that was triggered, once its summary is in the ledger."""
    new = [run for run in opened.ledger.run_ids(opened.pipeline.name) if run not in known]
    if new:
        return new[0]
    source = opened.pipeline.collect
    for item in control.bulletins(group, after=bulletin):
        if item.level == "ERROR" and item.name in source.steps:
            where = source.call.script if source.call else item.name
            raise CanvasError(
                f"{where} fails in NiFi: {item.message}",
                next_command=f"fix the cause and run `idemflow deploy {opened.pipeline.name}`; "
                "the run waits in NiFi and goes on by itself",
            )
    return None
