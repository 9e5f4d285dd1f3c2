"""What other commands do at their end: the ledger is compacted where it pays, or all is pruned."""

from __future__ import annotations

import logging
from collections.abc import Callable

from idemflow.commands._patience import patiently
from idemflow.commands._pruning import is_due, prune_in_turn, retention
from idemflow.commands._session import Session
from idemflow.commands._turn import turn_if_free
from idemflow.errors import IdemflowError

# How long until nothing is on its way in the flow, in seconds.
_BUSY = 2.0

_log = logging.getLogger(__name__)


def compact_if_due(opened: Session, step: Callable[[str], None]) -> None:
    """Prune where the YAML wants it by now, or else compact the ledger where it pays; a failure is
    a warning. For a command that has the turn.

    Args:
        opened: the connections.
        step: told that it is done.
    """
    name = opened.pipeline.name
    try:
        if patiently(lambda: is_due(opened), step):
            step(f"prune {name}")
            _log.info("it was pruned: %s", prune_in_turn(opened, step, _BUSY))
        else:
            patiently(lambda: _compact_where_it_pays(opened, step), step)
    except (IdemflowError, OSError) as error:
        _log.warning(
            "%s was not pruned, which changes no result: %s. "
            "To try again: idemflow prune %s", name, error, name,
        )  # fmt: skip


def _compact_where_it_pays(opened: Session, step: Callable[[str], None]) -> None:
    with opened.scratch() as room:
        ledger = retention(opened, room, _BUSY)
        if ledger.due():
            step(f"compact the ledger of {opened.pipeline.name}")
            _log.info("the ledger was compacted: %s", ledger.prune(always=False))


def compact_in_turn_if_due(opened: Session) -> None:
    """The same for a command without the turn; while another runs the pipeline, that one does."""
    with turn_if_free(opened.settings, opened.pipeline.name) as free:
        if free:
            compact_if_due(opened, _log.info)
