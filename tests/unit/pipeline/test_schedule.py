"""The schedule of a pipeline, in the YAML and as NiFi has it."""

from __future__ import annotations

import pytest

from idemflow.drawing.collect import NEVER, Timing
from idemflow.pipeline.schedule import BY_HAND, Schedule

ZONED = {"cron": "0 6 * * *", "timezone": "Europe/Berlin"}


@pytest.mark.parametrize(
    ("schedule", "timing", "words"),
    [
        (Schedule(every="5 min"), Timing("TIMER_DRIVEN", "5 min"), "every 5 min"),
        (
            Schedule(cron="0 6 * * *"),
            Timing("CRON_DRIVEN", "0 0 6 * * ?"),
            "by cron 0 0 6 * * ? (NiFi's clock)",
        ),
        (
            Schedule(cron="0 6 * * *", timezone="Europe/Berlin"),
            Timing("CRON_DRIVEN", "0 0,15,30,45 * * * ?", ZONED),
            "by cron 0 6 * * * (Europe/Berlin)",
        ),
        (BY_HAND, NEVER, "by hand"),
    ],
)
def test_what_nifi_is_told_means_the_same(schedule: Schedule, timing: Timing, words: str) -> None:
    assert schedule.timing() == timing
    assert str(schedule) == str(Schedule.of(timing)) == words
    assert Schedule.of(timing).timing() == timing


def test_by_hand_is_no_schedule() -> None:
    assert not BY_HAND
    assert Schedule(every="1 day")


def test_what_an_operator_typed_is_shown_as_it_is() -> None:
    assert str(Schedule.of(Timing("TIMER_DRIVEN", "#{how often}"))) == "every #{how often}"
    assert "#{times}" in str(Schedule.of(Timing("CRON_DRIVEN", "#{times}")))
