"""``idemflow down``."""

from __future__ import annotations

from dataclasses import replace

from idemflow import servers
from idemflow.commands.up import refuse_external
from idemflow.config.settings import Settings
from idemflow.servers.further import further
from idemflow.versions import repository


def down(settings: Settings, *, delete: bool) -> servers.DownResult:
    """Stops the embedded runtime and the further servers; deletes all data if ``delete``.

    Raises:
        UsageError: both servers are the user's own, and none was started here; or versions that
            were committed on the canvas cannot be brought into the project, and nothing is deleted.
    """
    if not servers.read_state(settings.folders.state).servers:
        refuse_external(settings)
    result = servers.down(settings)
    if delete:
        # NiFi has stopped: all that was committed on the canvas is kept in the project.
        repository.discard(settings)
    others = {name: one.stop(settings, delete=delete) for name, one in further().items()}
    if delete:
        servers.down(settings, delete=True)
    return replace(
        result,
        stopped=(*result.stopped, *(name for name, (ran, _) in others.items() if ran)),
        killed=(*result.killed, *(pid for _, killed in others.values() for pid in killed)),
    )
