"""What should be there, beside what is: versions, deletes, refusals, cut lists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idemflow.elasticsearch.spill import Scratch, scratch
from idemflow.elasticsearch.verify import NAMED, Verification, verify
from idemflow.steps.rules import digits
from idemflow.steps.rules.identity import checksum
from tests.unit.elasticsearch.memory import Index, Record, Runs, digest
from tests.unit.properties import PROPERTY

A: Record = ("a", {"n": 1}, None)
B: Record = ("b", {"n": 2}, None)


def compared(runs: Runs, index: Index, folder: Path, memory: int = 1 << 20) -> Verification:
    with scratch(folder, memory) as room:
        return verify(runs, index, "p", "i", ["i"], scratch=room)


def test_equal_counts_and_checksums(tmp_path: Path) -> None:
    runs, index = Runs(), Index("i")
    runs.send("1", "i", A, B)
    index.write(A, B)
    found = compared(runs, index, tmp_path)
    assert found.equal
    assert (found.runs, found.expected, found.documents) == (1, 2, 2)
    assert found.checksum == found.expected_checksum
    assert found.checksum == checksum([("a", digest(A[1])), ("b", digest(B[1]))])


def test_missing_extra_and_different_are_named(tmp_path: Path) -> None:
    runs, index = Runs(), Index("i")
    runs.send("1", "i", A, B)
    index.write(("b", {"n": 3}, None), ("c", {}, None))
    found = compared(runs, index, tmp_path)
    assert (found.missing, found.extra, found.different) == (["a"], ["c"], ["b"])
    assert (found.missing_count, found.extra_count, found.different_count) == (1, 1, 1)
    assert not found.equal


def test_the_last_run_counts_without_versions_and_the_newest_with_them(tmp_path: Path) -> None:
    runs, index = Runs(), Index("i")
    runs.send("2", "i", ("a", {"n": 2}, None), ("v", {"n": 1}, 1))  # arrived before run 1
    runs.send("1", "i", ("a", {"n": 1}, None), ("v", {"n": 9}, 9))
    index.write(("a", {"n": 2}, None), ("v", {"n": 9}, 9))
    assert compared(runs, index, tmp_path).equal


EXACT = {"n": digits.number("12345678901234567.891")}
LESS = {"n": digits.number("12345678901234568.0")}


@pytest.mark.parametrize("noted", ["all digits", "a double"])
def test_digits_are_compared_as_they_were_noted(tmp_path: Path, noted: str) -> None:
    """A manifest of an earlier idemflow has what a double keeps: then that is compared."""
    runs, index = Runs(), Index("i")
    sent = EXACT if noted == "all digits" else LESS
    runs.send("1", "i", ("a", sent, None), B)
    index.write(("a", EXACT, None), B)
    assert compared(runs, index, tmp_path).equal
    index.write(("a", LESS, None))
    found = compared(runs, index, tmp_path)
    assert found.different == (["a"] if noted == "all digits" else [])
    assert found.equal is (noted != "all digits")


def test_a_document_of_many_digits_that_is_not_judged(tmp_path: Path) -> None:
    runs, index = Runs(), Index("i")
    index.write(("a", EXACT, None))
    assert compared(runs, index, tmp_path).extra == ["a"]
    with scratch(tmp_path, 1 << 20) as room:
        found = verify(runs, index, "p", "i", ["i"], scratch=room, on_its_way=lambda _: True)
    assert (found.equal, found.unsettled) == (True, 1)


def test_what_was_deleted_or_refused_is_not_expected(tmp_path: Path) -> None:
    runs, index = Runs(), Index("i")
    runs.send("1", "i", A, B)
    runs.send("2", "i", ("a", None, None), ("b", {"n": 0}, None), ("d", {}, None))
    # Of run 2; the same ids in run 1 went in.
    runs.send("2", "i", stale=[("b", None)], given_up=[("d", None)])
    index.write(B)
    found = compared(runs, index, tmp_path)
    assert found.equal
    assert found.expected == 1
    assert found.runs == 2


def test_a_refused_version_hides_no_other_of_the_same_run(tmp_path: Path) -> None:
    runs, index = Runs(), Index("i")
    runs.send("1", "i", ("a", {"n": 1}, 1), ("a", {"n": 2}, 2), stale=[("a", 1)])
    index.write(("a", {"n": 2}, 2))
    assert compared(runs, index, tmp_path).equal


def test_a_refused_state_hides_no_older_one_of_the_same_run(tmp_path: Path) -> None:
    runs, index = Runs(), Index("i")
    runs.send("1", "i", ("a", {"n": 1}, 1), ("a", {"n": 2}, 2), given_up=[("a", 2)])
    index.write(("a", {"n": 1}, 1))
    assert compared(runs, index, tmp_path).equal


class DeadLetters:
    """Ids and versions of documents that are dead letters."""

    def __init__(self, *states: tuple[str, int | None]) -> None:
        self.states = states

    def versions(self, index: str) -> Iterator[tuple[str, int | None]]:
        return iter(self.states if index == "i" else ())


def test_what_is_older_than_a_dead_letter_is_told(tmp_path: Path) -> None:
    runs, index = Runs(), Index("i")
    states: list[Record] = [(key, {"n": 1}, 4) for key in ("older", "newer", "gone")]
    runs.send("1", "i", *states, A, ("gone", None, 5))
    index.write(*states[:2], A)
    letters = DeadLetters(("older", 5), ("newer", 3), ("never", 7), ("gone", 6), ("a", None))
    with scratch(tmp_path, 1 << 20) as room:
        found = verify(runs, index, "p", "i", ["i"], scratch=room, letters=letters)
    assert found.equal
    assert (found.behind, found.behind_count) == (["a", "gone", "older"], 3)
    assert compared(runs, index, tmp_path).behind == []


def test_lists_are_cut_and_every_id_goes_to_the_writer(tmp_path: Path) -> None:
    runs, index = Runs(), Index("i")
    ids = [f"{number:05}" for number in range(3000)]
    runs.send("1", "i", *((key, {}, None) for key in ids))
    written: list[tuple[str, str, str]] = []
    with scratch(tmp_path, 1 << 20) as room:
        found = verify(
            runs, index, "p", "i", ["i"], scratch=room, write=lambda *one: written.append(one)
        )
    assert found.missing == ids[:NAMED]
    assert found.missing_count == 3000
    assert sorted(written) == [("missing", "i", key) for key in ids]


def test_each_index_is_compared_for_itself(tmp_path: Path) -> None:
    runs, index = Runs(), Index("i")
    runs.send("1", "i", A)
    runs.send("1", "j", A)
    index.write(A)
    with scratch(tmp_path, 1 << 20) as room:
        found = verify(runs, index, "p", "x", ["i", "j"], scratch=room)
    assert (found.expected, found.documents, found.missing, found.runs) == (2, 1, ["a"], 1)


@settings(PROPERTY, max_examples=20)
@given(
    sent=st.lists(
        st.lists(st.tuples(st.integers(0, 30), st.booleans(), st.integers(0, 3))), max_size=6
    ),
    there=st.dictionaries(st.integers(0, 30), st.integers(0, 3)),
)
def test_parts_make_no_difference(
    tmp_path_factory: pytest.TempPathFactory,
    sent: list[list[tuple[int, bool, int]]],
    there: dict[int, int],
) -> None:
    """Divided as far as it goes, the answer is that of one dictionary."""
    folder = tmp_path_factory.mktemp("verify")
    runs, index = Runs(), Index("i")
    expected: dict[str, str] = {}
    for number, records in enumerate(sent):
        made: list[Record] = [
            (str(key), None if gone else {"n": value}, None) for key, gone, value in records
        ]
        runs.send(f"{number:04}", "i", *made)
        for key, document, _ in made:
            expected[key] = digest(document)
    index.write(*((str(key), {"n": value}, None) for key, value in there.items()))
    expected = {key: value for key, value in expected.items() if value}
    held = {key: digest(document) for key, document in index.held.items()}
    found = verify(runs, index, "p", "i", ["i"], scratch=Scratch(folder, 5000))
    assert found.missing_count == len(expected.keys() - held.keys())
    assert found.extra_count == len(held.keys() - expected.keys())
    both = expected.keys() & held.keys()
    assert found.different_count == sum(expected[key] != held[key] for key in both)
    assert found.expected_checksum == checksum(expected.items())
    assert found.checksum == checksum(held.items())
