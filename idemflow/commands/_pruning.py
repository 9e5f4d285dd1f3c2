"""What it is to prune a pipeline, for a command that has its turn: by hand, or since it is due."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from idemflow.canvas import monitoring, process_groups
from idemflow.commands._patience import patiently
from idemflow.commands._session import Session
from idemflow.dead_letters import store
from idemflow.dead_letters.store import Filters, Letter, Letters
from idemflow.elasticsearch import last_prune
from idemflow.elasticsearch.retention import Pruned as PrunedLedger
from idemflow.elasticsearch.retention import Retention
from idemflow.elasticsearch.spill import Scratch
from idemflow.pipeline.retention import Keep, PruneRules
from idemflow.sources.fields import seconds


@dataclass(frozen=True, kw_only=True)
class Pruned(PrunedLedger):
    """What was folded and deleted of a pipeline.

    Attributes:
        dead_letters: dead letters that were deleted.
        indices: indices of earlier runs that were deleted, the oldest first.
        dry_run: whether nothing was, and this is what would be.
    """

    dead_letters: int = 0
    indices: tuple[str, ...] = ()
    dry_run: bool = False


def is_due(opened: Session) -> bool:
    """Whether a pipeline's YAML wants it pruned by now; of one that was never deployed, never.

    Raises:
        IdemflowError: Elasticsearch does not answer.
    """
    if opened.pipeline.prune is None or opened.pipeline.prune.every is None:
        return False
    last = last_prune.last_prunes(opened.ledger, opened.owner.project)
    return opened.name in last and opened.pipeline.prune.is_due(
        last[opened.name], datetime.now(UTC)
    )


def prune_in_turn(
    opened: Session, step: Callable[[str], None], patience: float, *, dry_run: bool = False
) -> Pruned:
    """Compact the ledger of a pipeline, and delete what its YAML keeps no longer.

    Args:
        opened: the connections.
        step: told what is waited for.
        patience: seconds until nothing is on its way in the flow.
        dry_run: only say what that would be.

    Raises:
        IdemflowError: a server stays away, or refuses.
    """
    rules = opened.pipeline.prune or PruneRules.model_construct()
    began, idle = datetime.now(UTC), True
    with opened.scratch() as room:
        if not dry_run:
            opened.reconcile(room)
        ledger = retention(opened, room, patience)
        # First, so that what the ledger says of these indices goes as well.
        gone: tuple[str, ...] = ()
        if rules.indices is not None and (idle := patiently(ledger.idle, step)):
            gone = _indices(opened, rules.indices, dry_run)
        found = patiently(lambda: ledger.prune(always=True, dry_run=dry_run), step)
        letters = patiently(lambda: _dead_letters(opened, rules.dead_letters, dry_run), step)
    if rules.every is not None and idle and not (found.busy or dry_run):
        patiently(lambda: last_prune.note(opened.ledger, opened.name, began), step)
    return Pruned(**vars(found), dead_letters=letters, indices=gone, dry_run=dry_run)


def retention(opened: Session, room: Scratch, patience: float) -> Retention:
    """What is kept of the ledger of a pipeline.

    Args:
        opened: the connections.
        room: for entries.
        patience: seconds until nothing is on its way in the flow.
    """
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


def _indices(opened: Session, keep: Keep, dry_run: bool) -> tuple[str, ...]:
    """Delete indices of earlier runs; which."""
    old = opened.indices.outdated(keep, datetime.now(UTC))
    if not dry_run:
        opened.indices.delete(old)
    return tuple(old)


def _dead_letters(opened: Session, keep: Keep | None, dry_run: bool) -> int:
    """Delete dead letters; how many."""
    if keep is None:
        return 0
    if dry_run:
        return sum(1 for _ in _old_letters(opened, keep))
    return store.delete(opened.ledger, _old_letters(opened, keep))


def _old_letters(opened: Session, keep: Keep) -> Iterator[Letter]:
    """Those that are older or more than are kept, but for those that a replay has sent."""
    oldest = datetime.now(UTC) - keep.for_time if keep.for_time else None
    beyond = 0
    if keep.number is not None:
        beyond = Letters(opened.ledger, opened.name).count() - keep.number
    letters = store.find(opened.ledger, opened.name, Filters(), oldest_first=True)
    for place, letter in enumerate(letters):
        aged = oldest is not None and datetime.fromisoformat(letter.time) < oldest
        if not aged and place >= beyond:
            return
        if letter.replay is None:
            yield letter
