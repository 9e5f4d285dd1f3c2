"""``idemflow source``: what a pipeline's source remembers from one run to the next."""

from __future__ import annotations

from idemflow.canvas import component_state, monitoring, process_groups, schedule
from idemflow.canvas.component_state import State
from idemflow.commands._session import connection
from idemflow.config.settings import Settings
from idemflow.errors import UsageError


def show(settings: Settings, name: str) -> list[State]:
    """The steps that remember what the source has read so far.

    Raises:
        IdemflowError: see :func:`idemflow.commands._session.connection`.
        UsageError: the pipeline is not on the canvas.
    """
    with connection(settings, name):
        return component_state.read(process_groups.find_id(name))


def reset(settings: Settings, name: str) -> list[State]:
    """Forget it: the next run reads everything again, which the ids make harmless.

    Returns:
        What was forgotten.

    Raises:
        UsageError: the pipeline runs on a schedule, or a run is under way.
    """
    with connection(settings, name):
        group = process_groups.find_id(name)
        if schedule.runs(group) or monitoring.activity(group).queued:
            raise UsageError(
                f"a run of the pipeline {name!r} is under way, or it runs on a schedule",
                next_command=f"idemflow stop {name}, and wait until its queues are empty",
            )
        found = component_state.read(group)
        for state in found:
            component_state.clear(state)
        return found
