"""``idemflow dead-letters``: list, show, export, replay and drop what could not go in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import nlargest
from pathlib import Path
from uuid import uuid4

from idemflow.canvas import control, flow, monitoring, parameters, process_groups
from idemflow.canvas.difference import Change
from idemflow.canvas.replay import PARAMETER, REPLAY_TRIGGER, UNPACK
from idemflow.commands import run as runs
from idemflow.commands._follow import follow, index_checkpoints
from idemflow.commands._patience import patiently
from idemflow.commands._refused import RefusedRequests
from idemflow.commands._session import Connection, Session, connection, session
from idemflow.commands._turn import turn
from idemflow.commands._watch import RunDisplay, Watch
from idemflow.config.settings import Settings
from idemflow.dead_letters import file as letter_file
from idemflow.dead_letters import store as dead_letters
from idemflow.dead_letters.kinds import Kinds
from idemflow.dead_letters.store import Filters, Letter, as_row, from_row
from idemflow.elasticsearch.ledger import DEAD_LETTERS
from idemflow.elasticsearch.run_progress import Outcome
from idemflow.elasticsearch.spill import Scratch
from idemflow.errors import (
    CanvasError,
    IdemflowError,
    NotIdempotent,
    NotReady,
    RecordsRefused,
    UsageError,
)
from idemflow.steps.replay import content_of
from idemflow.steps.rules.words import counted


@dataclass(frozen=True)
class Listing:
    """Dead letters of a pipeline.

    Attributes:
        pipeline: the pipeline's name.
        letters: the newest, newest first.
        total: how many there are.
        reasons: how many of each kind of reason, most frequent first.
    """

    pipeline: str
    letters: list[Letter]
    total: int
    reasons: list[tuple[str, int]]


@dataclass(frozen=True)
class ReplayReport:
    """What became of the letters that were sent again.

    Attributes:
        pipeline: the pipeline's name.
        run: the replay's run id; empty where there was nothing to send.
        chosen: letters that were to be sent.
        sent: letters that were sent.
        went_in: those whose record is in the index now, or has deleted its document.
        stale: those whose record the index has in a newer version.
        dead_letters: those that are dead letters again.
        lost: records that are neither, yet.
        reasons: why, how many of each kind of reason.
        left: dead letters of the pipeline afterwards.
        seconds: how long it took.
        deployed: what of the canvas was changed first, so that it is as the files say.
        drift: how the canvas differs from the project's files, in number of changes.
    """

    pipeline: str
    run: str
    chosen: int
    sent: int
    went_in: int
    stale: int
    dead_letters: int
    lost: int
    reasons: list[tuple[str, int]]
    left: int
    seconds: float
    deployed: list[Change]
    drift: int


@dataclass(frozen=True)
class Dropped:
    """What ``drop`` deleted.

    Attributes:
        pipeline: the pipeline's name.
        found: letters that were meant.
        dropped: letters that were deleted; the others changed meanwhile, or were to stay.
    """

    pipeline: str
    found: int
    dropped: int


def list_letters(settings: Settings, name: str, filters: Filters, limit: int) -> Listing:
    """The newest dead letters of a pipeline, and how many there are by reason.

    Raises:
        IdemflowError: see :func:`idemflow.commands._session.connection`.
    """
    with _reconciled(settings, name) as (opened, _):
        reasons = Kinds()

        def noted() -> Iterator[Letter]:
            for letter in dead_letters.find(opened.ledger, name, filters):
                reasons.add(letter.reason)
                yield letter

        newest = nlargest(limit, noted(), key=lambda letter: (letter.time, letter.id))
        return Listing(name, newest, reasons.total, reasons.most_common())


def show(settings: Settings, name: str, prefix: str) -> tuple[Letter, str]:
    """One dead letter and its content.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        prefix: the letter's id, or a beginning of it that no other letter has.

    Raises:
        UsageError: there is no such letter, or there are several.
    """
    with _reconciled(settings, name) as (opened, _):
        try:
            return dead_letters.get(opened.ledger, name, prefix)
        except ValueError as error:
            raise IdemflowError(f"the dead letter {prefix!r} is damaged: {error}") from error


def export(settings: Settings, name: str, filters: Filters, write: Callable[[str], None]) -> int:
    """Give dead letters out as lines of JSON, oldest first.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        filters: which.
        write: takes a line.

    Returns:
        How many there were.
    """
    with _reconciled(settings, name) as (opened, _):
        _count(opened, filters)  # so that ids that are not unique are refused before a line
        number = 0
        for letter, document in dead_letters.contents(opened.ledger, _chosen(opened, filters)):
            try:
                content = content_of(document)
            except ValueError as error:
                raise IdemflowError(f"the dead letter {letter.id} is damaged: {error}") from error
            write(letter_file.write_line(letter, content))
            number += 1
        return number


def drop(
    settings: Settings, name: str, filters: Filters, confirm: Callable[[int], bool]
) -> Dropped:
    """Delete dead letters for good.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        filters: which.
        confirm: asked with their number before anything is deleted.
    """
    with _reconciled(settings, name) as (opened, room):
        rows = room.spill()
        found = rows.add(as_row(one) for one in dead_letters.find(opened.ledger, name, filters))
        if not found or not confirm(found):
            return Dropped(name, found, 0)
        letters = (from_row(row) for part in rows.parts() for row in part)
        return Dropped(name, found, dead_letters.delete(opened.ledger, letters))


def replay(
    settings: Settings,
    name: str,
    progress: RunDisplay,
    *,
    filters: Filters,
    file: Path | None = None,
    as_deployed: bool = False,
) -> ReplayReport:
    """Send dead letters through the pipeline again, and wait for each.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        progress: told how it goes on.
        filters: which, where there is no file.
        file: fixed letters, as ``export`` writes them.
        as_deployed: run what is on the canvas, whatever the files say.

    Raises:
        UsageError: a line of the file cannot be used; nothing is sent then.
        CanvasError: the flow cannot send them, with the cause.
        Unreachable: a server stayed away; the replay goes on when it is back.
        NotReady: the replay makes no progress.
    """
    with (
        turn(settings, name),
        session(settings, name) as opened,
        opened.scratch() as room,
    ):
        opened.reconcile(room)
        chosen = _named_in(opened, room, file) if file else _count(opened, filters)
        if not chosen:
            return ReplayReport(name, "", 0, 0, 0, 0, 0, 0, [], _left(opened), 0.0, [], 0)
        group, deployment = runs.prepare(opened, progress, as_deployed=as_deployed)
        process_groups.trigger(group, REPLAY_TRIGGER)
        control.start_steps(group)
        began = time.monotonic()
        run = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"[:18] + f"-{uuid4().hex[:8]}"
        progress.step(f"mark {counted(chosen, 'letter')}")
        letters = _contents_of(file) if file else ((one, None) for one in _chosen(opened, filters))
        dead_letters.mark(opened.ledger, letters, run)
        seconds, outcome = _send(opened, group, run, began, progress)
        opened.reconcile(room)
        reasons, left = patiently(lambda: _again(opened, run), progress.step)
        return ReplayReport(
            pipeline=name,
            run=run,
            chosen=chosen,
            sent=outcome.sent,
            went_in=outcome.sent
            - (outcome.dead_letters + outcome.stale + outcome.dropped + outcome.lost),
            stale=outcome.stale,
            dead_letters=outcome.dead_letters,
            lost=outcome.lost,
            reasons=reasons.most_common(),
            left=left,
            seconds=seconds,
            deployed=deployment.made,
            drift=len(deployment.left),
        )


def judge(report: ReplayReport) -> None:
    """Tell a replay that got all letters in from one that did not.

    Raises:
        NotIdempotent: some went nowhere.
        RecordsRefused: some are dead letters again.
    """
    name = report.pipeline
    if report.lost:
        raise NotIdempotent(
            f"{name}: {report.lost} of {counted(report.sent, 'letter')} went neither into the "
            "index nor back to the dead letters",
            next_command=f"idemflow dead-letters list {name}",
        )
    if report.dead_letters:
        raise RecordsRefused(
            f"{name}: {counted(report.dead_letters, 'dead letter')} again",
            next_command=f"idemflow dead-letters list {name}",
        )


@contextmanager
def _reconciled(settings: Settings, name: str) -> Iterator[tuple[Connection, Scratch]]:
    """The connections, with what went in since no longer among the dead letters; and room for
    ids."""
    with connection(settings, name) as opened, opened.scratch() as room:
        opened.reconcile(room)
        yield opened, room


def _chosen(opened: Connection, filters: Filters) -> Iterator[str]:
    """The ids of the letters that are meant, oldest first."""
    name = opened.name
    for letter in dead_letters.find(opened.ledger, name, filters, oldest_first=True):
        yield letter.id


def _count(opened: Connection, filters: Filters) -> int:
    """How many letters are meant; refuses ids of letters that are none, or not unique."""
    return sum(1 for _ in dead_letters.find(opened.ledger, opened.name, filters))


def _again(opened: Connection, run: str) -> tuple[Kinds, int]:
    """Why letters came back from a replay; and how many the pipeline has now."""
    again = dead_letters.find(opened.ledger, opened.name, Filters(run=run))
    return Kinds(letter.reason for letter in again), _left(opened)


def _left(opened: Connection) -> int:
    query = Filters().query(opened.name)
    return opened.ledger.count(DEAD_LETTERS, query)


def _named_in(opened: Connection, room: Scratch, file: Path) -> int:
    """How many letters a file has, each of which must be known and there once."""
    name = opened.name
    rows = room.spill()
    rows.add((one.id, 0) for one in dead_letters.find(opened.ledger, name, Filters()))
    number = rows.add((fixed.letter, fixed.line) for fixed in letter_file.read(file))
    problems: list[tuple[int, str, int]] = []
    for part in rows.parts():
        lines: dict[str, int] = {}
        # What is wrong in a part: its first line is enough.
        found = []
        for letter, line in part:
            if line and (letter not in lines or lines[letter]):
                found.append((line, letter, lines.get(letter, 0)))
            lines[letter] = lines.get(letter) or line
        problems += sorted(found)[:1]
    if not problems:
        return number
    line, letter, earlier = min(problems)
    if earlier:
        raise UsageError(f"{file}:{line}: the letter {letter!r} is in line {earlier} already")
    raise UsageError(
        f"{file}:{line}: the pipeline {name!r} has no dead letter {letter!r}: "
        "its record went in meanwhile, or there never was one",
        next_command=f"take the line away, or see: idemflow dead-letters list {name}",
    )


def _contents_of(file: Path) -> Iterable[tuple[str, str]]:
    return ((fixed.letter, fixed.content) for fixed in letter_file.read(file))


def _send(
    opened: Session, group: str, run: str, began: float, progress: RunDisplay
) -> tuple[float, Outcome]:
    """Trigger the replay of the marked letters and wait for what becomes of them."""
    bulletin = monitoring.last_bulletin()
    with ExitStack() as stack:
        # A letter goes back to the index that it was meant for: perhaps one of an earlier day.
        meant = dead_letters.indices(opened.ledger, run)
        starts = patiently(lambda: index_checkpoints(opened, stack, meant), progress.step)
        with parameters.lent(flow.context_name(opened.pipeline), PARAMETER, run):
            control.run_once(group, REPLAY_TRIGGER)
        watch = Watch(opened, group, starts, 1, progress, bulletin)
        try:
            _, seconds, outcome = follow(
                opened,
                watch,
                starts,
                began,
                find=lambda: run if opened.ledger.records(run) is not None else None,
                check_source=lambda: _check_unpack(group, bulletin),
                refused=RefusedRequests(opened.pipeline.name, group, bulletin),
            )
        except NotReady as error:
            if watch.total is not None:
                raise
            raise NotReady(
                error.server,
                f"NiFi does not get the letters from Elasticsearch: {error.message}",
                log_tail=error.log_tail,
                next_command="look at the canvas (idemflow open); the user "
                f"{opened.target.loader.username!r} needs the privilege read on {DEAD_LETTERS}. "
                "The replay goes on when the cause is fixed",
            ) from error
        return seconds, outcome


def _check_unpack(group: str, bulletin: int) -> None:
    """Check that the flow can take the letters.

    Raises:
        CanvasError: it cannot.
    """
    if (failed := monitoring.failure(group, [UNPACK], after=bulletin)) is not None:
        raise CanvasError(
            f"{UNPACK!r} fails in NiFi: {failed.message}",
            next_command="look at the canvas (idemflow open); the letters stay, and the "
            "replay goes on when the cause is fixed",
        )
