"""The step that starts a run by the clock, without a NiFi."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Self
from zoneinfo import ZoneInfo

import pytest

from idemflow.steps import StepRefused, schedule
from tests.unit.steps.fakes import SUCCESS, Session

PROPERTIES = {
    "idemflow.run": "r1",
    "idemflow.started": "now",
    "idemflow.pipeline": "people",
    "idemflow.arguments": "{}",
}


@dataclass
class Value:
    """A property's value: Expression Language that asks for a zone's clock, or plain text."""

    text: str

    def getValue(self) -> str:  # noqa: N802
        asked = re.fullmatch(
            r"\$\{literal\('(\d+)'\):toNumber\(\):format\('Z', '(.*)'\)\}", self.text
        )
        if asked is None:
            return self.text
        return f"{datetime.fromtimestamp(int(asked[1]) / 1000, ZoneInfo(asked[2])):%z}"

    def evaluateAttributeExpressions(self) -> Value:  # noqa: N802
        return self


class Context:
    """A processor with properties."""

    def __init__(self, **properties: str) -> None:
        self.properties = PROPERTIES | properties

    def getProperty(self, name: str) -> Value | None:  # noqa: N802
        return Value(self.properties[name]) if name in self.properties else None

    def newPropertyValue(self, text: str) -> Value:  # noqa: N802
        return Value(text)


def started(monkeypatch: pytest.MonkeyPatch, at: datetime, **properties: str) -> list[str]:
    """The runs that a look starts."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            assert tz is UTC
            return cls.fromtimestamp(at.timestamp(), UTC)

    monkeypatch.setattr(schedule, "datetime", Clock)
    session = Session()
    schedule.start_when_due(session, Context(**properties), SUCCESS, pipeline="people")
    assert all(
        attributes.get("idemflow.trigger") == properties.get("idemflow.trigger")
        for _, attributes in session.at(SUCCESS)
    )
    return [attributes["idemflow.run"] for _, attributes in session.at(SUCCESS)]


BERLIN = {"cron": "0 6 * * *", "timezone": "Europe/Berlin"}


@pytest.mark.parametrize(
    ("at", "runs"),
    [
        (datetime(2026, 7, 1, 4, 0, tzinfo=UTC), ["r1"]),
        (datetime(2026, 7, 1, 5, 0, tzinfo=UTC), []),
        (datetime(2026, 1, 1, 4, 0, tzinfo=UTC), []),
        (datetime(2026, 1, 1, 5, 0, tzinfo=UTC), ["r1"]),
    ],
)
def test_six_in_the_morning_in_summer_and_in_winter(
    monkeypatch: pytest.MonkeyPatch, at: datetime, runs: list[str]
) -> None:
    assert started(monkeypatch, at, **BERLIN) == runs
    assert started(monkeypatch, at) == ["r1"], "without a zone NiFi's own clock says when"


def test_a_run_says_that_the_schedule_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    at = datetime(2026, 7, 1, tzinfo=UTC)
    assert started(monkeypatch, at, **{"idemflow.trigger": "schedule"}) == ["r1"]


def test_a_zone_without_times(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StepRefused, match="no property 'cron'"):
        started(monkeypatch, datetime(2026, 7, 1, tzinfo=UTC), timezone="Europe/Berlin")
