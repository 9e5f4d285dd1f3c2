"""When a run is given up: when no record comes to its end, whatever moves."""

from __future__ import annotations

import pytest

from idemflow.canvas.monitoring import Activity, Bulletin
from idemflow.commands._stall import Stall
from idemflow.elasticsearch.ended import Ended


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stall(clock: Clock) -> Stall:
    return Stall(120.0, {"Collect records", "Identify records"}, clock)


def busy(*at_work: str) -> Activity:
    """A flow in which FlowFiles go round."""
    return Activity(7, 70, 1, 5, 0, 0, {"try again": 7}, frozenset(at_work))


def failed(*names: str) -> list[Bulletin]:
    return [Bulletin(number, "ERROR", name, "no") for number, name in enumerate(names)]


def test_flow_files_that_go_round_are_no_progress(stall: Stall, clock: Clock) -> None:
    for _ in range(11):
        clock.now += 10
        assert not stall.over(failed)
        stall.look(busy("Put documents", "Sort refusals"))
        stall.count(Ended())
    clock.now += 11
    assert stall.over(failed)
    assert stall.standing


@pytest.mark.parametrize(
    "more",
    [
        Ended(written=1),
        Ended(documents=1),
        Ended(accounted=1),
        Ended(manifests=1),
        Ended(letters=1),
    ],
)
def test_any_record_that_comes_to_its_end_is(stall: Stall, clock: Clock, more: Ended) -> None:
    clock.now += 119
    stall.count(more)
    assert not stall.standing
    clock.now += 119
    stall.count(more)
    assert stall.standing
    assert not stall.over(failed)
    clock.now += 2
    assert stall.over(failed)


def test_a_source_whose_task_runs_is_waited_for(stall: Stall, clock: Clock) -> None:
    """A query of hours, or a function that asks another service for each record."""
    for name in ("Collect records", "Identify records"):
        for _ in range(1000):
            clock.now += 10
            stall.look(busy(name))
            stall.count(Ended())
            assert not stall.over(failed)
    clock.now += 121
    assert stall.over(failed)


def test_a_step_that_fails_again_and_again_is_not_at_work(stall: Stall, clock: Clock) -> None:
    clock.now += 121
    stall.look(busy("Identify records"))
    assert not stall.over(lambda: failed("Put documents"))
    assert stall.over(lambda: failed("Identify records"))


def test_a_server_that_is_away_has_a_patience_of_its_own(stall: Stall, clock: Clock) -> None:
    clock.now += 1000
    stall.wait()
    assert not stall.over(failed)
    clock.now += 121
    assert stall.over(failed)


def test_it_is_not_counted_all_the_time(stall: Stall, clock: Clock) -> None:
    assert not stall.due
    clock.now += 3
    assert stall.due
    stall.count(Ended())
    assert not stall.due
