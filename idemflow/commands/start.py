"""``idemflow schedule``, ``start`` and ``stop``: when a pipeline runs by itself."""

from __future__ import annotations

from dataclasses import dataclass

from idemflow.canvas import control
from idemflow.commands._session import session
from idemflow.config.settings import Settings
from idemflow.errors import UsageError
from idemflow.pipeline import spec


@dataclass(frozen=True)
class Schedule:
    """When a pipeline runs.

    Attributes:
        pipeline: the pipeline's name.
        every: the period, in NiFi's words.
        running: whether runs are started on that schedule.
        queued: FlowFiles that are on their way.
    """

    pipeline: str
    every: str
    running: bool
    queued: int


def schedule(settings: Settings, name: str, every: str) -> Schedule:
    """Set how often a pipeline runs, and go on or stay stopped as it was.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        every: the period, such as ``5 min``.

    Raises:
        UsageError: that is no period.
    """
    try:
        spec.check_period(every)
    except ValueError as error:
        raise UsageError(
            f"{every!r} is not a period: {error}",
            next_command=f'idemflow schedule {name} "5 min"',
        ) from None
    with session(settings, name):
        group = control.group_id(name)
        control.set_period(group, every)
        return _now(name, group)


def start(settings: Settings, name: str) -> Schedule:
    """Start a pipeline: a run now, and one each period.

    Raises:
        UsageError: it is a snapshot, which only ``idemflow run`` can publish.
    """
    with session(settings, name) as opened:
        if opened.pipeline.snapshot:
            raise UsageError(
                f"the pipeline {name!r} is `mode: snapshot`: a run is published once all of it "
                "has arrived, which NiFi's schedule cannot know",
                next_command=f"let cron or a timer run: idemflow run {name}",
            )
        group = control.group_id(name)
        control.start_steps(group)
        control.schedule_trigger(group, running=True)
        return _now(name, group)


def stop(settings: Settings, name: str, *, everything: bool = False) -> Schedule:
    """Stop a pipeline's schedule; what is on its way still arrives.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        everything: stop all steps as well; what is queued stays queued until ``start``.
    """
    with session(settings, name):
        group = control.group_id(name)
        control.schedule_trigger(group, running=False)
        if everything:
            control.stop(group)
        return _now(name, group)


def _now(name: str, group: str) -> Schedule:
    trigger = control.trigger(group)
    return Schedule(
        pipeline=name,
        every=str(trigger.component.config.scheduling_period),
        running=trigger.component.state == "RUNNING",
        queued=control.activity(group).queued,
    )
