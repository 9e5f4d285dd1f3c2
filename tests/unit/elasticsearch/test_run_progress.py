"""What became of a run's records, read at its end or while it goes on: the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from idemflow.elasticsearch import written
from idemflow.elasticsearch.run_progress import Outcome, RunCheck, RunProgress
from idemflow.elasticsearch.spill import Scratch, scratch
from idemflow.elasticsearch.written import IndexCheckpoint, WrittenIds
from tests.unit.elasticsearch.memory import Index, Record, Runs

NOTHING = Outcome(0, 0, 0, 0, 0, 0, 0, 0, 0)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Scratch]:
    with scratch(tmp_path, 1 << 20) as made:
        yield made


def record(key: str, version: int | None = None) -> Record:
    return key, {"id": key}, version


def started(index: Index, *, deletes: bool = False) -> WrittenIds:
    index.kept["before"] = set(index.held)
    numbers = index.seq_no_checkpoints(index.name)
    pit = "before" if deletes else None
    return WrittenIds(index, IndexCheckpoint(index.name, len(index.held), numbers, pit))


def check(runs: Runs, index: Index, start: WrittenIds, room: Scratch) -> RunCheck:
    return RunCheck(runs, runs, index, "r", starts=[start], target=index.name, scratch=room)


def test_a_run_is_accounted_for_once_its_manifest_has_every_record() -> None:
    runs = Runs()
    progress = RunProgress(runs, "r")
    assert progress.records is None
    assert not progress.accounted
    runs.collect("r", 3)
    runs.send("r", "i", record("a"), refused=1)
    assert not RunProgress(runs, "r").accounted
    runs.send("r", "i", dropped=1)
    assert progress.records == 3
    assert progress.accounted


def test_created_and_overwritten(room: Scratch) -> None:
    runs, index = Runs(), Index("i")
    index.write(record("a"), record("z"))
    start = started(index)
    runs.collect("r", 2)
    runs.send("r", "i", record("a"), record("b"))
    index.write(record("a"), record("b"))
    found = check(runs, index, start, room).outcome()
    assert found == replace(NOTHING, sent=2, created=1, overwritten=1)


def test_what_was_there_before_but_not_written_is_lost(room: Scratch) -> None:
    runs, index = Runs(), Index("i")
    index.write(record("a"))
    start = started(index)
    runs.collect("r", 3)
    runs.send("r", "i", record("a"), record("b"))
    index.write(record("b"))
    # One id did not arrive, and one record has no manifest yet.
    found = check(runs, index, start, room).outcome()
    assert found == replace(NOTHING, sent=3, created=1, lost=2)


def test_stale_dead_refused_and_dropped(room: Scratch) -> None:
    runs, index = Runs(), Index("i")
    start = started(index)
    runs.collect("r", 6)
    runs.send("r", "i", record("a"), record("s", 1), record("d"), refused=2, dropped=1)
    runs.send("r", "i", stale=[("s", 1)], given_up=[("d", None), ("of another run's", None)])
    index.write(record("a"))
    found = check(runs, index, start, room).outcome()
    assert found == replace(NOTHING, sent=6, created=1, stale=1, dead_letters=3, dropped=1)


def test_a_stale_version_is_not_the_one_that_was_sent_last(room: Scratch) -> None:
    runs, index = Runs(), Index("i")
    start = started(index)
    runs.collect("r", 2)
    runs.send("r", "i", record("a", 1), record("a", 2), stale=[("a", 1)])
    index.write(record("a"))
    found = check(runs, index, start, room).outcome()
    assert found == replace(NOTHING, sent=2, created=1, repeated=1, examples=found.examples)


def test_a_record_is_refused_and_another_of_its_id_goes_in(room: Scratch) -> None:
    runs, index = Runs(), Index("i")
    index.write(record("b"), record("o"), record("t"))
    start = started(index, deletes=True)
    runs.collect("r", 13)
    # The older of "a" and "n" is refused, the newer one of "b", both of "d"; "n" does not arrive,
    # "t" is deleted, and of "p" nothing says which record counts.
    pairs = [record(key, number) for key in "abdn" for number in (1, 2)]
    runs.send("r", "i", *pairs, record("p"), record("p"), record("o"))
    runs.send("r", "i", ("t", None, 2), record("t", 1))
    refused = [("a", 1), ("b", 2), ("d", 1), ("d", 2), ("n", 1), ("p", None), ("t", 1)]
    for _ in range(2):  # the second after a rollback
        runs.send("r", "i", given_up=refused)
    index.write(record("a"), record("b"), record("p"), record("o"))
    index.write(("t", None, 2))
    found = check(runs, index, start, room).outcome()
    assert found == replace(
        NOTHING, sent=13, created=2, overwritten=2, deleted=1, dead_letters=7, lost=1, repeated=6,
        collisions=found.collisions, examples=found.examples,
    )  # fmt: skip


def test_repeats_have_equal_contents_and_collisions_others(room: Scratch) -> None:
    def valued(key: str, value: int) -> Record:
        return key, {"id": key, "value": value}, None

    runs, index = Runs(), Index("i")
    index.write(valued("d", 0))
    start = started(index)
    runs.collect("r", 10)
    rows = [valued("a", 1), valued("b", 1), valued("b", 1), valued("c", 1), valued("d", 1)]
    chunk = runs.send("r", "i", *rows, refused=1)
    runs.chunks[0] = replace(chunk, source="x.csv", positions="2-6")
    # In another chunk, and back to what was there before: two contents of c, one more of a.
    runs.send("r", "i", valued("c", 2), valued("c", 1), valued("a", 3), valued("e", 1))
    index.write(valued("a", 3), valued("b", 1), valued("c", 1), valued("d", 1), valued("e", 1))
    found = check(runs, index, start, room).outcome()
    assert (found.created, found.overwritten, found.dead_letters, found.lost) == (4, 1, 1, 0)
    assert (found.repeated, found.collisions) == (4, 2)
    # Collisions are shown before repeats.
    assert [one.id for one in found.examples] == ["a", "c"]
    first, second = found.examples[0].records
    assert (first.source, first.position) == ("x.csv", 2)
    assert (second.source, second.position) == (None, None)
    assert first.content != second.content


def test_a_delete_and_a_record_under_one_id_collide(room: Scratch) -> None:
    runs, index = Runs(), Index("i")
    start = started(index)
    runs.collect("r", 2)
    runs.send("r", "i", record("a", 1), ("a", None, 2))
    found = check(runs, index, start, room).outcome()
    assert (found.deleted, found.repeated, found.collisions, found.lost) == (1, 1, 1, 0)


@pytest.mark.parametrize("lost", [False, True])
def test_deletes_are_counted_by_what_was_there_before(room: Scratch, *, lost: bool) -> None:
    """Where a restarted Elasticsearch no longer shows it, by what earlier runs sent."""
    runs, index = Runs(), Index("i")
    runs.send("q", "i", record("a"), record("b"))
    index.write(record("a"), record("b"))
    start = started(index, deletes=True)
    if lost:
        index.kept.clear()
    sent: list[Record] = [("a", None, None), ("never there", None, None), record("c")]
    runs.collect("r", 4)
    runs.send("r", "i", *sent, ("b", None, None))
    index.write(*sent)  # b is still there
    found = check(runs, index, start, room).outcome()
    assert found == replace(NOTHING, sent=4, created=1, deleted=2, lost=1)


def test_what_earlier_runs_left_is_neither_what_they_deleted_nor_what_was_refused(
    room: Scratch,
) -> None:
    runs, index = Runs(), Index("i")
    runs.send("p1", "i", record("there", 3), record("deleted", 1), record("again", 1))
    runs.send("p2", "i", ("there", None, 2), ("deleted", None, 2), ("again", None, 2),
              stale=[("there", 2)])  # fmt: skip
    runs.send("p3", "i", record("again", 3), record("dead", 1), given_up=[("dead", 1)])
    index.write(record("there", 3), record("again", 3))
    start = started(index, deletes=True)
    index.kept.clear()
    sent: list[Record] = [(key, None, 9) for key in ("there", "deleted", "again", "dead")]
    runs.collect("r", 5)
    runs.send("r", "i", *sent, record("new", 1))
    runs.send("s", "i", record("dead", 10))  # after it
    index.write(*sent, record("new", 1))
    found = check(runs, index, start, room).outcome()
    # Two go and one comes: it is none that was there before.
    assert found == replace(NOTHING, sent=5, created=1, deleted=4)


def test_duplicates_are_ids_that_no_run_sent(room: Scratch) -> None:
    runs, index = Runs(), Index("i")
    start = started(index)
    runs.collect("r", 1)
    runs.send("r", "i", record("a"))
    runs.send("another", "i", record("b"))
    index.write(record("a"), record("b"), record("made up"))
    found = check(runs, index, start, room).outcome()
    assert found.duplicates == 1
    assert (found.created, found.lost) == (1, 0)


def test_a_chunk_that_is_sent_again_counts_once(room: Scratch) -> None:
    runs, index = Runs(), Index("i")
    start = started(index)
    runs.collect("r", 1)
    chunk = runs.send("r", "i", record("a"))
    checked = check(runs, index, start, room)
    index.write(record("a"))
    assert checked.outcome().sent == 1
    runs.chunks[0] = replace(chunk, seq_no=7)
    assert checked.outcome() == replace(NOTHING, sent=1, created=1)


@pytest.fixture
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look while a run goes on reads what is there."""
    monkeypatch.setattr(written, "_WORTH_READING", 1)
    monkeypatch.setattr(written, "_PAUSE", 0.0)


