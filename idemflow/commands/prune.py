"""``idemflow prune``: fold the manifests of runs, and forget runs that are old."""

from __future__ import annotations

from idemflow.commands._compact import retention
from idemflow.commands._each import Each, each
from idemflow.commands._patience import patiently
from idemflow.commands._session import session
from idemflow.commands._turn import turn
from idemflow.commands._watch import RunDisplay
from idemflow.config.settings import Settings
from idemflow.elasticsearch.retention import Pruned
from idemflow.pipeline import spec

# How long until nothing is on its way in the flow, in seconds.
_BUSY = 60.0


def prune(settings: Settings, name: str | None, progress: RunDisplay) -> Each[Pruned]:
    """Compact the ledger of a pipeline, or of all of the project.

    Args:
        settings: the resolved settings.
        name: the pipeline's name; ``None`` for all.
        progress: told how it goes on.

    Raises:
        IdemflowError: see :func:`idemflow.commands._session.session`.
    """
    if name is not None:
        return Each([_prune(settings, name, progress)])
    names = spec.names(settings.project)
    return each(names, lambda one: _prune(settings, one, progress))


def _prune(settings: Settings, name: str, progress: RunDisplay) -> Pruned:
    with session(settings, name) as opened, turn(settings, name):
        progress.step(f"compact the ledger of {name}")
        with opened.scratch() as room:
            opened.reconcile(room)
            ledger = retention(opened, room, _BUSY)
            return patiently(lambda: ledger.prune(always=True), progress.step)
