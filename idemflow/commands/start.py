"""``idemflow start``: let a pipeline run by itself."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

from idemflow.canvas import control, monitoring, process_groups
from idemflow.commands._session import session
from idemflow.config.settings import Settings
from idemflow.errors import CanvasError, UsageError
from idemflow.pipeline import spec
from idemflow.steps.rules import cron as cron_expression


@dataclass(frozen=True)
class Schedule:
    """When a pipeline runs.

    Attributes:
        pipeline: the pipeline's name.
        every: the period, in NiFi's words; ``None`` where it runs by a cron expression.
        cron: that, as NiFi has it: six fields, the second first.
        clock: the zone of NiFi's clock, which those are of.
        running: whether runs are started on that schedule.
        queued: FlowFiles that are on their way.
    """

    pipeline: str
    every: str | None
    cron: str | None
    clock: str
    running: bool
    queued: int


def start(
    settings: Settings,
    name: str,
    *,
    every: str | None = None,
    cron: str | None = None,
    timezone: str | None = None,
) -> Schedule:
    """Start a pipeline on the schedule that it has, or on another.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        every: a run now, and one each such period, such as ``5 min``; or
        cron: a run at these times: five fields as in a crontab, or six with the second first.
        timezone: the zone of these times, such as ``Europe/Berlin``; ``None`` for NiFi's own.

    Raises:
        UsageError: that is no schedule, or NiFi cannot say it; or the pipeline is a snapshot,
            which only ``idemflow run`` can publish.
    """
    zone = _checked(name, every, cron, timezone)
    with session(settings, name) as opened:
        if opened.pipeline.snapshot:
            raise UsageError(
                f"the pipeline {name!r} is `mode: snapshot`: a run is published once all of it "
                "has arrived, which NiFi's schedule cannot know",
                next_command=f"let cron or a timer run: idemflow run {name}",
            )
        group = process_groups.find_id(name)
        if every is not None:
            control.set_schedule(group, every)
        elif cron is not None:
            _set_cron(name, group, cron, zone)
        control.start_steps(group)
        control.schedule_trigger(group, running=True)
        return schedule(name, group)


def schedule(name: str, group: str) -> Schedule:
    """The schedule of a pipeline's process group."""
    trigger = process_groups.trigger(group).component
    every, cron = process_groups.schedule(trigger)
    return Schedule(
        pipeline=name,
        every=every,
        cron=cron,
        clock=control.clock(),
        running=trigger.state == "RUNNING",
        queued=monitoring.activity(group).queued,
    )


def _checked(
    name: str, every: str | None, cron: str | None, timezone: str | None
) -> ZoneInfo | None:
    """The zone, where all of them can be meant.

    Raises:
        UsageError: they cannot.
    """
    if every is not None and cron is not None:
        raise UsageError(
            "--every and --cron are two schedules; a pipeline has one",
            next_command=f'idemflow start {name} --every "5 min"',
        )
    if timezone is not None and cron is None:
        raise UsageError(
            "--timezone is the zone of --cron's times, and there is no --cron",
            next_command=f'idemflow start {name} --cron "0 6 * * *" --timezone {timezone}',
        )
    if every is not None:
        try:
            spec.check_period(every)
        except ValueError as error:
            raise UsageError(
                f"--every {every!r} is not a period: {error}",
                next_command=f'idemflow start {name} --every "5 min"',
            ) from None
    if cron is not None:
        # What is no expression anywhere is told before a server is asked.
        _told(name, cron, None, "UTC")
    if timezone is None:
        return None
    known = available_timezones()
    if timezone not in known:
        close = difflib.get_close_matches(timezone, known, n=1)
        raise UsageError(
            f"--timezone {timezone!r} is not a zone of the tz database"
            + (f"; did you mean {close[0]}?" if close else ", such as Europe/Berlin"),
            next_command=f'idemflow start {name} --cron "{cron}" --timezone '
            + (close[0] if close else "Europe/Berlin"),
        )
    return ZoneInfo(timezone)


def _told(name: str, cron: str, zone: ZoneInfo | None, clock: str) -> str:
    try:
        return cron_expression.convert(cron, zone, clock, datetime.now(UTC))
    except ValueError as error:
        raise UsageError(
            f"--cron {cron!r}: {error}",
            next_command=f'idemflow start {name} --cron "0 6 * * *" (by NiFi\'s clock), '
            f"or let the machine's own cron call: idemflow run {name}",
        ) from None


def _set_cron(name: str, group: str, cron: str, zone: ZoneInfo | None) -> None:
    expression = _told(name, cron, zone, control.clock())
    try:
        control.set_schedule(group, expression, cron=True)
    except CanvasError as error:
        raise CanvasError(
            f"--cron {cron!r}: {error.message}",
            next_command=f'idemflow start {name} --cron "0 6 * * *"',
        ) from error
