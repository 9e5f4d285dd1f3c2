"""Find process groups, and what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import nipyapi

from idemflow.canvas.client import errors
from idemflow.canvas.replay import REPLAY_TRIGGER
from idemflow.drawing.collect import SCHEDULE, TRIGGER
from idemflow.errors import CanvasError, UsageError

# What starts something: never started with the steps.
TRIGGERS = (TRIGGER, SCHEDULE, REPLAY_TRIGGER)


class Groups(Protocol):
    """What :func:`find` needs of nipyapi's ProcessGroupsApi."""

    def get_process_groups(self, parent: str, /) -> nipyapi.nifi.ProcessGroupsEntity: ...


def find(pipeline: str, nifi: Groups | None = None) -> nipyapi.nifi.ProcessGroupEntity | None:
    """The process group of that name on the root canvas, if there is one.

    Args:
        pipeline: the name.
        nifi: whom to ask; by default the NiFi that is connected to.

    Raises:
        CanvasError: more than one group has that name.
    """
    with errors():
        groups = (nifi or nipyapi.nifi.ProcessGroupsApi()).get_process_groups("root").process_groups
    found = [group for group in groups if group.component.name == pipeline]
    if len(found) > 1:
        raise CanvasError(
            f"the canvas has {len(found)} process groups named {pipeline!r}",
            next_command="rename or delete all but one of them on the canvas",
        )
    return found[0] if found else None


def find_id(pipeline: str) -> str:
    """The id of a deployed pipeline's process group.

    Raises:
        UsageError: it is not deployed.
    """
    group = find(pipeline)
    if group is None:
        raise UsageError(
            f"the pipeline {pipeline!r} is not on the canvas",
            next_command=f"idemflow deploy {pipeline}",
        )
    return str(group.id)


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
    raise CanvasError(
        f"the process group has no processor {name!r}",
        next_command="idemflow deploy the pipeline again",
    )
