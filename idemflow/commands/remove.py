"""``idemflow remove``: take a pipeline away, whether its YAML is there or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from idemflow import servers
from idemflow.canvas import client, ownership
from idemflow.canvas import removal as canvas
from idemflow.canvas.ownership import Place
from idemflow.commands._turn import canvas_turn, turn
from idemflow.commands._watch import RunDisplay
from idemflow.config.project_id import project_id
from idemflow.config.settings import Settings
from idemflow.elasticsearch import removal as elasticsearch
from idemflow.elasticsearch.ledger import opened
from idemflow.elasticsearch.ownership import Owner
from idemflow.elasticsearch.removal import Data
from idemflow.errors import UsageError
from idemflow.steps.rules.words import counted


@dataclass(frozen=True)
class Removal:
    """What goes, and what stays.

    Attributes:
        pipeline: the pipeline's name.
        group: where its process group is on the canvas; ``None`` where there is none.
        queued: FlowFiles in it, which go with it.
        context: the name of its parameter context; ``None`` where there is none.
        indices: its indices, and the documents of each; ``None`` where they cannot be read.
        aliases: the aliases that point at these.
        templates: its index templates.
        runs: the runs that the ledger forgets.
        dead_letters: its dead letters.
        deployed_from: the folder of the project that deployed it last, where it is another one.
        stays: what stays although it is the pipeline's, and why.
    """

    pipeline: str
    group: str | None
    queued: int
    context: str | None
    indices: Mapping[str, int | None]
    aliases: tuple[str, ...]
    templates: tuple[str, ...]
    runs: int
    dead_letters: int
    deployed_from: str | None
    stays: tuple[str, ...]

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to remove."""
        on_canvas = self.group is not None or self.context is not None
        return not (on_canvas or self.indices or self.templates or self.runs or self.dead_letters)


def remove(
    settings: Settings,
    name: str,
    progress: RunDisplay,
    confirm: Callable[[Removal], None],
    *,
    discard_queued: bool = False,
    data: bool = False,
    dead_letters: bool = False,
) -> Removal:
    """Take a pipeline's process group and parameter context off the canvas.

    Its files, and its versions in git, stay.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        progress: told what happens.
        confirm: told what goes before anything is changed; raises to keep it.
        discard_queued: take the process group away although FlowFiles are on their way.
        data: delete its documents as well: indices, aliases, templates, and what the ledger says
            was sent to them.
        dead_letters: delete its dead letters as well.

    Returns:
        What has gone.

    Raises:
        UsageError: there is no such pipeline of this project, or FlowFiles are on their way.
    """
    target = servers.connect(settings)
    owner = Owner(project_id(settings), name)
    client.connect(target.nifi, owner.project)
    with (
        turn(settings, name),
        canvas_turn(settings),
        opened(target.elasticsearch) as at,
    ):
        place = ownership.find(name)
        there = elasticsearch.find(at, owner)
        found = _look(name, place, there, discard=discard_queued, data=data, letters=dead_letters)
        if place.mark is not None and place.mark.folder not in (
            ownership.NONE,
            str(settings.project),
        ):
            found = replace(found, deployed_from=place.mark.folder)
        if found.nothing:
            raise UsageError(
                f"there is nothing of a pipeline {name!r} of this project to remove",
                next_command="idemflow status shows those that it has",
            )
        confirm(found)
        progress.step("process group")
        if users := canvas.remove(name, place, discard=discard_queued):
            context = f"the parameter context {found.context}: used by {', '.join(users)}"
            found = replace(found, context=None, stays=(context, *found.stays))
        progress.step("Elasticsearch")
        if data:
            elasticsearch.delete(at, owner, there)
        if dead_letters and there.named:
            elasticsearch.delete_dead_letters(at, owner)
        if there.named:
            elasticsearch.free_name(at, owner)
        return found


def _look(
    name: str, place: Place, there: Data, *, discard: bool, data: bool, letters: bool
) -> Removal:
    queued = 0
    if place.group is not None:
        queued = canvas.queued(name, place.group, discard=discard)
    stays = [f"{one}: others write to it, too" for one in there.shared]
    if not data:
        stays += [
            f"{name}: {'cannot be read' if count is None else counted(count, 'document')}"
            for name, count in there.indices.items()
        ]
        stays += [f"{counted(there.runs, 'run')} in the ledger"] * bool(there.runs)
    if not letters and there.dead_letters:
        stays.append(counted(there.dead_letters, "dead letter"))
    return Removal(
        pipeline=name,
        group=ownership.path(place.group) if place.group else None,
        queued=queued,
        context=str(place.context.component.name) if place.context is not None else None,
        indices=there.indices if data else {},
        aliases=there.aliases if data else (),
        templates=there.templates if data else (),
        runs=there.runs if data and not there.shared else 0,
        dead_letters=there.dead_letters if letters else 0,
        deployed_from=None,
        stays=tuple(stays),
    )
