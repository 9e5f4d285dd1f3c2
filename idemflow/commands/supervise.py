"""``idemflow supervise``."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from idemflow.commands._due_prunes import DuePrunes
from idemflow.commands.up import refuse_external
from idemflow.config.settings import Settings
from idemflow.servers.supervise import SILENT_AFTER, Supervisor
from idemflow.servers.systemd import Kind, Unit
from idemflow.servers.systemd import unit as unit_of
from idemflow.servers.watching import Event

__all__ = ["SILENT_AFTER", "Event", "Kind", "Unit", "supervise", "unit"]


def supervise(
    settings: Settings, tell: Callable[[Event], None], *, silent_after: float = SILENT_AFTER
) -> None:
    """Keeps the embedded servers up until SIGTERM, SIGINT or SIGHUP; then stops them, and returns.

    Meanwhile the project's pipelines are pruned when their YAML's ``prune.every`` wants it.

    For the main thread, as signals are.

    Args:
        settings: the resolved settings.
        tell: is given each event.
        silent_after: seconds without an answer after which a server is started again.

    Raises:
        UsageError: both servers are the user's own; or what runs has other settings.
        IdemflowError: another supervisor is there, or the servers cannot be started at first.
    """
    refuse_external(settings)
    supervisor = Supervisor(settings, tell, DuePrunes(settings), silent_after)
    with _calling(supervisor.end):
        supervisor.run()


@contextmanager
def _calling(end: Callable[[], None]) -> Iterator[None]:
    """Has the signals that ask a process to end call a function."""
    # `nohup` has SIGHUP ignored: it is to go on when the terminal is closed.
    hangup = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    before = {
        one: signal.signal(one, lambda *_: end())
        for one in (signal.SIGTERM, signal.SIGINT, *hangup)
    }
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def unit(settings: Settings, kind: Kind | None, *, silent_after: float = SILENT_AFTER) -> Unit:
    """A unit of systemd that supervises.

    Args:
        settings: the resolved settings.
        kind: of the system, or of a user's own systemd; by default the former for root.
        silent_after: as of :func:`supervise`.

    Raises:
        UsageError: both servers are the user's own; or something cannot stand in a unit.
    """
    refuse_external(settings)
    chosen = silent_after != SILENT_AFTER
    options = ("--silent-after", f"{silent_after:.0f}") if chosen else ()
    return unit_of(settings, kind, os.environ, options)