@pytest.mark.usefixtures("_at_once")
def test_what_was_read_while_the_run_went_on_is_not_read_again(room: Scratch) -> None:
    runs, index = Runs(), Index("i")
    start = started(index)
    checked = check(runs, index, start, room)
    sent = [record(str(number)) for number in range(30)]
    runs.collect("r", len(sent))
    for at in range(0, 30, 10):
        runs.send("r", "i", *sent[at : at + 10])
        index.write(*sent[at : at + 10])
        checked.advance()
        start.advance()
    assert checked.outcome() == replace(NOTHING, sent=30, created=30)
    assert len(index.asked) == 30


@pytest.mark.usefixtures("_at_once")
def test_what_a_run_deletes_is_looked_for_and_nothing_is_read_again(room: Scratch) -> None:
    runs, index = Runs(), Index("i")
    index.write(record("there"))
    start = started(index, deletes=True)
    checked = check(runs, index, start, room)
    runs.collect("r", 3)
    runs.send("r", "i", record("a"), ("there", None, 2), ("never was", None, 2))
    index.write(record("a"), ("there", None, 2))
    checked.advance()
    start.advance()
    assert checked.outcome() == replace(NOTHING, sent=3, created=1, deleted=2)
    assert index.asked == ["a"]


@pytest.mark.usefixtures("_at_once")
def test_what_was_deleted_after_it_was_read_is_lost(room: Scratch) -> None:
    runs, index = Runs(), Index("i")
    start = started(index)
    checked = check(runs, index, start, room)
    runs.collect("r", 2)
    runs.send("r", "i", record("a"), record("b"))
    index.write(record("a"), record("b"))
    checked.advance()
    start.advance()
    index.write(("a", None, None))  # by another hand
    assert checked.outcome() == replace(NOTHING, sent=2, created=1, lost=1)


