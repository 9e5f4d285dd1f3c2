"""Find process groups, and what is in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import nipyapi

from idemflow.canvas import ownership
from idemflow.canvas.client import errors
from idemflow.canvas.replay import REPLAY_TRIGGER
from idemflow.drawing.collect import SCHEDULE, TRIGGER
from idemflow.errors import CanvasError, UsageError

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# NiFi's answer where something is not there.
_GONE = 404
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


def search(group: str) -> str:
    """The id of any group on the canvas, idemflow's or not; whoever may read it may ask.

    Args:
        group: its id, its name, or ``root``.

    Raises:
        UsageError: there is none, or several have that name.
    """
    if group == "root" or _ID.fullmatch(group):
        with errors():
            try:
                return str(nipyapi.nifi.ProcessGroupsApi().get_process_group(group).id)
            except nipyapi.nifi.rest.ApiException as error:
                if error.status != _GONE:
                    raise
                raise UsageError(f"there is no process group with the id {group}") from error
    with errors():
        found = nipyapi.nifi.FlowApi().search_flow(q=group).search_results_dto
    ids = [str(one.id) for one in found.process_group_results or () if one.name == group]
    if len(ids) == 1:
        return ids[0]
    if ids:
        raise UsageError(
            f"several process groups are called {group!r}: {', '.join(ids)}",
            next_command=f"idemflow audit --process-group {ids[0]}",
        )
    raise UsageError(
        f"there is no process group {group!r} that this login may read",
        next_command="idemflow audit --process-group root",
    )


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
