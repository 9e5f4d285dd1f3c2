"""Whose something is, by its mark; and which documents of a shared index changed hands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from idemflow.elasticsearch.ledger import LEDGER_MARK
from idemflow.elasticsearch.ownership import UNMARKED, Mark, Owner, joined, refusal
from idemflow.elasticsearch.spill import Scratch, scratch
from idemflow.elasticsearch.takeover import taken_over
from tests.unit.elasticsearch.memory import Record, Runs

NORTH, SOUTH, AWAY = Owner("p1", "north"), Owner("p1", "south"), Owner("p2", "away")


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Scratch]:
    with scratch(tmp_path, 1 << 20) as made:
        yield made


def record(key: str, version: int | None = None) -> Record:
    return key, {"id": key}, version


def test_a_mark_is_read_as_it_was_written() -> None:
    mark = Mark((NORTH, AWAY), shared=True)
    assert Mark.read({"team": "sales", **mark.meta(template={"settings": {}})}) == mark


@pytest.mark.parametrize(
    "meta",
    [
        {}, {"team": "sales"}, {"idemflow": None}, {"idemflow": "mine"}, {"idemflow": []},
        {"idemflow": {"settings": {}}}, {"idemflow": {"owners": [], "shared": True}},
        {"idemflow": {"owners": [{"project": "p1"}], "shared": True}}, LEDGER_MARK,
    ],
)  # fmt: skip
def test_what_only_looks_like_a_mark_is_none(meta: dict[str, Any]) -> None:
    assert Mark.read(meta) is None


@pytest.mark.parametrize(
    ("mark", "shared", "words"),
    [
        (None, True, UNMARKED),
        (Mark((NORTH,)), False, None),
        (Mark((NORTH,)), True, None),
        (Mark((NORTH,), shared=True), False, None),
        (Mark((SOUTH,)), False, "belongs to the pipeline south"),
        (Mark((AWAY,)), False, "belongs to the pipeline away of another project (id p2)"),
        (Mark((Owner("p2", "north"),)), False, "the pipeline north of another project (id p2)"),
        (Mark((SOUTH,)), True, "flows/south.yaml does not share it"),
        (Mark((SOUTH,), shared=True), False, "belongs to the pipeline south"),
        (Mark((SOUTH,), shared=True), True, None),
        (Mark((NORTH, SOUTH), shared=True), True, None),
        (Mark((NORTH, SOUTH, AWAY), shared=True), False, "is shared with the pipeline south and"),
    ],
)
def test_what_is_touched(mark: Mark | None, shared: bool, words: str | None) -> None:
    found = refusal(NORTH, mark, shared=shared)
    assert found is None if words is None else words in str(found)


def test_who_shares_an_index_is_kept_in_its_mark() -> None:
    both = Mark((NORTH, SOUTH), shared=True)
    assert joined(NORTH, [None, Mark((SOUTH,), shared=True)], shared=True) == both
    assert joined(NORTH, [both], shared=True) == both
    # What is taken over, and what one alone is left with.
    assert joined(NORTH, [Mark((SOUTH,))], shared=True) == Mark((NORTH,), shared=True)
    assert joined(NORTH, [both], shared=False) == Mark((NORTH,))


def test_documents_that_change_hands(room: Scratch) -> None:
    runs = Runs()
    runs.send("1", "i", *map(record, "abcd"), pipeline="north")
    runs.send("2", "i", *map(record, "bc"), pipeline="south")
    runs.send("3", "i", *map(record, "ef"), pipeline="away")
    runs.send("4", "i", *map(record, "abeg"), pipeline="south")
    runs.send("5", "i", *map(record, "a"), pipeline="north")
    assert taken_over(runs, "1", "north", room) == {}
    assert taken_over(runs, "2", "south", room) == {"north": 2}
    assert taken_over(runs, "4", "south", room) == {"north": 1, "away": 1}
    assert taken_over(runs, "5", "north", room) == {"south": 1}


def test_what_did_not_go_in_changes_no_hands(room: Scratch) -> None:
    runs = Runs()
    runs.send("1", "i", record("a", 5), record("b", 5), ("c", None, 5), pipeline="north")
    # Stale: a stays north's; and what north could not load of c was never its own.
    runs.send("2", "i", record("a", 3), record("b", 6), pipeline="south")
    runs.send("2", "i", stale=[("a", 3)], pipeline="south")
    runs.send("3", "i", record("a", 6), record("c", 6), record("d", 6), pipeline="away")
    runs.send("3", "i", given_up=[("d", 6)], pipeline="away")
    assert taken_over(runs, "2", "south", room) == {"north": 1}
    assert taken_over(runs, "3", "away", room) == {"north": 1}
    runs.send("4", "i", record("d", 1), ("b", None, 7), pipeline="north")
    # A delete takes the document from whose it was.
    assert taken_over(runs, "4", "north", room) == {"south": 1}
