"""``idemflow source``: what a pipeline's source remembers from one run to the next."""

from __future__ import annotations

from dataclasses import dataclass

from idemflow.canvas import control
from idemflow.canvas.control import State
from idemflow.commands._session import session
from idemflow.config.settings import Settings
from idemflow.errors import UsageError


@dataclass(frozen=True)
class States:
    """What the steps of a pipeline remember.

    Attributes:
        pipeline: the pipeline's name.
        states: the steps that remember something.
    """

    pipeline: str
    states: list[State]


def show(settings: Settings, name: str) -> States:
    """What the source has read so far.

    Raises:
        IdemflowError: see :func:`idemflow.commands._session.session`.
        UsageError: the pipeline is not on the canvas.
    """
    with session(settings, name):
        return States(name, control.states(control.group_id(name)))


def reset(settings: Settings, name: str) -> States:
    """Forget it: the next run reads everything again, which the ids make harmless.

    Returns:
        What was forgotten.

    Raises:
        UsageError: the pipeline runs on a schedule, or a run is under way.
    """
    with session(settings, name):
        group = control.group_id(name)
        if control.trigger(group).component.state == "RUNNING" or control.activity(group).queued:
            raise UsageError(
                f"a run of the pipeline {name!r} is under way, or it runs on a schedule",
                next_command=f"idemflow stop {name}, and wait until its queues are empty",
            )
        found = control.states(group)
        for state in found:
            control.clear_state(state)
        return States(name, found)
