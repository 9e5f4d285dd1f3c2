"""``idemflow prune``: fold the manifests of runs, and delete what the YAML keeps no longer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from idemflow.commands._compact import retention
from idemflow.commands._each import Each, each
from idemflow.commands._patience import patiently
from idemflow.commands._session import Session, session
from idemflow.commands._turn import turn
from idemflow.commands._watch import RunDisplay
from idemflow.config.settings import Settings
from idemflow.dead_letters import store
from idemflow.dead_letters.store import Filters, Letter, Letters
from idemflow.elasticsearch.retention import Pruned as PrunedLedger
from idemflow.pipeline import spec
from idemflow.pipeline.retention import Keep, PruneRules

# How long until nothing is on its way in the flow, in seconds.
_BUSY = 60.0


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


def prune(
    settings: Settings, name: str | None, progress: RunDisplay, *, dry_run: bool = False
) -> Each[Pruned]:
    """Compact the ledger of a pipeline, or of all of the project, and delete what its YAML keeps
    no longer.

    Args:
        settings: the resolved settings.
        name: the pipeline's name; ``None`` for all.
        progress: told how it goes on.
        dry_run: only say what that would be.

    Raises:
        IdemflowError: see :func:`idemflow.commands._session.session`.
    """
    if name is not None:
        return Each([_prune(settings, name, progress, dry_run)])
    names = spec.names(settings.project)
    return each(names, lambda one: _prune(settings, one, progress, dry_run))


def _prune(settings: Settings, name: str, progress: RunDisplay, dry_run: bool) -> Pruned:
    with session(settings, name) as opened, turn(settings, name):
        progress.step(f"compact the ledger of {name}")
        with opened.scratch() as room:
            if not dry_run:
                opened.reconcile(room)
            ledger = retention(opened, room, _BUSY)
            rules = opened.pipeline.prune or PruneRules.model_construct()
            # First, so that what the ledger says of these indices goes as well.
            gone: tuple[str, ...] = ()
            if rules.indices is not None and patiently(ledger.idle, progress.step):
                gone = _indices(opened, rules.indices, dry_run)
            found = patiently(lambda: ledger.prune(always=True, dry_run=dry_run), progress.step)
            letters = patiently(
                lambda: _dead_letters(opened, rules.dead_letters, dry_run), progress.step
            )
        return Pruned(**vars(found), dead_letters=letters, indices=gone, dry_run=dry_run)


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
