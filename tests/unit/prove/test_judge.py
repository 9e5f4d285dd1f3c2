"""The judge of a proof: each record that the source gave has one end, and every fault is seen."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

from idemflow.elasticsearch.spill import Row, Scratch
from idemflow.prove import judge as judging
from idemflow.prove.judge import Outcome, judge
from tests.unit.properties import PROPERTY

IDS = [f"id-{number}" for number in range(1000)]


@pytest.fixture
def room(tmp_path: Path) -> Scratch:
    # So little memory that rows go to disk.
    return Scratch(tmp_path, 1 << 16)


def source(ids: list[str], digest: str = "a") -> list[Row]:
    return list(judging.given((one, digest, None) for one in ids))


def index(ids: list[str], digest: str = "a") -> Iterator[Row]:
    return chain(judging.sent(ids), judging.found((one, digest) for one in ids))


def test_all_is_there(room: Scratch) -> None:
    outcome = judge(source(IDS), index(IDS), room)
    assert (outcome.given, outcome.stable) == (1000, 1000)
    assert outcome.adds_up
    assert outcome.faults(0) == []


def test_negative_control_ids_by_chance(room: Scratch) -> None:
    """The source is read once more, or the run is repeated: no id is there again."""
    others = [f"other-{one}" for one in IDS]
    outcome = judge(source(IDS), index(others), room)
    assert (outcome.never_read, outcome.doubled, outcome.stable) == (1000, 1000, 0)
    assert "1,000 doubled" in outcome.faults(0)
    rerun = judge(source(IDS), chain(index(IDS), index(others)), room)
    assert (rerun.stable, rerun.doubled, rerun.lost) == (1000, 1000, 0)
    assert rerun.faults(0) == ["1,000 doubled"]


def test_negative_control_every_hundredth_is_dropped(room: Scratch) -> None:
    kept = [one for number, one in enumerate(IDS) if number % 100]
    lost = judge(source(IDS), chain(judging.sent(IDS), index(kept)), room)
    assert (lost.stable, lost.lost, lost.never_read) == (990, 10, 0)
    assert lost.faults(0) == ["10 lost"]
    assert lost.named == {"lost": ["id-0", "id-100", "id-200", "id-300", "id-400"]}
    unread = judge(source(IDS), index(kept), room)
    assert (unread.stable, unread.lost, unread.never_read) == (990, 0, 10)
    assert unread.faults(0) == ["10 never read"]


def test_one_lost_of_many(room: Scratch) -> None:
    outcome = judge(source(IDS), index(IDS[1:]), room)
    assert outcome.faults(0) == ["1 never read"]
    assert outcome.named == {"never_read": ["id-0"]}


def test_an_older_content_is_stale(room: Scratch) -> None:
    rows = [*judging.given([("x", "new", 2), ("x", "old", 1), ("y", "one", 1), ("y", "two", 1)])]
    old = judge(rows, chain(judging.found([("x", "old"), ("y", "two")])), room)
    assert (old.given, old.stable, old.stale, old.repeated) == (4, 1, 1, 2)
    new = judge(rows, judging.found([("x", "new"), ("y", "one")]), room)
    assert (new.stable, new.faults(0)) == (2, [])
    # Numbers of many digits have two digests, and one of them is as it was sent.
    digits = judge(rows, judging.found([("x", "exact new"), ("y", "one")]), room)
    assert digits.faults(0) == []
    assert judge(rows, judging.found([("x", "?"), ("y", "?")]), room, contents=False).stable == 2


def test_what_is_to_be_deleted(room: Scratch) -> None:
    rows = [*judging.given([("gone", "", 2), ("gone", "a", 1), ("back", "", 1), ("back", "a", 2)])]
    outcome = judge(rows, judging.found([("back", "a")]), room)
    assert (outcome.deleted, outcome.stable, outcome.repeated) == (1, 1, 2)
    assert outcome.faults(0) == []
    there = judge(rows, judging.found([("back", "a"), ("gone", "a")]), room)
    assert there.faults(0) == ["1 stale"]


def test_dead_letters(room: Scratch) -> None:
    rows = [*source(["x", "y"]), *judging.refused([judging.place("3")])]
    kept = judging.letters(["x", judging.place("3")])
    outcome = judge(rows, chain(index(["y"]), kept), room)
    assert (outcome.given, outcome.stable, outcome.dead_letters) == (3, 1, 2)
    assert outcome.faults(2) == []
    # What an outage makes of good records is not what a quiet run makes of bad ones.
    assert outcome.faults(1) == ["2 dead letters, and 1 in a quiet run"]
    gone = judge(rows, index(["x", "y"]), room)
    assert gone.faults(0) == ["1 lost"]
    strange = judge(
        rows, chain(index(["x", "y"]), judging.letters(["z", judging.place("3")])), room
    )
    assert strange.faults(1) == ["1 dead letters of records that are none"]


def test_an_equation_that_does_not_add_up() -> None:
    assert Outcome(given=2, stable=1).faults(0) == ["the equation does not add up"]


@PROPERTY
@given_any(st.data())
def test_the_equation_adds_up(data: st.DataObject) -> None:
    """Whatever is there, each record of the source has exactly one end."""
    keys = st.sampled_from("abcdef")
    entries = data.draw(
        st.lists(st.tuples(keys, st.sampled_from(["", "1", "2"]), st.sampled_from([None, 1, 2])))
    )
    places = data.draw(st.lists(st.sampled_from("123").map(judging.place)))
    seen = data.draw(st.lists(st.tuples(keys, st.sampled_from("12"))))
    kept = data.draw(st.lists(st.sampled_from([*"abcdef", judging.place("1")])))
    with tempfile.TemporaryDirectory() as folder:
        outcome = judge(
            [*judging.given(entries), *judging.refused(places)],
            chain(judging.found(seen), judging.letters(kept)),
            Scratch(Path(folder), 1 << 16),
            left_out=3,
        )
    assert outcome.given == len(entries) + len(places) + 3
    assert outcome.adds_up
    assert outcome.doubled == len({key for key, _ in seen} - {key for key, *_ in entries})
