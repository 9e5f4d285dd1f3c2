"""``idemflow start``: let a pipeline run by itself."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from idemflow.canvas import control, monitoring, process_groups
from idemflow.canvas import schedule as on_canvas
from idemflow.commands._session import session
from idemflow.config.settings import Settings
from idemflow.errors import CanvasError, UsageError
from idemflow.pipeline.schedule import BY_HAND, Schedule

YAML, CANVAS = "yaml", "canvas"


@dataclass(frozen=True)
class PipelineSchedule:
    """When a pipeline runs by itself.

    Attributes:
        pipeline: the pipeline's name.
        every: the period, in NiFi's words; or
        cron: a cron expression: as it was given with a time zone, or as NiFi has it. Without
            either it runs by hand only.
        timezone: the zone of these times; ``None`` for NiFi's own clock.
        of: where it comes from: ``yaml`` or ``canvas``.
        running: whether runs start by themselves.
        queued: FlowFiles that are on their way.
    """

    pipeline: str
    every: str | None
    cron: str | None
    timezone: str | None
    of: str
    running: bool
    queued: int

    @property
    def words(self) -> str:
        """The schedule as a person says it."""
        return str(
            Schedule.model_construct(every=self.every, cron=self.cron, timezone=self.timezone)
        )


def start(
    settings: Settings,
    name: str,
    *,
    every: str | None = None,
    cron: str | None = None,
    timezone: str | None = None,
    from_yaml: bool = False,
) -> PipelineSchedule:
    """Start a pipeline on the schedule that it has, or on another.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        every: a run now, and one each such period, such as ``5 min``; or
        cron: a run at these times: five fields as in a crontab, or six with the second first.
        timezone: the zone of these times, such as ``Europe/Berlin``; ``None`` for NiFi's own.
        from_yaml: take the YAML's schedule again, whatever was set on the canvas.

    Raises:
        UsageError: that is no schedule, or there is none; or the pipeline is a snapshot, which
            only ``idemflow run`` can publish.
        CanvasError: NiFi does not take the cron expression.
    """
    given = _given(name, every, cron, timezone, from_yaml=from_yaml)
    with session(settings, name) as opened:
        if opened.pipeline.snapshot:
            raise UsageError(
                f"the pipeline {name!r} is `mode: snapshot`: a run is published once all of it "
                "has arrived, which NiFi's schedule cannot know",
                next_command=f"let cron or a timer run: idemflow run {name}",
            )
        group = process_groups.find_id(name)
        if from_yaml:
            given = opened.pipeline.schedule or BY_HAND
        found = on_canvas.find(group).schedule if given is None else given
        if not (found or from_yaml):
            raise UsageError(
                f"the pipeline {name!r} has no schedule",
                next_command=f'idemflow start {name} --every "5 min", or write schedule: into '
                f"flows/{name}.yaml and: idemflow deploy {name}",
            )
        if given is not None:
            _put(name, group, given)
        control.start_steps(group)
        on_canvas.follow(group, started=bool(found))
        return schedule(name, group)


def schedule(name: str, group: str) -> PipelineSchedule:
    """The schedule of a pipeline's process group."""
    found = on_canvas.find(group)
    return PipelineSchedule(
        pipeline=name,
        every=found.schedule.every,
        cron=found.schedule.cron,
        timezone=found.schedule.timezone,
        of=YAML if found.of_yaml else CANVAS,
        running=found.runs,
        queued=monitoring.activity(group).queued,
    )


def _given(
    name: str, every: str | None, cron: str | None, timezone: str | None, *, from_yaml: bool
) -> Schedule | None:
    """The schedule of the options, if they give one.

    Raises:
        UsageError: they cannot be meant.
    """
    options = {"--every": every, "--cron": cron, "--from-yaml": from_yaml or None}
    several = [option for option, value in options.items() if value is not None]
    if len(several) > 1:
        raise UsageError(
            f"{' and '.join(several)} are two schedules; a pipeline has one",
            next_command=f'idemflow start {name} --every "5 min"',
        )
    if timezone is not None and cron is None:
        raise UsageError(
            "--timezone is the zone of --cron's times, and there is no --cron",
            next_command=f'idemflow start {name} --cron "0 6 * * *" --timezone {timezone}',
        )
    if every is None and cron is None:
        return None
    try:
        return Schedule(every=every, cron=cron, timezone=timezone)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = str(first["loc"][0]) if first["loc"] else "cron"
        value = {"every": every, "cron": cron, "timezone": timezone}[option]
        example = {
            "every": '--every "5 min"',
            "cron": '--cron "0 6 * * *"',
            "timezone": f'--cron "{cron}" --timezone Europe/Berlin',
        }[option]
        raise UsageError(
            f"--{option} {value!r}: {first['msg'].removeprefix('Value error, ')}",
            next_command=f"idemflow start {name} {example}",
        ) from None


def _put(name: str, group: str, given: Schedule) -> None:
    try:
        on_canvas.put(group, given)
    except CanvasError as error:
        if given.cron is None:
            raise
        raise CanvasError(
            f"--cron {given.cron!r}: {error.message}",
            next_command=f'idemflow start {name} --cron "0 6 * * *"',
        ) from error
