"""``idemflow prune``: fold the manifests of runs, and forget runs that are old."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from filelock import FileLock, Timeout

from idemflow.canvas import control
from idemflow.commands import run as runs
from idemflow.commands._session import Session, session
from idemflow.commands._watch import RunDisplay
from idemflow.config.settings import Settings
from idemflow.elasticsearch.retention import Pruned, Retention
from idemflow.elasticsearch.spill import Scratch
from idemflow.errors import IdemflowError
from idemflow.pipeline import spec
from idemflow.pipeline.fields import seconds

# How long a command waits until nothing is on its way in the flow, in seconds: `prune`, and others.
_PATIENCE = 60.0
_PATIENCE_OF_OTHERS = 2.0

log = logging.getLogger(__name__)


def prune(settings: Settings, name: str | None, progress: RunDisplay) -> list[Pruned]:
    """Compact the ledger of a pipeline, or of all of the project.

    Args:
        settings: the resolved settings.
        name: the pipeline's name; ``None`` for all.
        progress: told how it goes on.

    Raises:
        IdemflowError: see :func:`idemflow.commands._session.session`.
    """
    names = spec.names(settings.project) if name is None else [name]
    return [_prune(settings, one, progress) for one in names]


def _prune(settings: Settings, name: str, progress: RunDisplay) -> Pruned:
    with session(settings, name) as opened, runs.turn(settings, name, progress):
        progress.step(f"compact the ledger of {name}")
        with opened.scratch() as room:
            opened.reconcile(room)
            return _retention(opened, room, _PATIENCE).prune(always=True)


def prune_if_due(opened: Session, step: Callable[[str], None]) -> None:
    """Compact the ledger where it pays; a failure is a warning. For a command that has the turn.

    Args:
        opened: the connections.
        step: told that it is done.
    """
    name = opened.pipeline.name
    try:
        with opened.scratch() as room:
            retention = _retention(opened, room, _PATIENCE_OF_OTHERS)
            if retention.due():
                step(f"compact the ledger of {name}")
                log.info("the ledger was compacted: %s", retention.prune(always=False))
    except (IdemflowError, OSError) as error:
        log.warning(
            "the ledger of %s was not compacted, which changes no result: %s. "
            "To try again: idemflow prune %s", name, error, name,
        )  # fmt: skip


def prune_in_turn_if_due(opened: Session, step: Callable[[str], None]) -> None:
    """The same for a command without the turn; while another runs the pipeline, that one does."""
    file = opened.settings.folders.turn(opened.pipeline.name)
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return
    try:
        prune_if_due(opened, step)
    finally:
        lock.release()


def _retention(opened: Session, room: Scratch, patience: float) -> Retention:
    pipeline = opened.pipeline
    several = pipeline.target_pattern != pipeline.target
    return Retention(
        ledger=opened.ledger,
        pipeline=pipeline.name,
        keep=timedelta(seconds=seconds(pipeline.ledger.keep)),
        prefix=pipeline.target_pattern.removesuffix("*") if several else None,
        idle=lambda: _idle(pipeline.name, patience),
        scratch=room,
        now=datetime.now(UTC),
    )


def _idle(name: str, patience: float) -> bool:
    """Whether nothing is on its way in a pipeline's flow, or soon."""
    group = control.find_group(name)
    deadline = time.monotonic() + patience
    while group is not None:
        activity = control.activity(group.id)
        if not (activity.queued or activity.active):
            break
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True
