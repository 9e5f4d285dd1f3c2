"""``idemflow up``."""

from __future__ import annotations

from idemflow import servers
from idemflow.config.combinations import SERVERS, TITLES, ServerName
from idemflow.config.settings import Settings
from idemflow.errors import UsageError
from idemflow.servers import Target, UpResult
from idemflow.supply.progress import Progress, Silent

__all__ = ["Target", "UpResult", "up"]


def up(
    settings: Settings, progress: Progress | None = None, *, set_aside_queues: bool = False
) -> UpResult:
    """Starts the embedded servers: those that are not the user's own.

    Args:
        settings: the resolved settings.
        progress: told what happens, if anyone wants to know.
        set_aside_queues: have NiFi start with empty queues; what is queued is kept beside.

    Raises:
        UsageError: both servers are the user's own; or the queues of a NiFi that runs are to be
            set aside.
    """
    refuse_external(settings)
    return servers.up(settings, progress or Silent(), set_aside_queues=set_aside_queues)


def refuse_external(settings: Settings, *servers: ServerName) -> None:
    """Raises UsageError where all of some servers are the user's own; by default of both."""
    names = servers or SERVERS
    if not set(names) & set(settings.embedded):
        which = " and ".join(
            f"{name}_url names your own {TITLES[name]} ({settings.own_url(name)})" for name in names
        )
        raise UsageError(
            f"{which}: idemflow does not start or stop what is yours, and has no log of it",
            next_command="idemflow status",
        )
