"""Cron expressions: a crontab's five fields, or NiFi's six, as the NiFi of a time zone reads them.

NiFi 2 reads them with Spring's ``CronExpression``: seconds come first, 1 to 5 are Monday to Friday
and 0 and 7 Sunday as in a crontab, and the times are of the zone of NiFi's own Java. An expression
is a set of minutes of a set of hours on a set of days: times of another zone can be said in it only
where that zone keeps one distance to NiFi's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# What Quartz and Spring know beyond a crontab: last days, working days, the n-th Monday.
_QUARTZ = re.compile(r"L(-([1-9]|[12]\d|30))?W?|\d{1,2}W|([0-7]|[A-Z]{3})(L|#[1-5])")
_DAY = 24 * 60
# How far ahead a zone's clocks are looked at; its government may change what comes later.
_AHEAD = 3 * 366


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


def convert(expression: str, zone: ZoneInfo | None, nifi_zone: str, now: datetime) -> str:
    """A cron expression as a NiFi is to be told it.

    Args:
        expression: five fields as in a crontab (minute, hour, day of the month, month, day of the
            week), or six with the second first.
        zone: the zone that its times are of; ``None`` for NiFi's own.
        nifi_zone: what NiFi calls its own zone just now, such as ``UTC`` or ``CEST``.
        now: the present, with a zone.

    Returns:
        Six fields.

    Raises:
        ValueError: a field is wrong, no day has such a date, or NiFi cannot be told such times.
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
    if zone is not None and now.astimezone(zone).tzname() != nifi_zone:
        fields = _moved(fields, parsed, zone, nifi_zone, now)
    # NiFi 1 reads them with Quartz, which wants a ? in one of the fields of days.
    if crontab and fields[5] == "*":
        fields[5] = "?"
    elif crontab and fields[3] == "*":
        fields[3] = "?"
    return " ".join(fields)


def _moved(
    fields: list[str],
    parsed: list[frozenset[int] | None],
    zone: ZoneInfo,
    nifi_zone: str,
    now: datetime,
) -> list[str]:
    """The fields in UTC.

    Raises:
        ValueError: NiFi runs in another zone than UTC, or no single expression says these times.
    """
    if nifi_zone != "UTC":
        raise ValueError(
            f"NiFi's clock is {nifi_zone}; times of {zone} can be told to a NiFi of that zone or "
            "of UTC only"
        )
    offsets: dict[timedelta, str] = {}
    for day in range(_AHEAD):
        moment = (now + timedelta(days=day)).astimezone(zone)
        offsets.setdefault(moment.utcoffset() or timedelta(), f"{moment:%z}")
    found = {
        name: _shifted(fields, parsed, round(offset.total_seconds()) // 60)
        for offset, name in offsets.items()
    }
    first, *others = found.values()
    if first is None or any(other != first for other in others):
        said = ", ".join(
            f"{' '.join(shifted)!r} at UTC{name}" for name, shifted in found.items() if shifted
        )
        raise ValueError(
            f"NiFi's clock is UTC, and one expression there cannot say these times of {zone}"
            + (f": they are {said}" if said else "")
        )
    return first


def _shifted(
    fields: list[str], parsed: list[frozenset[int] | None], offset: int
) -> list[str] | None:
    """The fields as so many minutes earlier; ``None`` if these are no set of hours and minutes."""
    _, minutes, hours, days, months, weekdays = parsed
    assert minutes is not None
    assert hours is not None
    times = {hour * 60 + minute - offset for hour in hours for minute in minutes}
    new_minutes = {time % 60 for time in times}
    new_hours = {time % _DAY // 60 for time in times}
    if len(new_minutes) * len(new_hours) != len(times):
        return None
    shifted = list(fields)
    shifted[1] = _text(fields[1], minutes, new_minutes, range(60))
    shifted[2] = _text(fields[2], hours, new_hours, range(24))
    moved = {time // _DAY for time in times}
    every_date = (days, months) == (frozenset(range(1, 32)), frozenset(range(1, 13)))
    if moved == {0} or (every_date and weekdays == frozenset(range(7))):
        return shifted
    if len(moved) > 1 or not every_date or weekdays is None:
        return None
    shifted[5] = ",".join(_DAYS[day] for day in sorted((day + min(moved)) % 7 for day in weekdays))
    return shifted


def _text(before: str, old: Iterable[int], new: set[int], full: range) -> str:
    if new == set(old):
        return before
    return "*" if new == set(full) else ",".join(map(str, sorted(new)))
