"""``idemflow down``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from idemflow import servers
from idemflow.commands.up import refuse_external
from idemflow.config.settings import Settings
from idemflow.pipeline.names import names
from idemflow.servers.further import further
from idemflow.versions import repository


@dataclass(frozen=True)
class Doomed:
    """What ``down --delete`` deletes.

    Attributes:
        home: the runtime's folder.
        sizes: what idemflow made in it by name, and the bytes of each.
        further: the further servers that have data there.
        pipelines: the pipelines of the project.
    """

    home: Path
    sizes: dict[str, int]
    further: list[str]
    pipelines: list[str]


def doomed(settings: Settings) -> Doomed:
    """What ``down --delete`` would delete."""
    there = [one.title for one in further().values() if one.status(settings) is not None]
    return Doomed(
        settings.home,
        {made.name: size for made, size in servers.sizes(settings.folders).items()},
        there,
        names(settings.project),
    )


def down(
    settings: Settings,
    *,
    delete: bool,
    confirm: Callable[[Doomed], None] = lambda _: None,
) -> servers.DownResult:
    """Stops the embedded runtime and the further servers; deletes all data if ``delete``.

    Args:
        settings: the resolved settings.
        delete: whether to delete the runtime's folder as well.
        confirm: told what is deleted before anything is stopped; raises to keep it.

    Raises:
        UsageError: both servers are the user's own, and none was started here; or versions that
            were committed on the canvas cannot be brought into the project, and nothing is deleted.
    """
    if not servers.read_state(settings.folders.state).servers:
        refuse_external(settings)
    if delete:
        confirm(doomed(settings))
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
