"""Which dead letters go because their record went in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from idemflow.dead_letters import reconcile as rules
from idemflow.dead_letters.reconcile import Records, reconcile
from idemflow.dead_letters.store import Letter
from idemflow.elasticsearch.spill import scratch
from tests.unit.elasticsearch.memory import Index, Record, Runs


class Letters:
    """Dead letters in memory."""

    pipeline = "p"

    def __init__(self, *letters: Letter) -> None:
        self.held = {letter.id: letter for letter in letters}

    def count(self) -> int:
        return len(self.held)

    def marked(self) -> Iterator[Letter]:
        marked = [letter for letter in self.held.values() if letter.replay]
        return iter(sorted(marked, key=lambda letter: str(letter.replay)))

    def with_id(self) -> Iterator[Letter]:
        found = [letter for letter in self.held.values() if letter.record_id]
        return iter(sorted(found, key=lambda letter: letter.run))

    def of_dated_files(self) -> Iterator[Letter]:
        return iter([letter for letter in self.held.values() if letter.modified is not None])

    def delete(self, letters: Iterable[Letter]) -> int:
        return sum(self.held.pop(letter.id, None) is not None for letter in list(letters))

    def note_checked(self, letters: Iterable[Letter], run: str) -> None:
        for letter in list(letters):
            self.held[letter.id] = replace(letter, checked=run)


@pytest.fixture
def runs() -> Runs:
    made = Runs()
    made.collect("1", 1)
    return made


@pytest.fixture
def index() -> Index:
    return Index("i")


@pytest.fixture
def records(runs: Runs, index: Index, tmp_path: Path) -> Iterator[Records]:
    with scratch(tmp_path, 1 << 20) as room:
        yield Records(runs, runs, index, room)


def letter(
    identifier: str, run: str = "1", record_id: str | None = None, **more: str | int
) -> Letter:
    return Letter(identifier, "p", run, "", "Load", "", record_id=record_id, **more)  # type: ignore[arg-type]


def record(key: str) -> Record:
    return key, {"id": key}, None


def test_of_one_record_in_several_files_the_letter_of_the_newest_stays(records: Records) -> None:
    letters = Letters(
        letter("a-30", run="1", modified=3),
        letter("a-11", run="2", modified=1, version=11),
        letter("a-10", run="2", modified=1, version=10),
        letter("a-20", run="2", modified=2, replay="9"),
        letter("b-10", run="1", modified=1),
        letter("a", run="1"),
    )
    assert reconcile(letters, records) == 2
    assert sorted(letters.held) == ["a", "a-20", "a-30", "b-10"]


def test_the_letters_of_a_replay_go_once_each_record_has_ended(
    runs: Runs, index: Index, records: Records
) -> None:
    letters = Letters(letter("l", replay="2"), letter("not sent", replay="2"), letter("other"))
    runs.collect("2", 2)
    runs.send("2", "i", letters=["l"])
    runs.send("2", "i", record("a"))
    assert reconcile(letters, records) == 0  # the manifest is not whole
    runs.send("2", "i", record("b"), stale=[("b", None)])
    assert reconcile(letters, records) == 0  # a is on its way
    index.write(record("a"))
    assert reconcile(letters, records) == 1
    assert list(letters.held) == ["not sent", "other"]


def test_a_replay_that_deletes_has_nothing_to_look_for(runs: Runs, records: Records) -> None:
    letters = Letters(letter("l", replay="2"))
    runs.collect("2", 1)
    runs.send("2", "i", ("a", None, None), letters=["l"])
    assert reconcile(letters, records) == 1


def test_a_letter_goes_when_a_later_run_got_its_record_in(
    runs: Runs, index: Index, records: Records
) -> None:
    letters = Letters(
        letter("l", record_id="a"), letter("deleted", record_id="d"), letter("no id"),
        letter("not sent", record_id="n"), letter("newer", run="3", record_id="a"),
    )  # fmt: skip
    runs.collect("2", 2)
    runs.send("2", "i", record("a"), ("d", None, None))
    index.write(record("a"), record("n"))
    assert reconcile(letters, records) == 2
    assert list(letters.held) == ["no id", "not sent", "newer"]


def test_a_letter_stays_while_its_record_is_on_its_way_or_was_refused_again(
    runs: Runs, index: Index, records: Records
) -> None:
    letters = Letters(letter("on its way", record_id="a"), letter("refused", record_id="b"))
    runs.collect("2", 2)
    runs.send("2", "i", record("a"), record("b"), given_up=[("b", None)])
    index.write(record("b"))  # as it was before
    assert reconcile(letters, records) == 0
    assert len(letters.held) == 2


def test_only_the_state_of_a_letter_or_a_newer_one_settles_it(
    runs: Runs, index: Index, records: Records
) -> None:
    def state(key: str, version: int) -> Record:
        return key, {"id": key, "n": version}, version

    names = ("older", "stale", "same", "newer", "tombstone", "newer there", "same before", "on way")
    letters = Letters(*(letter(key, run="2", record_id=key, version=5) for key in names))
    runs.collect("1", 1)
    runs.send("1", "i", state("same before", 5))
    runs.collect("3", 8)
    sent = (
        state("older", 3), state("stale", 3), state("same", 5), state("newer", 6),
        ("tombstone", None, 6), state("newer there", 3), state("same before", 3),
        state("on way", 6),
    )  # fmt: skip
    runs.send("3", "i", *sent, stale=[(key, 3) for key in ("stale", "newer there", "same before")])
    index.write(
        state("older", 3), state("stale", 4), state("same", 5), state("newer", 6),
        ("tombstone", {"idemflow_deleted": True}, 6), state("newer there", 9),
        state("same before", 5), state("on way", 4),
    )  # fmt: skip
    assert reconcile(letters, records) == 4
    assert list(letters.held) == ["older", "stale", "same before", "on way"]
    index.write(state("on way", 6))
    assert reconcile(letters, records) == 1


def test_a_refusal_is_of_one_version(runs: Runs, index: Index, records: Records) -> None:
    letters = Letters(letter("5", record_id="a", version=5), letter("6", record_id="a", version=6))
    runs.collect("2", 2)
    runs.send("2", "i", ("a", {"n": 5}, 5), ("a", {"n": 6}, 6), given_up=[("a", 6)])
    index.write(("a", {"n": 5}, 5))
    assert reconcile(letters, records) == 1
    assert list(letters.held) == ["6"]


def test_how_far_was_looked_is_noted_up_to_the_last_whole_run(runs: Runs, records: Records) -> None:
    letters = Letters(letter("l", record_id="a"))
    many = [record(str(number)) for number in range(20)]
    for run in ("2", "3", "4"):
        runs.collect(run, 20)
        runs.send(run, "i", *(many if run != "4" else many[:1]))
    assert reconcile(letters, records) == 0
    assert letters.held["l"].checked == "3"


def test_any_number_of_letters_is_looked_for_some_at_a_time(
    runs: Runs, index: Index, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "_LETTER_BYTES", 1 << 20)
    letters = Letters(*(letter(f"l{number}", record_id=str(number)) for number in range(250)))
    sent = [record(str(number)) for number in range(0, 250, 2)]
    runs.collect("2", len(sent))
    runs.send("2", "i", *sent)
    index.write(*sent)
    assert reconcile(letters, records) == 125
    assert len(letters.held) == 125
