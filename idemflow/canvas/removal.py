"""Take a pipeline off the canvas: its process group, and its parameter context."""

from __future__ import annotations

import logging

import nipyapi

from idemflow.canvas import control, monitoring, ownership, process_groups
from idemflow.canvas.client import errors
from idemflow.canvas.ownership import Place
from idemflow.errors import UsageError

_log = logging.getLogger(__name__)


def queued(pipeline: str, group: str, *, discard: bool) -> int:
    """How many FlowFiles are on their way in a group.

    Raises:
        UsageError: there are some, and they are not to be discarded.
    """
    found = monitoring.activity(group).queued
    if found and not discard:
        raise UsageError(
            f"{pipeline} has FlowFiles on their way ({found:,}), which would be lost without its "
            "process group",
            next_command="wait until `idemflow status` shows none, or --discard-queued",
        )
    return found


def remove(pipeline: str, place: Place, *, discard: bool) -> list[str]:
    """Stop a pipeline's process group and take it away, and its parameter context with it.

    Args:
        pipeline: its name.
        place: where it is on the canvas.
        discard: take away what is queued as well.

    Returns:
        The groups of somebody else that use the context: then it stays, without the mark.

    Raises:
        UsageError: FlowFiles are on their way, and are not to be discarded; all runs again.
        CanvasError: NiFi refused.
    """
    if place.group is not None:
        _remove_group(pipeline, place.group, discard=discard)
    if place.context is None:
        return []
    with errors():
        context = nipyapi.nifi.ParameterContextsApi().get_parameter_context(place.context.id)
        if users := context.component.bound_process_groups:
            ownership.release(context.id)
            return [str(one.component.name if one.component else one.id) for one in users]
        nipyapi.nifi.ParameterContextsApi().delete_parameter_context(
            context.id, version=context.revision.version
        )
    return []


def _remove_group(pipeline: str, group: str, *, discard: bool) -> None:
    _log.info("%s: taking its process group %s off the canvas", pipeline, group)
    running = [
        part for part in process_groups.processors(group) if part.component.state == "RUNNING"
    ]
    control.stop(group)
    try:
        # A run that the schedule has started meanwhile counts as well.
        left = queued(pipeline, group, discard=discard)
    except UsageError:
        with errors():
            nipyapi.canvas.schedule_components(group, True, running)
        raise
    if left:
        control.empty(group)
    control.disable_services(group)
    with errors():
        api = nipyapi.nifi.ProcessGroupsApi()
        entity = api.get_process_group(group)
        api.remove_process_group(group, version=entity.revision.version)
