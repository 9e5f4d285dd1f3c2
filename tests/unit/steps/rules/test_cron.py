"""Cron expressions as NiFi is told them, and when they are due in a time zone."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from idemflow.steps.rules.cron import Offset, parse
from tests.unit.properties import PROPERTY

YEAR = datetime(2026, 1, 1, tzinfo=UTC)
ZONES = (
    "UTC",
    "Europe/Berlin",
    "Europe/Dublin",  # summer time is its standard time
    "America/New_York",
    "America/St_Johns",  # half an hour off
    "America/Santiago",  # in the south, at midnight
    "Asia/Kathmandu",  # three quarters of an hour off
    "Asia/Beirut",  # at midnight
    "Australia/Lord_Howe",  # moves its clocks by half an hour
    "Antarctica/Troll",  # moves them by two hours
    "Africa/Casablanca",  # moves them for Ramadan
    "Pacific/Chatham",
    "Pacific/Kiritimati",
)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("0 6 * * *", "0 0 6 * * ?"),
        ("*/5 8-18 * * 1-5", "0 */5 8-18 ? * 1-5"),
        ("0 6 1,15 jan-jun *", "0 0 6 1,15 jan-jun ?"),
        ("0 0 29 2 *", "0 0 0 29 2 ?"),
        ("0 6 * * 7", "0 0 6 ? * 7"),
        # A star with a step leaves cron's days as NiFi's: on days that are both.
        ("0 6 */2 * MON", "0 0 6 */2 * MON"),
        # Six fields stay as they are, with all that Quartz has.
        ("30 0 6 ? * MON-FRI", "30 0 6 ? * MON-FRI"),
        ("0 0 6 L * ?", "0 0 6 L * ?"),
        ("0 0 6 15W * ?", "0 0 6 15W * ?"),
        ("0 0 6 ? * MON#1", "0 0 6 ? * MON#1"),
    ],
)
def test_by_nifis_own_clock(given: str, told: str) -> None:
    assert str(parse(given)) == told


@pytest.mark.parametrize(
    ("given", "looks"),
    [
        ("0 6 * * *", "0 0,15,30,45 * * * ?"),
        ("7 6 * * mon-fri", "0 7,22,37,52 * * * ?"),
        ("30 5 6 1 * ?", "30 5,20,35,50 * * * ?"),
    ],
)
def test_nifi_looks_each_quarter_of_an_hour_whether_it_is_due(given: str, looks: str) -> None:
    assert parse(given).looks() == looks


@pytest.mark.parametrize("given", ["0 0 6 L * ?", "0 0 6 15W * ?", "0 0 6 ? * MON#1"])
def test_what_only_nifi_knows_has_no_time_zone(given: str) -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        parse(given).looks()


def clock(zone: str) -> Offset:
    known = ZoneInfo(zone)
    return lambda moment: moment.astimezone(known).utcoffset() or timedelta()


def started(expression: str, zone: str, begin: datetime, days: int) -> list[datetime]:
    """When runs start, of a NiFi that looks at the times that it is told."""
    cron, offset = parse(expression), clock(zone)
    minutes = [timedelta(minutes=int(minute)) for minute in cron.looks().split()[1].split(",")]
    hours = (begin + timedelta(hours=hour) for hour in range(days * 24))
    looks = (hour + minute for hour in hours for minute in minutes)
    return [moment for moment in looks if cron.due(moment, offset)]


def expected(expression: str, zone: str, begin: datetime, days: int) -> list[datetime]:
    """The same by Python's own time zones.

    The times that a calendar has, whatever the clocks do: zoneinfo takes the first of two, and
    moves what is left out by as much as the clock is. What is due in each hour is due whenever the
    clock shows it.
    """
    known, end = ZoneInfo(zone), begin + timedelta(days=days)
    minutes, hours, *date = (plain(text) for text in expression.split())
    found = set()
    if hours >= set(range(24)):
        # Every clock is ahead of UTC by quarters of an hour.
        for number in range(0, days * 24 * 60, math.gcd(15, *minutes)):
            moment = begin + timedelta(minutes=number)
            shown = moment.astimezone(known)
            if shown.minute in minutes and on_date(shown, date):
                found.add(moment)
        return sorted(found)
    for number in range(-2, days + 2):
        day = begin.replace(tzinfo=known) + timedelta(days=number)
        if on_date(day, date):
            times = (day.replace(hour=h, minute=m) for h in hours if h < 24 for m in minutes)
            found.update(time.astimezone(UTC) for time in times)
    return sorted(moment for moment in found if begin <= moment < end)


def plain(text: str) -> set[int]:
    """The numbers that a field stands for, read in the plainest way."""
    names = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
    found = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        ends = [names.index(end) if end in names else end for end in (first, last or first)]
        low, high = (0, 59) if span == "*" else (int(ends[0]), int(ends[1]))
        found |= set(range(low, high + 1, int(step or 1)))
    return found


def on_date(time: datetime, date: list[set[int]]) -> bool:
    days, months, weekdays = date
    sunday = 7 if 7 in weekdays else 0
    return (
        time.day in days
        and time.month in months
        and (time.isoweekday() if time.isoweekday() < 7 else sunday) in weekdays
    )


def moved(zone: str) -> list[datetime]:
    """The days of the year on which a zone moves its clocks."""
    days, offset = [YEAR + timedelta(days=number) for number in range(365)], clock(zone)
    return [day for day in days if offset(day) != offset(day + timedelta(days=1))]


EXPRESSIONS = (
    "0 6 * * *",
    "30 2 * * *",  # left out in a night of spring, there twice in a night of autumn
    "10 0 1 * *",  # near midnight, on a date
    "50 23 * * MON-FRI",  # near midnight, on weekdays
    "0 */2 * * *",
    "*/20 * * * SUN",
)


@pytest.mark.parametrize("zone", ZONES)
def test_the_turns_of_months_and_the_moves_of_clocks_in_a_zone(zone: str) -> None:
    months = [YEAR.replace(month=month) for month in range(1, 13)]
    for expression in EXPRESSIONS:
        for day in [*months, *moved(zone)]:
            begin = day - timedelta(days=1)
            assert started(expression, zone, begin, 3) == expected(expression, zone, begin, 3)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe"])
@pytest.mark.parametrize("expression", EXPRESSIONS[:4])
def test_a_year_in_a_zone(expression: str, zone: str) -> None:
    runs = started(expression, zone, YEAR, 365)
    assert runs == expected(expression, zone, YEAR, 365)
    assert len(runs) in (365, 12, 261)


@settings(PROPERTY, max_examples=25)
@drawn(
    minute=st.sampled_from(["0", "30", "*/15", "5,50", "*", "10-40/10", "59"]),
    hour=st.sampled_from(["*", "0", "1", "2", "3", "6", "*/2", "1,13", "22-23", "0-5"]),
    day=st.sampled_from(["*", "*", "1", "29", "10-20"]),
    month=st.sampled_from(["*", "*", "3", "10-11"]),
    weekday=st.sampled_from(["*", "MON", "1-5", "SAT,SUN", "7"]),
    zone=st.sampled_from(ZONES),
    day_of_year=st.integers(2, 362),
)
def test_three_days_in_a_zone(
    minute: str, hour: str, day: str, month: str, weekday: str, zone: str, day_of_year: int
) -> None:
    expression = f"{minute} {hour} {day} {month} {weekday if day == '*' else '*'}"
    begin = YEAR + timedelta(days=day_of_year)
    assert started(expression, zone, begin, 3) == expected(expression, zone, begin, 3)


def test_the_nights_when_the_clocks_are_moved() -> None:
    def nights(expression: str, month: int) -> list[str]:
        begin = datetime(2026, month, 28 if month == 3 else 24, tzinfo=UTC)
        return [f"{moment:%d %H:%M}" for moment in started(expression, "Europe/Berlin", begin, 2)]

    # 02:30 does not exist on 29 March: the run starts at 03:30, half past one by UTC.
    assert nights("30 2 * * *", 3) == ["28 01:30", "29 01:30"]
    assert nights("0 6 * * *", 3) == ["28 05:00", "29 04:00"]
    # On 25 October it is there twice: the run starts the first time.
    assert nights("30 2 * * *", 10) == ["24 00:30", "25 00:30"]
    assert nights("0 6 * * *", 10) == ["24 04:00", "25 05:00"]


@pytest.mark.parametrize(
    ("late", "due"),
    [(-0.2, True), (0.2, True), (59, True), (14 * 60, True), (15 * 60, False), (-60, False)],
)
def test_nifi_may_be_early_or_late(late: float, due: bool) -> None:
    """Up to the next look; a NiFi that stands still for longer, or is down, misses the time."""
    moment = datetime(2026, 7, 1, 4, 0, tzinfo=UTC) + timedelta(seconds=late)
    assert parse("0 6 * * *").due(moment, clock("Europe/Berlin")) is due


def test_seconds_are_nifis() -> None:
    assert parse("*/2 * * * * *").looks().startswith("*/2 0,1,2,")
    for second in (0, 2, 58):
        moment = datetime(2026, 7, 1, 4, 0, second, tzinfo=UTC)
        assert parse("*/2 * * * * *").due(moment, clock("Asia/Tokyo"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("61 * * * *", "'61' is no minute: 0 to 59"),
        ("* 24 * * *", "'24' is no hour: 0 to 23"),
        ("* * 0 * *", "'0' is no day of the month: 1 to 31"),
        ("* * * foo *", "'foo' is no month: 1 to 12, JAN to DEC"),
        ("* * * * 8", "'8' is no day of the week: 0 to 7, SUN to SAT"),
        ("60 * * * * *", "'60' is no second"),
        ("? * * * *", "'?' is no minute"),
        ("L * * * *", "'L' is no minute"),
        ("*/0 * * * *", "'*/0' is no minute"),
        ("*/-1 * * * *", "'*/-1' is no minute"),
        ("5-1 * * * *", "'5-1' is no minute"),
        ("1,,2 * * * *", "'1,,2' is no minute"),
        ("1_0 * * * *", "'1_0' is no minute"),
        ("0 0 30 2 *", "no month '2' has a day of the month '30'"),
        ("0 0 31 4,6 *", "no month '4,6' has a day of the month '31'"),
        ("0 0 1 * 1", "give one of them"),
        ("often", "not five fields"),
        ("", "not five fields"),
        ("* * * * * * *", "not five fields"),
    ],
)
def test_what_is_no_expression(given: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 -- the text is what is tested
        parse(given)
    assert said in str(caught.value)
