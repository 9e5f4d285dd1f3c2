"""``idemflow run``: trigger runs, wait for every record, and say what became of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

from idemflow.canvas import control, flow, monitoring, parameters, process_groups, schedule
from idemflow.commands import _judge, _lineage, deploy
from idemflow.commands._compact import compact_if_due
from idemflow.commands._follow import follow, index_checkpoints
from idemflow.commands._imports import check_packages
from idemflow.commands._patience import patiently
from idemflow.commands._refused import RefusedRequests
from idemflow.commands._report import RunReport, RunsReport, judge, note
from idemflow.commands._session import Session, session
from idemflow.commands._turn import turn
from idemflow.commands._version import flow_version
from idemflow.commands._watch import RunDisplay, Watch
from idemflow.commands.deploy import Deployment
from idemflow.config.settings import Settings
from idemflow.dead_letters import store as dead_letters
from idemflow.dead_letters.store import Filters
from idemflow.drawing.collect import REQUEST, RUN_ID
from idemflow.drawing.parameters import Parameter
from idemflow.elasticsearch import attempts
from idemflow.elasticsearch.attempts import Attempt
from idemflow.elasticsearch.run_progress import Outcome
from idemflow.elasticsearch.takeover import taken_over
from idemflow.errors import (
    CanvasError,
    ChangedOnCanvas,
    IdemflowError,
    NothingRead,
    Stopped,
    UsageError,
)
from idemflow.pipeline import spec
from idemflow.pipeline.arguments import given
from idemflow.pipeline.model import DAY, RUN, Pipeline
from idemflow.sources.fields import Scalar
from idemflow.supply.packages import remedy

__all__ = ["RunReport", "RunsReport", "judge", "prepare", "run"]

_log = logging.getLogger(__name__)

# Characters of the reason why a run was given up that are kept.
_REASON = 2000


def run(
    settings: Settings,
    name: str,
    progress: RunDisplay,
    *,
    times: int = 1,
    values: Iterable[str] = (),
    allow_empty: bool = False,
    allow_refused: str | None = None,
    keep_old_documents: bool = False,
    as_deployed: bool = False,
) -> RunsReport:
    """Run a pipeline; it is deployed first where the canvas is not as its files say.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        progress: told how it goes on.
        times: how many runs, one after the other.
        values: ``NAME=VALUE`` for arguments of the pipeline, for these runs only.
        allow_empty: publish a snapshot even if the source was empty.
        allow_refused: how many records of a snapshot may become dead letters, or which share of
            them, instead of the YAML's ``snapshot.max_refused``.
        keep_old_documents: see :func:`idemflow.commands.deploy.deploy`.
        as_deployed: run what is on the canvas, whatever the files say.

    Raises:
        UsageError: the pipeline has no such argument or value, or runs on a schedule just now.
        ChangedOnCanvas: to deploy it would discard what an operator did on the canvas.
        NothingRead: a snapshot's source was empty.
        Stopped: the user stopped waiting, and the run goes on.
        CanvasError: the script of the pipeline fails; with file, line and cause.
        RequestRefused: Elasticsearch refuses each request, whatever is in it.
        Unreachable: a server stayed away; the run goes on when it is back.
        NotReady: the run makes no progress.
    """
    # Runs that are started at the same time take turns: each is told what became of its own.
    with (
        session(settings, name) as opened,
        turn(settings, name),
        _lineage.told(opened) as lineage,
    ):
        arguments = given(opened.pipeline, values)
        limit = _judge.limit(opened.pipeline, allow_refused)
        _refuse_on_schedule(name)
        group, deployment = prepare(
            opened, progress, as_deployed=as_deployed, keep_old_documents=keep_old_documents
        )
        control.start_steps(group)
        report = RunsReport(
            pipeline=name,
            index=opened.pipeline.index.name.replace(RUN, "*").replace(DAY, "*"),
            runs=[],
            documents=0,
            url=deployment.url,
            deployed=deployment.made,
            drift=len(deployment.left),
            remembers=opened.pipeline.collect.remembers,
            unique=opened.pipeline.unique,
        )
        flow = flow_version(opened, group, changed=bool(deployment.left))
        for number in range(1, times + 1):
            request = uuid4().hex[:8]
            with lineage.run() as told, _noted(opened, request):
                one = _one(
                    opened, group, number, request, arguments, progress,
                    allow_empty=allow_empty, limit=limit,
                )  # fmt: skip
                documents = patiently(opened.indices.documents, progress.step)
                alone = replace(report, runs=[one], documents=documents)
                keep = partial(note, opened.ledger, alone, flow, allow_empty=allow_empty)
                told.ended(patiently(keep, progress.step))
            report = replace(report, runs=[*report.runs, one], documents=documents)
        with opened.scratch() as room:
            opened.reconcile(room)
        compact_if_due(opened, progress.step)
        return report


@contextmanager
def _noted(opened: Session, request: str) -> Iterator[None]:
    """Keep in the ledger why a run is given up, where it can be reached.

    Args:
        opened: the connections.
        request: what the run's id ends with.
    """
    started = datetime.now(UTC).isoformat(timespec="milliseconds")
    try:
        yield
    except Stopped:  # the user went, the run goes on
        raise
    except IdemflowError as error:
        reason = error.message[:_REASON]
        attempt = Attempt(opened.name, request, started, reason, error.exit_code)
        with suppress(IdemflowError):
            attempts.note(opened.ledger, attempt)
        raise


def _refuse_on_schedule(name: str) -> None:
    """Refuse to run a pipeline that runs by itself just now.

    Raises:
        UsageError: it does.
    """
    group = process_groups.find(name)
    if group is not None and schedule.runs(group.id):
        raise UsageError(
            f"the pipeline {name!r} runs on a schedule", next_command=f"idemflow stop {name}"
        )


def prepare(
    opened: Session, progress: RunDisplay, *, as_deployed: bool, keep_old_documents: bool = False
) -> tuple[str, Deployment]:
    """Deploy a pipeline where the canvas is not as its files say.

    Args:
        opened: the connections.
        progress: told what happens.
        as_deployed: only where the canvas has nothing of it.
        keep_old_documents: see :func:`idemflow.commands.deploy.deploy`.

    Returns:
        Id of the process group, and what was deployed, or is left.

    Raises:
        ChangedOnCanvas: that would discard what an operator did on the canvas.
    """
    name, settings = opened.pipeline.name, opened.settings
    there = process_groups.find(name) is not None
    if there and not as_deployed:
        check_packages(settings, opened.pipeline, spec.sources(settings.project, opened.pipeline))
    keep = keep_old_documents
    deployment = deploy.deploy_in(opened, progress.step, dry_run=there, keep_old_documents=keep)
    if there and deployment.changes and not as_deployed:
        try:
            deployment = deploy.deploy_in(opened, progress.step, keep_old_documents=keep)
        except ChangedOnCanvas as error:
            raise ChangedOnCanvas(
                error.message,
                next_command=f"{error.next_command}; --as-deployed runs what is on the canvas",
            ) from error
    return process_groups.find_id(name), deployment


def _one(
    opened: Session,
    group: str,
    number: int,
    request: str,
    arguments: Mapping[str, Scalar],
    progress: RunDisplay,
    *,
    allow_empty: bool,
    limit: str,
) -> RunReport:
    name = opened.pipeline.name
    _log.info("%s: run %d of this call", name, number)
    bulletin = monitoring.last_bulletin()
    with ExitStack() as stack:
        starts = patiently(lambda: index_checkpoints(opened, stack), progress.step)
        began = time.monotonic()
        newest = patiently(lambda: opened.ledger.newest_run(name), progress.step)
        find = _trigger(opened, group, arguments, newest or "", request)
        identifier, seconds, outcome = follow(
            opened,
            Watch(opened, group, starts, number, progress, bulletin),
            starts,
            began,
            find=find,
            check_source=lambda: _check_source(opened, group, bulletin),
            refused=RefusedRequests(name, group, bulletin),
        )
    _log.info("%s: run %s has ended after %.1f s", name, identifier, seconds)
    published, held_back = None, ""
    if opened.pipeline.snapshot:
        held_back = patiently(
            lambda: _judge.held_back(opened.ledger, opened.pipeline, identifier, outcome, limit),
            progress.step,
        )
        if not held_back:
            published = patiently(
                lambda: _publish(opened, identifier, outcome, allow_empty=allow_empty),
                progress.step,
            )
    return RunReport(
        run=identifier,
        **vars(outcome),
        seconds=seconds,
        published=published,
        held_back=held_back,
        taken_over=patiently(lambda: _taken_over(opened, identifier), progress.step),
    )


def _publish(opened: Session, identifier: str, outcome: Outcome, *, allow_empty: bool) -> str:
    """Let readers see a snapshot; a second time nothing is left to do.

    Raises:
        NothingRead: it is empty, and readers would lose all they have.
    """
    pipeline, ledger, indices = opened.pipeline, opened.ledger, opened.indices
    index = pipeline.target.replace(RUN, identifier.lower())
    if not outcome.created + outcome.overwritten:
        if indices.published() not in (None, index) and not allow_empty:
            gave = "no record" if not outcome.sent else f"none of {outcome.sent:,} that is loaded"
            raise NothingRead(
                f"the source gave {gave}; {pipeline.index.name} keeps what it has",
                next_command=f"idemflow run {pipeline.name} --allow-empty, if it is really empty",
            )
        indices.create(index)
    indices.publish(index)
    # What an earlier run could not load is no part of this state: this run read it anew.
    earlier = dead_letters.find(ledger, pipeline.name, Filters())
    dead_letters.delete(ledger, (letter for letter in earlier if letter.run < identifier))
    return index


def _taken_over(opened: Session, identifier: str) -> dict[str, int]:
    """What a run has written over of others; without a shared index there is nothing to read."""
    if not opened.pipeline.index.shared:
        return {}
    with opened.scratch() as room:
        return taken_over(opened.ledger.manifests, identifier, opened.pipeline.name, room)


def _trigger(
    opened: Session, group: str, arguments: Mapping[str, Scalar], since: str, request: str
) -> Callable[[], str | None]:
    """Start a run.

    Args:
        opened: the connections.
        group: id of the process group.
        arguments: values for this run.
        since: id of the newest run before it; empty where there is none.
        request: what its id is to end with.

    Returns:
        Looks for the run's id in the ledger.
    """
    ledger, name = opened.ledger, opened.pipeline.name
    others = _parameters(opened.pipeline, arguments)
    with parameters.lent(flow.context_name(opened.pipeline), REQUEST, request, others):
        control.run_once(group)
    if REQUEST not in (process_groups.trigger(group).component.config.properties[RUN_ID] or ""):
        # A flow of an earlier version, which gives its runs ids of its own.
        return lambda: ledger.begun_run(name, after=since)
    return lambda: ledger.begun_run(name, end=request)


def _parameters(pipeline: Pipeline, arguments: Mapping[str, Scalar]) -> list[Parameter]:
    """The parameters of arguments that have other values for a run.

    Raises:
        UsageError: an argument of the YAML is not on the canvas yet.
    """
    there = parameters.values(flow.context_name(pipeline)) if arguments else {}
    for key in arguments:
        if key not in there:
            raise UsageError(
                f"the pipeline {pipeline.name!r} on the canvas has no argument {key!r} yet",
                next_command=f"idemflow deploy {pipeline.name}",
            )
    return [parameters.argument(pipeline.collect, *item) for item in arguments.items()]


def _check_source(opened: Session, group: str, bulletin: int) -> None:
    """Check that the source can give its records.

    Raises:
        CanvasError: one of its steps fails.
    """
    source = opened.pipeline.collect
    if (failed := monitoring.failure(group, source.steps, after=bulletin)) is not None:
        where = source.call.script if source.call else failed.name
        raise CanvasError(
            f"{where} fails in NiFi: {failed.message}",
            next_command=f"{remedy(opened.settings, failed.message) or 'fix the cause'} "
            f"and run `idemflow deploy {opened.pipeline.name}`; "
            "the run waits in NiFi and goes on by itself",
        )
