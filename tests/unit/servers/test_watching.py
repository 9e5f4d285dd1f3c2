"""What a supervisor does about a server, by what it sees of it."""

from __future__ import annotations

import pytest

from idemflow.servers.watching import (
    FIRST_DELAY,
    MOST_DELAY,
    RED,
    REFUSED,
    WELL_SECONDS,
    Act,
    Backoff,
    Watch,
)


@pytest.fixture
def watch() -> Watch:
    return Watch("nifi", start_timeout=100, silent_after=30)


def told(watch: Watch) -> list[str]:
    return [event.event for event in watch.take_events()]


def started(watch: Watch, now: float, pid: int = 7) -> None:
    """It is started now, and answers at once."""
    assert watch.see(now, None, None) is Act.START
    watch.started(now, pid)
    assert watch.see(now, pid, "ok") is Act.NOTHING
    watch.take_events()


def test_what_does_not_run_is_started_at_once(watch: Watch) -> None:
    assert watch.see(0, None, None) is Act.START
    watch.started(0, 7)
    assert watch.see(1, 7, None) is Act.NOTHING
    assert watch.see(2, 7, "") is Act.NOTHING
    assert told(watch) == ["started"]
    assert not watch.is_well
    watch.see(3, 7, "ok")
    assert told(watch) == ["ready"]
    assert watch.is_well


def test_what_runs_already_is_taken_over(watch: Watch) -> None:
    assert watch.see(0, 7, None) is Act.NOTHING
    assert watch.see(1, 7, "ok") is Act.NOTHING
    assert told(watch) == ["found", "ready"]


def test_one_that_dies_is_started_again_later_and_later(watch: Watch) -> None:
    now, delays = 0.0, []
    started(watch, now)
    for pid in range(8, 20):
        assert watch.see(now, None, None) is Act.NOTHING
        (ended,) = watch.take_events()
        assert (ended.event, ended.next_command) == ("ended", "idemflow logs nifi")
        assert ended.delay is not None
        delays.append(ended.delay)
        assert watch.see(now + ended.delay - 0.1, None, None) is Act.NOTHING
        now += ended.delay
        started(watch, now, pid)
    assert delays[:4] == [1, 2, 4, 8]
    assert delays[-1] == MOST_DELAY
    assert delays == sorted(delays)


def test_after_a_while_of_health_it_is_as_at_first(watch: Watch) -> None:
    backoff = Backoff()
    assert [backoff.next() for _ in range(3)] == [1, 2, 4]
    backoff.reset()
    assert backoff.next() == FIRST_DELAY

    started(watch, 0)
    watch.see(0, None, None)
    started(watch, 1, 8)
    watch.see(WELL_SECONDS, 8, "ok")  # not long enough
    watch.see(WELL_SECONDS, None, None)
    assert watch.take_events()[0].delay == 2
    started(watch, WELL_SECONDS + 2, 9)
    watch.see(2 * WELL_SECONDS + 2, 9, "ok")
    watch.see(2 * WELL_SECONDS + 2, None, None)
    assert watch.take_events()[0].delay == FIRST_DELAY


def test_one_that_says_nothing_for_too_long_is_stopped_and_started(watch: Watch) -> None:
    started(watch, 0)
    assert watch.see(10, 7, "") is Act.NOTHING
    assert told(watch) == ["silent"]
    assert watch.see(39, 7, None) is Act.NOTHING  # it was not asked
    assert watch.see(40, 7, "") is Act.NOTHING
    assert watch.see(41, 7, "") is Act.STOP
    (ended,) = watch.take_events()
    assert ended.text == (
        "NiFi has not answered for 31 s, and is stopped; it is started again in 1 s"
    )
    assert watch.see(41.5, None, None) is Act.NOTHING
    assert watch.see(42, None, None) is Act.START


def test_one_that_answers_again_in_time_is_left_alone(watch: Watch) -> None:
    started(watch, 0)
    for now in range(10, 200, 20):
        assert watch.see(now, 7, "") is Act.NOTHING
        assert watch.see(now + 19, 7, "ok") is Act.NOTHING
        assert told(watch) == ["silent", "answers"]


def test_one_that_never_comes_up_is_stopped_at_its_deadline(watch: Watch) -> None:
    watch.see(0, None, None)
    watch.started(0, 7)
    assert watch.see(100, 7, "") is Act.NOTHING
    assert watch.see(100.1, 7, None) is Act.STOP
    assert "did not answer within 100 s" in watch.take_events()[-1].text


def test_one_that_cannot_be_started_is_tried_again(watch: Watch) -> None:
    assert watch.see(0, None, None) is Act.START
    watch.failed(0, "port 8443 is taken", "idemflow doctor")
    (failed,) = watch.take_events()
    assert failed.text == ("NiFi cannot be started: port 8443 is taken; it is started again in 1 s")
    assert failed.next_command == "idemflow doctor"
    assert watch.see(0.5, None, None) is Act.NOTHING
    assert watch.see(1, None, None) is Act.START


@pytest.mark.parametrize("health", [RED, REFUSED])
def test_what_a_restart_does_not_mend_is_told_once(watch: Watch, health: str) -> None:
    started(watch, 0)
    for now in range(10, 5000, 100):
        assert watch.see(now, 7, health) is Act.NOTHING
    (unwell,) = watch.take_events()
    assert (unwell.event, unwell.next_command) == ("unwell", "idemflow status")


def test_one_that_is_red_while_it_starts_reads_its_indices(watch: Watch) -> None:
    watch.see(0, None, None)
    watch.started(0, 7)
    watch.see(50, 7, RED)
    assert told(watch) == ["started"]
    assert watch.see(101, 7, RED) is Act.NOTHING
    assert told(watch) == ["unwell"]


def test_one_that_another_command_started_anew_is_found(watch: Watch) -> None:
    started(watch, 0)
    assert watch.see(10, 8, None) is Act.NOTHING
    assert told(watch) == ["found"]


def test_the_server_in_place_of_its_launcher_is_the_same(watch: Watch) -> None:
    watch.see(0, None, None)
    watch.started(0, 7)
    assert watch.see(1, 8, None) is Act.NOTHING  # put on record by `up`
    assert told(watch) == ["started"]
    watch.see(2, 8, "green")
    watch.renamed(9)
    assert watch.see(3, 9, "green") is Act.NOTHING
    assert told(watch) == ["ready"]
