"""The compaction of the ledger that other commands do at their end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from idemflow.canvas import monitoring, process_groups
from idemflow.commands._patience import patiently
from idemflow.commands._session import Session
from idemflow.commands._turn import lock
from idemflow.elasticsearch.retention import Retention
from idemflow.elasticsearch.spill import Scratch
from idemflow.errors import IdemflowError
from idemflow.sources.fields import seconds

# How long until nothing is on its way in the flow, in seconds.
_BUSY = 2.0

_log = logging.getLogger(__name__)


def compact_if_due(opened: Session, step: Callable[[str], None]) -> None:
    """Compact the ledger where it pays; a failure is a warning. For a command that has the turn.

    Args:
        opened: the connections.
        step: told that it is done.
    """
    name = opened.pipeline.name
    try:
        patiently(lambda: _compact_if_due(opened, step), step)
    except (IdemflowError, OSError) as error:
        _log.warning(
            "the ledger of %s was not compacted, which changes no result: %s. "
            "To try again: idemflow prune %s", name, error, name,
        )  # fmt: skip


def _compact_if_due(opened: Session, step: Callable[[str], None]) -> None:
    with opened.scratch() as room:
        ledger = retention(opened, room, _BUSY)
        if ledger.due():
            step(f"compact the ledger of {opened.pipeline.name}")
            _log.info("the ledger was compacted: %s", ledger.prune(always=False))


def compact_in_turn_if_due(opened: Session) -> None:
    """The same for a command without the turn; while another runs the pipeline, that one does."""
    own = lock(opened.settings, opened.pipeline.name)
    if own.try_acquire():
        try:
            compact_if_due(opened, _log.info)
        finally:
            own.release()


def retention(opened: Session, room: Scratch, patience: float) -> Retention:
    pipeline = opened.pipeline
    several = pipeline.target_pattern != pipeline.target
    return Retention(
        ledger=opened.ledger,
        pipeline=pipeline.name,
        keep=timedelta(seconds=seconds(pipeline.ledger.keep)),
        own=pipeline.is_target if several else None,
        idle=lambda: _idle(pipeline.name, patience),
        scratch=room,
        now=datetime.now(UTC),
        runs=pipeline.prune.runs if pipeline.prune else None,
    )


def _idle(name: str, patience: float) -> bool:
    """Whether nothing is on its way in a pipeline's flow, or soon."""
    group = process_groups.find(name)
    deadline = time.monotonic() + patience
    while group is not None:
        activity = monitoring.activity(group.id)
        if not (activity.queued or activity.active):
            break
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True
