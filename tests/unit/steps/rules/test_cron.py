"""Cron expressions as NiFi is told them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from idemflow.steps.rules.cron import _FIELDS, convert
from tests.unit.properties import PROPERTY

WINTER = datetime(2026, 1, 15, tzinfo=UTC)
SUMMER = datetime(2026, 7, 15, tzinfo=UTC)


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
def test_in_nifis_own_zone(given: str, told: str) -> None:
    assert convert(given, None, "UTC", WINTER) == told
    assert convert(given, ZoneInfo("UTC"), "UTC", WINTER) == told


@pytest.mark.parametrize(
    ("given", "zone", "told"),
    [
        ("0 6 * * *", "Asia/Tokyo", "0 0 21 * * ?"),
        ("0 6 * * mon-fri", "Asia/Tokyo", "0 0 21 ? * SUN,MON,TUE,WED,THU"),
        ("0 20 * * sun", "America/Phoenix", "0 0 3 ? * MON"),
        ("0 1,13 * * *", "Asia/Kolkata", "0 30 7,19 * * ?"),
        ("0 10 1 * *", "Asia/Tokyo", "0 0 1 1 * ?"),
        # The same in summer and in winter.
        ("*/5 * * * *", "Europe/Berlin", "0 */5 * * * ?"),
        ("15 * * * *", "America/New_York", "0 15 * * * ?"),
    ],
)
def test_in_another_zone(given: str, zone: str, told: str) -> None:
    assert convert(given, ZoneInfo(zone), "UTC", WINTER) == told
    assert convert(given, ZoneInfo(zone), "UTC", SUMMER) == told


def times(expression: str, zone: ZoneInfo, start: datetime) -> set[datetime]:
    """When it is due in ten days, found by trying each minute."""
    texts = expression.split()[-5:]
    minute, hour, day, month, weekday = (
        field.parse(text) or () for field, text in zip(_FIELDS[1:], texts, strict=True)
    )
    found = set()
    for number in range(10 * 24 * 60):
        moment = start + timedelta(minutes=number)
        local = moment.astimezone(zone)
        if (
            local.minute in minute and local.hour in hour and local.day in day
            and local.month in month and local.isoweekday() % 7 in weekday
        ):  # fmt: skip
            found.add(moment)
    return found


@settings(PROPERTY, max_examples=40)
@drawn(
    minute=st.sampled_from(["0", "30", "*/15", "5,50", "*", "10-40/10"]),
    hour=st.sampled_from(["*", "0", "6", "*/2", "1,13", "22-23", "0-5"]),
    day=st.sampled_from(["*", "*", "1", "10-20"]),
    weekday=st.sampled_from(["*", "MON", "1-5", "SAT,SUN", "7"]),
    zone=st.sampled_from(["Asia/Tokyo", "Asia/Kathmandu", "America/Phoenix", "Europe/Berlin"]),
)
def test_what_is_moved_is_due_at_the_same_instants(
    minute: str, hour: str, day: str, weekday: str, zone: str
) -> None:
    expression = f"{minute} {hour} {day} * {weekday if day == '*' else '*'}"
    try:
        told = convert(expression, ZoneInfo(zone), "UTC", WINTER)
    except ValueError:
        return
    for start in (WINTER, SUMMER, datetime(2026, 3, 25, tzinfo=UTC)):
        assert times(told, ZoneInfo("UTC"), start) == times(expression, ZoneInfo(zone), start)


@pytest.mark.parametrize(("now", "name"), [(WINTER, "CET"), (SUMMER, "CEST")])
def test_a_nifi_in_that_zone_follows_its_summer_time(now: datetime, name: str) -> None:
    assert convert("0 6 * * *", ZoneInfo("Europe/Berlin"), name, now) == "0 0 6 * * ?"


@pytest.mark.parametrize(
    ("given", "zone", "nifi", "said"),
    [
        ("0 6 * * *", "Europe/Berlin", "UTC", "'0 0 5 * * *' at UTC+0100, '0 0 4 * * *' at UTC+0"),
        ("0 6 1 * *", "Asia/Tokyo", "UTC", "these times of Asia/Tokyo"),
        ("0 6,12 * * 1", "Asia/Tokyo", "UTC", "these times of Asia/Tokyo"),
        ("0,15 6,7 * * *", "Asia/Kolkata", "UTC", ""),
        ("0 0 6 ? * MON#1", "Asia/Tokyo", "UTC", "these times of Asia/Tokyo"),
        ("0 6 * * *", "Europe/Berlin", "EST", "NiFi's clock is EST"),
    ],
)
def test_what_nifi_cannot_say(given: str, zone: str, nifi: str, said: str) -> None:
    if not said:
        assert convert(given, ZoneInfo(zone), nifi, WINTER) == "0 30,45 0,1 * * ?"
        return
    with pytest.raises(ValueError) as caught:  # noqa: PT011 -- the text is what is tested
        convert(given, ZoneInfo(zone), nifi, WINTER)
    assert said in str(caught.value)


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
        convert(given, None, "UTC", WINTER)
    assert said in str(caught.value)
