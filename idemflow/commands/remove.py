"""``idemflow remove``: take a pipeline away, whether its YAML is there or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from idemflow import servers
from idemflow.canvas import client, ownership, removal
from idemflow.canvas.ownership import Place
from idemflow.commands._turn import canvas_turn, turn
from idemflow.commands._watch import RunDisplay
from idemflow.config.project_id import project_id
from idemflow.config.settings import Settings
from idemflow.errors import UsageError


@dataclass(frozen=True)
class Removal:
    """What goes, and what stays.

    Attributes:
        pipeline: the pipeline's name.
        group: where its process group is on the canvas; ``None`` where there is none.
        queued: FlowFiles in it, which go with it.
        context: the name of its parameter context; ``None`` where there is none.
        stays: what stays although it is the pipeline's, and why.
    """

    pipeline: str
    group: str | None
    queued: int
    context: str | None
    stays: tuple[str, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to remove."""
        return self.group is None and self.context is None


def remove(
    settings: Settings,
    name: str,
    progress: RunDisplay,
    confirm: Callable[[Removal], None],
    *,
    discard_queued: bool = False,
) -> Removal:
    """Take a pipeline's process group and parameter context off the canvas.

    Its files, and its versions in git, stay.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        progress: told what happens.
        confirm: told what goes before anything is changed; raises to keep it.
        discard_queued: take the process group away although FlowFiles are on their way.

    Returns:
        What has gone.

    Raises:
        UsageError: there is no such pipeline of this project, or FlowFiles are on their way.
    """
    target = servers.connect(settings)
    client.connect(target.nifi, project_id(settings))
    with turn(settings, name, progress), canvas_turn(settings, progress.step):
        place = ownership.find(name)
        found = _look(name, place, discard_queued=discard_queued)
        if found.nothing:
            raise UsageError(
                f"this project has no pipeline {name!r} on the canvas",
                next_command="idemflow status shows those that it has",
            )
        confirm(found)
        progress.step("process group")
        if users := removal.remove(name, place, discard=discard_queued):
            stays = f"the parameter context {found.context}: used by {', '.join(users)}"
            found = replace(found, context=None, stays=(stays,))
        return found


def _look(name: str, place: Place, *, discard_queued: bool) -> Removal:
    queued = 0
    if place.group is not None:
        queued = removal.queued(name, place.group, discard=discard_queued)
    context = str(place.context.component.name) if place.context is not None else None
    return Removal(name, ownership.path(place.group) if place.group else None, queued, context)
