"""Cron expressions: a crontab's five fields, or NiFi's six, by NiFi's clock or by that of a zone.

Runs inside NiFi too: standard library only.

NiFi 2 reads them with Spring's ``CronExpression``: seconds come first, 1 to 5 are Monday to Friday
and 0 and 7 Sunday as in a crontab, and the times are of the zone of NiFi's own Java. Times of
another zone are told to NiFi as times at which it looks, and :meth:`Cron.due` says which of these
looks starts a run.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# What Quartz and Spring know beyond a crontab: last days, working days, the n-th Monday.
_QUARTZ = re.compile(r"L(-([1-9]|[12]\d|30))?W?|\d{1,2}W|([0-7]|[A-Z]{3})(L|#[1-5])")
# The clocks of two zones are apart by a whole number of these, in minutes.
_QUARTER = 15
# NiFi's timer may ring a moment early.
_EARLY = timedelta(milliseconds=500)
# No zone moves its clocks twice within this time, and none by more.
_SETTLED = timedelta(hours=3)

Offset = Callable[[datetime], timedelta]
"""How far a zone's clock is ahead of UTC at a moment."""


@dataclass(frozen=True)
class _Field:
    """A field: its name, the range of its values, and the names that values have."""

    name: str
    values: range
    names: tuple[str, ...] = ()
    of_days: bool = False

    def parse(self, text: str) -> frozenset[int] | None:
        """The values that a text stands for; ``None`` for what only Quartz and Spring know.

        Raises:
            ValueError: it stands for none.
        """
        found: set[int] = set()
        for part in text.upper().split(","):
            if self.of_days and _QUARTZ.fullmatch(part):
                return None
            span, slash, step = part.partition("/")
            try:
                every = _whole(step) if slash else 1
                if span == "*" or (span == "?" and self.of_days):
                    found.update(self.values[::every])
                    continue
                first, dash, last = span.partition("-")
                low = self._number(first)
                high = self._number(last) if dash else self.values[-1] if slash else low
                found.update(self.values[low - self.values[0] : high + 1 - self.values[0] : every])
            except ValueError:
                found.clear()
            if not found:
                names = f", {self.names[0]} to {self.names[-1]}" if self.names else ""
                raise ValueError(
                    f"{text!r} is no {self.name}: {self.values[0]} to {self.values[-1]}{names}, "
                    "also as a list 1,2, a range 1-5 or a step */2"
                )
        # Sunday is 7 as well.
        return frozenset(value % 7 if len(self.names) == 7 else value for value in found)

    def _number(self, text: str) -> int:
        named = text in self.names
        number = self.names.index(text) + self.values[0] if named else _whole(text)
        if number not in self.values:
            raise ValueError
        return number


def _whole(text: str) -> int:
    if not re.fullmatch(r"\d{1,4}", text, re.ASCII):
        raise ValueError
    return int(text)


_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS = (
    _Field("second", range(60)),
    _Field("minute", range(60)),
    _Field("hour", range(24)),
    _Field("day of the month", range(1, 32), of_days=True),
    _Field("month", range(1, 13), _MONTHS),
    _Field("day of the week", range(8), _DAYS, of_days=True),
)


@dataclass(frozen=True)
class Cron:
    """A cron expression that makes sense.

    Attributes:
        fields: its six fields, the second first, as NiFi reads them.
        values: the numbers that each stands for; ``None`` for what only Quartz and Spring know.
    """

    fields: tuple[str, ...]
    values: tuple[frozenset[int] | None, ...]

    def __str__(self) -> str:
        """The expression as NiFi is told it, where its times are of NiFi's clock."""
        return " ".join(self.fields)

    def looks(self) -> str:
        """The expression by which a NiFi of any zone looks whether it is due in another.

        Raises:
            ValueError: its times cannot be told in another zone.
        """
        for field, text, values in zip(_FIELDS, self.fields, self.values, strict=True):
            if values is None:
                raise ValueError(
                    f"the {field.name} {text!r} (L, W, #) is NiFi's own; it has no time zone"
                )
        minutes = ",".join(map(str, sorted(self._looked_at)))
        return f"{self.fields[0]} {minutes} * * * ?"

    def due(self, now: datetime, offset: Offset) -> bool:
        """Whether a look starts a run.

        A time that a zone's clock shows twice in a night counts the first time. One that it leaves
        out comes as much later as the clock was moved: 02:30 at 03:30. What is due in each hour
        is due in each hour of such a night as well.

        Args:
            now: when NiFi looks, with a zone.
            offset: the clock of the zone that the expression is of.
        """
        moment = (now + _EARLY).replace(second=0, microsecond=0)
        while moment.minute not in self._looked_at:
            moment -= timedelta(minutes=1)
        after = offset(moment)
        if len(self.values[2] or ()) == 24:
            return self._has(moment + after)
        before = offset(moment - _SETTLED)
        moved = after - before
        # Whether the clock was moved less than so long ago: forward or back.
        lately = bool(moved) and offset(moment - abs(moved)) == before
        if lately and moved < timedelta():
            return False
        return self._has(moment + after) or (lately and self._has(moment + before))

    @functools.cached_property
    def _looked_at(self) -> frozenset[int]:
        minutes = self.values[1] or ()
        return frozenset((one + more) % 60 for one in minutes for more in range(0, 60, _QUARTER))

    def _has(self, time: datetime) -> bool:
        """Whether a clock that shows that time shows one of the expression's."""
        _, minutes, hours, days, months, weekdays = self.values
        return (
            time.minute in (minutes or ())
            and time.hour in (hours or ())
            and time.day in (days or ())
            and time.month in (months or ())
            and time.isoweekday() % 7 in (weekdays or ())
        )


def parse(expression: str) -> Cron:
    """Read a cron expression.

    Args:
        expression: five fields as in a crontab (minute, hour, day of the month, month, day of the
            week), or six with the second first.

    Raises:
        ValueError: a field is wrong, or no day has such a date.
    """
    fields = expression.split()
    crontab = len(fields) == 5
    if crontab:
        fields = ["0", *fields]
    if len(fields) != len(_FIELDS):
        raise ValueError(
            "it has not five fields (minute, hour, day of the month, month, day of the week) "
            "nor six (the second first)"
        )
    parsed = [field.parse(text) for field, text in zip(_FIELDS, fields, strict=True)]
    days, months = parsed[3], parsed[4] or ()
    if days is not None and not any(min(days) <= _LONGEST[month - 1] for month in months):
        raise ValueError(f"no month {fields[4]!r} has a day of the month {fields[3]!r}")
    if crontab and fields[3][0] not in "*?" and fields[5][0] not in "*?":
        raise ValueError(
            "a day of the month and a day of the week: a crontab means days that are either, "
            "NiFi days that are both; give one of them"
        )
    # NiFi 1 reads them with Quartz, which wants a ? in one of the fields of days.
    if crontab and fields[5] == "*":
        fields[5] = "?"
    elif crontab and fields[3] == "*":
        fields[3] = "?"
    return Cron(tuple(fields), tuple(parsed))
