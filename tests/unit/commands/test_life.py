"""What is said of each state of a document that was sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from idemflow.commands import _life
from idemflow.commands._life import Step
from idemflow.dead_letters.store import Letter
from idemflow.elasticsearch.held import Held
from idemflow.elasticsearch.history import PastRun
from idemflow.elasticsearch.trace import Sending
from idemflow.steps.rules.identity import content_digest

OLD, NEW = {"n": 1}, {"n": 2}
FIRST, SECOND, THIRD = (f"2026013{day}T060500112-3f8a12cd" for day in (0, 1, 2))


def sending(run: str, content: dict[str, int] | None, **more: Any) -> Sending:
    digest = "" if content is None else content_digest(content)
    return Sending(run, "people", "p", digest, **{"version": None, "records": 1, **more})


def letter(run: str, version: int | None = None, identifier: str = "f00d") -> Letter:
    return Letter(identifier, "p", run, "now", "Load", "no number", record_id="a", version=version)


def judged(
    *sendings: Sending,
    has: dict[str, int] | None = None,
    there: bool = True,
    letters: Sequence[Letter] = (),
    busy: bool = False,
) -> tuple[str, list[Step]]:
    """The newest sending first: what is said of the index, and of each."""
    counts = _life.counting(sendings).get("people")
    held = Held("people", there, has, 1)
    now = _life.compared(held, counts, current=True, busy=busy)
    return now.state, _life.steps(sendings, {}, letters, {"people": now})


@pytest.mark.parametrize(
    ("has", "there", "busy", "state", "outcome"),
    [
        (NEW, True, False, "as_sent", "in_index"),
        (OLD, True, False, "different", "different"),
        (OLD, True, True, "on_its_way", "on_its_way"),
        (None, True, False, "missing", "missing"),
        (None, True, True, "on_its_way", "on_its_way"),
        (None, False, False, "gone", "index_gone"),
    ],
)
def test_what_was_sent_last(
    has: dict[str, int] | None, there: bool, busy: bool, state: str, outcome: str
) -> None:
    found, (newest, _) = judged(
        sending(SECOND, NEW), sending(FIRST, OLD), has=has, there=there, busy=busy
    )
    assert (found, newest.outcome) == (state, outcome)


def test_earlier_states() -> None:
    same = sending(SECOND, NEW, version=2)
    _, steps = judged(sending(THIRD, NEW, version=2), same, sending(FIRST, OLD, version=1), has=NEW)
    assert [one.outcome for one in steps] == ["in_index", "sent_again", "overwritten"]


def test_an_older_version_that_came_later_does_not_count() -> None:
    found, (late, counts) = judged(
        sending(SECOND, OLD, version=1, refused="stale"), sending(FIRST, NEW, version=5), has=NEW
    )
    assert (found, late.outcome, counts.outcome) == ("as_sent", "stale", "in_index")
    _, (late, _) = judged(sending(SECOND, OLD, version=1), sending(FIRST, NEW, version=5), has=NEW)
    assert late.outcome == "stale"


def test_a_delete() -> None:
    delete = sending(SECOND, None)
    assert judged(delete, sending(FIRST, OLD))[0] == "deleted"
    _, (newest, before) = judged(delete, sending(FIRST, OLD))
    assert (newest.outcome, newest.operation, before.outcome) == (
        "deleted", "delete", "overwritten",
    )  # fmt: skip
    assert judged(delete, has=OLD)[0] == "different"


def test_what_nobody_sent() -> None:
    assert judged(has=OLD) == ("unknown_sender", [])
    assert judged() == ("absent", [])


REFUSED = sending(FIRST, NEW, version=2, refused="given_up", given_up=True)


def test_a_dead_letter_that_waits() -> None:
    state, (one,) = judged(REFUSED, letters=[letter(FIRST, 2)])
    assert state == "absent"
    assert (one.outcome, one.fate, one.letter, one.reason, one.fate_run) == (
        "dead_letter", "waits", "f00d", "no number", None,
    )  # fmt: skip


def test_a_dead_letter_that_was_refused_again_has_its_last_run() -> None:
    again = sending(SECOND, NEW, version=2, refused="given_up", given_up=True)
    _, (last, first) = judged(again, REFUSED, letters=[letter(SECOND, 2)])
    assert (last.fate, last.fate_run) == ("waits", None)
    assert (first.fate, first.fate_run) == ("waits", SECOND)


@pytest.mark.parametrize(
    ("later", "fate"),
    [
        ([sending(SECOND, OLD, version=2)], ("went_in", SECOND)),
        ([sending(SECOND, OLD, version=1)], ("dropped", None)),
        ([sending(SECOND, NEW, version=3, refused="stale")], ("stale", SECOND)),
        ([sending("20250101T", OLD, version=4, last=THIRD)], ("went_in", THIRD)),
        ([], ("dropped", None)),
    ],
)
def test_a_dead_letter_that_is_gone(later: list[Sending], fate: tuple[str, str | None]) -> None:
    _, steps = judged(*later, REFUSED, has=OLD)
    (one,) = [step for step in steps if step.run == FIRST]
    assert (one.fate, one.fate_run) == fate


def test_a_letter_of_another_version_is_another() -> None:
    _, steps = judged(REFUSED, letters=[letter(FIRST, 1, "beef")])
    assert {(one.letter, one.fate) for one in steps} == {(None, "dropped"), ("beef", "waits")}


def test_a_record_that_was_refused_before_it_was_sent_has_its_letter_alone() -> None:
    _, (one,) = judged(letters=[letter(FIRST)])
    assert (one.run, one.outcome, one.content, one.fate) == (FIRST, "dead_letter", None, "waits")


def test_another_record_of_the_run_is_a_dead_letter() -> None:
    _, (one,) = judged(
        sending(FIRST, NEW, version=1, given_up=True), has=NEW, letters=[letter(FIRST, 2)]
    )
    assert (one.outcome, one.letter, one.fate) == ("in_index", "f00d", "waits")


def test_when_and_by_what_a_run_was_triggered() -> None:
    run = PastRun(FIRST, "p", "schedule", "2026-01-30T06:05:00Z", "{}", 1, 1, 0, 0)
    (one,) = _life.steps([sending(FIRST, NEW)], {FIRST: run}, [], {})
    assert (one.trigger, one.started) == ("schedule", "2026-01-30T06:05:00Z")
    (one,) = _life.steps([sending(FIRST, NEW)], {}, [], {})
    assert (one.trigger, one.started) == (None, "2026-01-30T06:05:00.112Z")


@pytest.mark.parametrize("run", ["", "x", "2026013xT060500112-3f8a12cd", "20260130T06050011-2a"])
def test_a_run_id_of_another_form_has_no_time(run: str) -> None:
    assert _life.time_of(run) is None


def test_a_folded_state_knows_no_position() -> None:
    _, (one,) = judged(sending(FIRST, NEW, records=0, last=SECOND), has=NEW)
    assert (one.folded, one.records, one.operation, one.last) == (True, None, "index", SECOND)
