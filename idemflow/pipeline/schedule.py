"""When a pipeline runs by itself: ``schedule:`` of the YAML, and options of ``idemflow start``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self
from zoneinfo import available_timezones

from pydantic import field_validator, model_validator

from idemflow.drawing.collect import NEVER, Timing
from idemflow.errors import meant
from idemflow.sources.fields import Period, Strict, one_of
from idemflow.steps.rules import cron as expression
from idemflow.steps.schedule import CRON, TIMEZONE

_ONE = 'a period such as "5 min", or {cron: "0 6 * * *"}: one of them'
_TIMER, _CRON = "TIMER_DRIVEN", "CRON_DRIVEN"


class Schedule(Strict):
    """A period, or times of a clock.

    Attributes:
        every: a run when it is started, and one each such period; or
        cron: a run at these times: five fields as in a crontab, or six with the second first.
        timezone: the zone of these times; ``None`` for NiFi's own clock.
    """

    model_config = one_of("every", "cron")

    every: Period | None = None
    cron: str | None = None
    timezone: str | None = None

    @field_validator("cron")
    @classmethod
    def _nifi_takes_it(cls, value: str | None) -> str | None:
        if value is not None:
            expression.parse(value)
        return value

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str | None) -> str | None:
        known = available_timezones()
        if value is not None and value not in known:
            such = meant(value, known) or ", such as Europe/Berlin"
            raise ValueError(f"no zone of the tz database{such}")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.every is None) == (self.cron is None):
            raise ValueError(_ONE)
        if self.timezone is not None:
            if self.cron is None:
                raise ValueError("`timezone` is the zone of cron's times, and there is no `cron`")
            expression.parse(self.cron).looks()
        return self

    def timing(self) -> Timing:
        """The same for NiFi."""
        if self.every is not None:
            return Timing(_TIMER, self.every)
        if self.cron is None:
            return NEVER
        cron = expression.parse(self.cron)
        if self.timezone is None:
            return Timing(_CRON, str(cron))
        return Timing(_CRON, cron.looks(), {CRON: self.cron, TIMEZONE: self.timezone})

    @classmethod
    def of(cls, timing: Timing) -> Self:
        """What NiFi's timing means, whoever set it."""
        cron, timezone = (timing.properties.get(name) for name in (CRON, TIMEZONE))
        if timing.strategy != _CRON:
            return cls.model_construct(every=timing.period)
        if timing.period == NEVER.period:
            return cls.model_construct()
        if cron and timezone:
            return cls.model_construct(cron=cron, timezone=timezone)
        return cls.model_construct(cron=timing.period)

    def __bool__(self) -> bool:
        """Whether it ever starts a run."""
        return bool(self.every or self.cron)

    def __str__(self) -> str:
        """The schedule in an operator's words, the same however it is written."""
        if self.cron and self.timezone:
            return f"by cron {self.cron} ({self.timezone})"
        if self.cron:
            return f"by cron {_told(self.cron)} (NiFi's clock)"
        return f"every {self.every}" if self.every else "by hand"


def _told(cron: str) -> str:
    """A cron expression as NiFi has it; what an operator has typed there may be another."""
    try:
        return str(expression.parse(cron))
    except ValueError:
        return cron


BY_HAND = Schedule.model_construct()


def as_schedule(value: object) -> object:
    """A text alone is a period."""
    if isinstance(value, str):
        return {"every": value}
    if not isinstance(value, Mapping):
        raise ValueError(_ONE)
    return value
