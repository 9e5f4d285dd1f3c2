"""Find process groups, and what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import nipyapi

from idemflow.canvas import ownership
from idemflow.canvas.client import errors
from idemflow.canvas.replay import REPLAY_TRIGGER
from idemflow.drawing.collect import SCHEDULE, TRIGGER
from idemflow.errors import CanvasError, UsageError

# What starts something: never started with the steps.
TRIGGERS = (TRIGGER, SCHEDULE, REPLAY_TRIGGER)


def find(pipeline: str) -> nipyapi.nifi.ProcessGroupEntity | None:
    """The process group of this project's pipeline of that name, wherever on the canvas it is.

    Raises:
        CanvasError: several groups may be meant.
    """
    group = ownership.find(pipeline).group
    if group is None:
        return None
    with errors():
        return nipyapi.nifi.ProcessGroupsApi().get_process_group(group)


def find_id(pipeline: str) -> str:
    """The id of a deployed pipeline's process group.

    Raises:
        UsageError: it is not deployed.
    """
    group = ownership.find(pipeline).group
    if group is None:
        raise UsageError(
            f"the pipeline {pipeline!r} is not on the canvas",
            next_command=f"idemflow deploy {pipeline}",
        )
    return group


def delete(group: str) -> None:
    """Take a group off the canvas, which must not hold FlowFiles."""
    with errors():
        nipyapi.canvas.delete_process_group(
            nipyapi.canvas.get_process_group(group, "id"), force=True, refresh=True
        )


@contextmanager
def scratch(parent: str, name: str) -> Iterator[nipyapi.nifi.ProcessGroupEntity]:
    """A process group in another one, for as long as something is asked in it."""
    with errors():
        group = nipyapi.canvas.create_process_group(
            nipyapi.canvas.get_process_group(parent, "id"), name, (0.0, -400.0)
        )
        try:
            yield group
        finally:
            nipyapi.canvas.delete_process_group(group, force=True, refresh=True)


def processors(group: str) -> list[nipyapi.nifi.ProcessorEntity]:
    """All processors of a group and of the groups in it."""
    api = nipyapi.nifi.ProcessGroupsApi()
    with errors():
        return list(api.get_processors(group, include_descendant_groups=True).processors)


def controller_services(group: str) -> list[nipyapi.nifi.ControllerServiceEntity]:
    """All controller services of a group and of the groups in it."""
    with errors():
        found = nipyapi.nifi.FlowApi().get_controller_services_from_group(
            group, include_ancestor_groups=False, include_descendant_groups=True
        )
    return list(found.controller_services)


def trigger(group: str, name: str = TRIGGER) -> nipyapi.nifi.ProcessorEntity:
    """The processor that starts a run, or of another name.

    Raises:
        CanvasError: an operator took it away.
    """
    with errors():
        for processor in processors(group):
            if processor.component.name == name:
                return processor
        group_name = nipyapi.nifi.ProcessGroupsApi().get_process_group(group).component.name
    raise CanvasError(
        f"the process group {group_name!r} has no processor {name!r}",
        next_command=f"idemflow deploy {group_name} --force draws what is missing",
    )
