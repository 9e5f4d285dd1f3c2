"""``idemflow run``: trigger runs, wait for every record, and say what became of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from idemflow.canvas import control, monitoring, process_groups, schedule
from idemflow.commands import deploy
from idemflow.commands._arguments import given, replaced
from idemflow.commands._compact import compact_if_due
from idemflow.commands._session import Session, session
from idemflow.commands._turn import turn
from idemflow.commands._watch import RunDisplay, Watch
from idemflow.config.settings import Settings
from idemflow.dead_letters import store as dead_letters
from idemflow.dead_letters.store import Filters
from idemflow.elasticsearch import indices
from idemflow.elasticsearch.documents import LIVE
from idemflow.elasticsearch.run_progress import Outcome, RunCheck
from idemflow.elasticsearch.search import RUN_KEEP_ALIVE, point_in_time
from idemflow.elasticsearch.written import IndexCheckpoint, WrittenIds
from idemflow.errors import CanvasError, IdemflowError, UsageError
from idemflow.pipeline.model import DAY, RUN

_log = logging.getLogger(__name__)

_TIME = "%Y%m%dT%H%M%S"
_CLOCKS_DIFFER = timedelta(minutes=10)


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
    progress: RunDisplay,
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
        if schedule.runs(group):
            raise UsageError(
                f"the pipeline {name!r} runs on a schedule",
                next_command=f"idemflow stop {name}",
            )
        control.start_steps(group)
        reports = [
            _one(opened, group, number, arguments, progress, allow_empty=allow_empty)
            for number in range(1, times + 1)
        ]
        with opened.scratch() as room:
            opened.reconcile(room)
        compact_if_due(opened, progress.step)
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


def prepare(opened: Session, progress: RunDisplay) -> tuple[str, int, str]:
    """Deploy what is not deployed.

    Returns:
        Id of the process group, how much of it differs from the files, and its address.
    """
    name = opened.pipeline.name
    found = process_groups.find(name)
    deployment = deploy.deploy_in(opened, progress.step, dry_run=found is not None)
    if found is None:
        return process_groups.find_id(name), 0, deployment.url
    return str(found.id), len(deployment.changes), deployment.url


def _one(
    opened: Session,
    group: str,
    number: int,
    arguments: Mapping[str, str],
    progress: RunDisplay,
    *,
    allow_empty: bool,
) -> RunReport:
    name = opened.pipeline.name
    _log.info("%s: run %d of this call", name, number)
    recent = _Recent(opened)
    bulletin = monitoring.last_bulletin()
    with ExitStack() as stack:
        starts = index_checkpoints(opened, stack)
        began = time.monotonic()
        with replaced(opened.pipeline, arguments):
            control.run_once(group)
        watch = Watch(opened, group, starts, number, progress)
        identifier = watch.until(lambda _: _appeared(opened, group, recent, bulletin))
        _log.info("%s: NiFi has begun run %s", name, identifier)
        seconds, outcome = settle(opened, identifier, starts, watch, began)
    _log.info("%s: run %s has ended after %.1f s", name, identifier, seconds)
    published = _publish(opened, identifier, outcome, allow_empty=allow_empty)
    return RunReport(run=identifier, **asdict(outcome), seconds=seconds, published=published)


def index_checkpoints(
    opened: Session, stack: ExitStack, others: Iterable[str] = ()
) -> list[WrittenIds]:
    """The indices that a run may write to, and others, as they are before it."""
    pipeline = opened.pipeline
    names = set(others)
    if RUN not in pipeline.target:
        # A run that is triggered just before midnight may belong to the next day.
        days = (datetime.now(UTC) + timedelta(days=more) for more in (0, 1))
        names |= {pipeline.target.replace(DAY, f"{day:%Y-%m-%d}") for day in days}
    found = []
    ledger = opened.ledger
    for name in sorted(names):
        ledger.refresh(name)
        # What a run deletes was there before, or not: only the state before it can tell.
        kept = (
            point_in_time(ledger, name, keep_alive=RUN_KEEP_ALIVE)
            if pipeline.delete is not None
            else nullcontext()
        )
        pit = stack.enter_context(kept)
        seen, written = ledger.count(name, LIVE), ledger.seq_no_checkpoints(name)
        found.append(WrittenIds(ledger, IndexCheckpoint(name, seen, written, pit)))
    return found


def settle(
    opened: Session, identifier: str, starts: list[WrittenIds], watch: Watch, began: float
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
    with opened.scratch() as room:
        check = RunCheck(
            opened.ledger,
            opened.ledger.manifests,
            opened.ledger,
            identifier,
            starts=starts,
            target=opened.pipeline.target.replace(RUN, identifier.lower()),
            scratch=room,
        )
        ended: list[float] = []

        def settled(busy: bool) -> Outcome | None:
            watch.total = check.records
            if busy:
                ended.clear()
                check.advance()
                return None
            if not ended:
                ended.append(time.monotonic())
            if watch.total is None or not (check.accounted or watch.quiet()):
                return None
            outcome = check.outcome()
            if outcome.lost and opened.ledger.folded(identifier):
                raise IdemflowError(
                    f"the run {identifier} has ended, but another command compacted the ledger "
                    "before this one could count its records",
                    next_command=f"idemflow verify {opened.pipeline.name}",
                )
            return outcome if not outcome.lost or watch.quiet() else None

        outcome = watch.until(lambda activity: settled(bool(activity.queued or activity.active)))
    return round(ended[0] - began, 2), outcome


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
    dead_letters.delete(ledger, (letter for letter in earlier if letter.run < identifier))
    return index


class _Recent:
    """The last runs of a pipeline, to know a new one by.

    Args:
        opened: the connections.
    """

    def __init__(self, opened: Session) -> None:
        self._ledger, self._pipeline = opened.ledger, opened.pipeline.name
        newest = self._ledger.newest_run(self._pipeline)
        # Ids start with the time, which need not be the same on each node of a NiFi.
        self._since = _earlier(newest) if newest else ""
        self._known = set(self._ids())

    def new(self) -> str | None:
        """The first run that is not one of them, if there is one."""
        return next((run for run in self._ids() if run not in self._known), None)

    def _ids(self) -> list[str]:
        return self._ledger.run_ids(self._pipeline, after=self._since)


def _earlier(run: str) -> str:
    """The beginning of the ids of runs of some minutes before a run."""
    return f"{datetime.strptime(run[:15], _TIME) - _CLOCKS_DIFFER:{_TIME}}"


def _appeared(opened: Session, group: str, recent: _Recent, bulletin: int) -> str | None:
    """The id of the run that was triggered, once its summary is in the ledger."""
    if (found := recent.new()) is not None:
        return found
    source = opened.pipeline.collect
    if (failed := monitoring.failure(group, source.steps, after=bulletin)) is not None:
        where = source.call.script if source.call else failed.name
        raise CanvasError(
            f"{where} fails in NiFi: {failed.message}",
            next_command=f"fix the cause and run `idemflow deploy {opened.pipeline.name}`; "
            "the run waits in NiFi and goes on by itself",
        )
    return None