def test_a_run_that_writes_to_another_index_than_its_pipeline_now(room: Scratch) -> None:
    runs, index = Runs(), Index("i-2026-01-02")
    start = started(index)
    runs.collect("r", 1)
    runs.send("r", "i-2026-01-02", record("a"))
    index.write(record("a"))
    checked = RunCheck(runs, runs, index, "r", starts=[start], target="i-{day}", scratch=room)
    assert checked.outcome() == replace(NOTHING, sent=1, created=1)


class Indices:
    """Several indices, read as one Elasticsearch."""

    def __init__(self, *indices: Index) -> None:
        self._named = {index.name: index for index in indices}

    def live(self, index: str) -> int:
        return self._named[index].live(index)

    def existing(self, index: str, ids: Iterable[str], *, pit: str | None) -> Iterator[str]:
        return self._named[index].existing(index, ids, pit=pit)

    def seq_no_checkpoints(self, index: str) -> dict[int, int]:
        return self._named[index].seq_no_checkpoints(index)

    def written_since(
        self, index: str, since: Mapping[int, int], until: Mapping[int, int] | None
    ) -> Iterator[str]:
        return self._named[index].written_since(index, since, until)

    def count_written(self, index: str, since: Mapping[int, int]) -> int:
        return self._named[index].count_written(index, since)


@pytest.mark.parametrize("stale", [False, True])
def test_a_replay_of_letters_of_several_days(room: Scratch, stale: bool) -> None:
    runs, first, second = Runs(), Index("i-01"), Index("i-02")
    first.write(record("b"), record("z"))
    starts = [started(first), started(second)]
    runs.collect("r", 4)
    runs.send("r", "idemflow-dead-letters", letters=["l"])
    runs.send("r", "i-01", record("a"), record("b"))
    runs.send("r", "i-02", record("c"), record("d"), stale=[("d", None)] if stale else [])
    first.write(record("a"), record("b"))
    second.write(record("c"))
    checked = RunCheck(
        runs, runs, Indices(first, second), "r", starts=starts, target="i-01", scratch=room
    )
    found = checked.outcome()
    lost = replace(NOTHING, sent=4, created=2, overwritten=1, lost=0 if stale else 1)
    assert found == replace(lost, stale=int(stale))
    second.write(record("d"))
    assert checked.outcome() == replace(NOTHING, sent=4, created=3, overwritten=1)
