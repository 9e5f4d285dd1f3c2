"""Folding: what is kept of the manifests of many runs decides as all of them would."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idemflow.elasticsearch.folding import Sent, fold
from tests.unit.properties import PROPERTY

Refusals = set[tuple[str, int | None]]


def sent(run: int, digest: str, version: int | None = None) -> Sent:
    return Sent(f"run-{run}", digest, version, f"run-{run}", "people")


def refused(run: int, version: int | None = None) -> tuple[str, int | None]:
    return f"run-{run}", version


def counting(entries: Iterable[Sent], out: Refusals) -> tuple[str, int | None] | None:
    """What counts of everything that was sent, as docs/identity.md says it: of what was not
    refused the highest version, and of equal ones, or without versions, what was sent last."""
    best: Sent | None = None
    for one in sorted(entries, key=lambda entry: entry.run):
        if (one.run, one.version) in out and not one.settled:
            continue
        older = best is not None and (one.version or 0) < (best.version or 0)
        best = best if older else one
    return (best.digest, best.version) if best else None


def sent_after(entries: Iterable[Sent], run: str, given_up: Refusals) -> bool:
    """Whether a later run sent the id, and it was not given up: its dead letter can go."""
    return any(
        entry.last > run and ((entry.run, entry.version) not in given_up or entry.settled)
        for entry in entries
    )


def test_the_last_state_and_the_one_before_it_are_kept() -> None:
    first, second, third = sent(1, "a"), sent(2, "b"), sent(3, "c")
    assert fold([first, second, third]) == [second, third]


def test_sent_again_without_a_change_it_is_one_state_that_no_refusal_can_change() -> None:
    (kept,) = fold([sent(1, "a"), sent(2, "a"), sent(3, "a")])
    assert kept == sent(3, "a")._replace(settled=True)
    assert fold([kept], given_up={refused(3)}) == [kept]


def test_the_state_before_a_refusal_that_comes_late_counts_again() -> None:
    kept = fold([sent(1, "a"), sent(2, "b")])
    (back,) = fold(kept, given_up={refused(2)})
    assert (back.run, back.digest) == ("run-1", "a")


def test_the_state_before_an_old_one_is_not_kept() -> None:
    assert len(fold([sent(1, "a"), sent(2, "b")], recent="run-2")) == 2
    assert fold([sent(1, "a"), sent(2, "b")], recent="run-3") == [sent(2, "b")]


def test_an_older_version_that_comes_later_does_not_count_but_was_sent() -> None:
    (*_, kept) = fold([sent(1, "new", 9), sent(2, "old", 5)], stale={refused(2, 5)})
    assert (kept.digest, kept.version, kept.run, kept.last) == ("new", 9, "run-1", "run-2")


def test_what_was_given_up_was_never_sent() -> None:
    assert fold([sent(1, "a")], given_up={refused(1)}) == []
    (kept,) = fold([sent(1, "a"), sent(2, "b")], given_up={refused(2)})
    assert (kept.digest, kept.last) == ("a", "run-1")


def test_a_delete_is_remembered_until_no_older_record_can_come() -> None:
    gone = [sent(1, "a", 1), sent(2, "", 2)]
    assert fold(gone, recent="run-9")[-1] == sent(2, "", 2)
    assert fold(gone, recent="run-9", forget="run-2")[-1] == sent(2, "", 2)
    assert fold(gone, recent="run-9", forget="run-3") == []


@dataclass
class Run:
    """A run that sent one id."""

    entry: Sent
    refusal: str | None
    folded: bool = field(default=False)


@st.composite
def histories(draw: st.DrawFn, *, versions: bool) -> list[Run]:
    number = draw(st.integers(1, 8))
    made = []
    for run in range(1, number + 1):
        version = draw(st.integers(0, 3)) if versions else None
        refusal = draw(st.sampled_from([None, None, None, "stale", "given_up"]))
        made.append(Run(sent(run, draw(st.sampled_from(["", "a", "b", "c"])), version), refusal))
    return made


@PROPERTY
@pytest.mark.parametrize("versions", [True, False])
@given(data=st.data())
def test_folding_at_any_time_and_in_any_order_changes_nothing(
    versions: bool, data: st.DataObject
) -> None:
    history = data.draw(histories(versions=versions))
    stale = {(run.entry.run, run.entry.version) for run in history if run.refusal == "stale"}
    given_up = {(run.entry.run, run.entry.version) for run in history if run.refusal == "given_up"}
    baseline: list[Sent] = []
    in_vain_only = False
    for chosen in data.draw(st.lists(st.sets(st.sampled_from(range(len(history)))), max_size=4)):
        new = [history[number] for number in chosen if not history[number].folded]
        entries = sorted([*baseline, *(run.entry for run in new)], key=lambda entry: entry.run)
        # Refusals are gone with the manifests of their runs.
        names = {run.entry.run for run in new}
        baseline = fold(
            entries,
            stale={one for one in stale if one[0] in names},
            given_up={one for one in given_up if one[0] in names},
        )
        assert len(baseline) <= 2
        in_vain_only |= not baseline and any(run.refusal == "stale" for run in new)
        for run in new:
            run.folded = True
    left = [run for run in history if not run.folded]
    names = {run.entry.run for run in left}
    out = {one for one in stale | given_up if one[0] in names}
    now = [*baseline, *(run.entry for run in left)]
    everything = [run.entry for run in history]
    assert counting(now, out) == counting(everything, stale | given_up)
    if in_vain_only:
        return  # Nothing that was folded with it made it stale: a dead letter waits for more.
    in_vain = {one for one in given_up if one[0] in names}
    for letter in [f"run-{number}" for number in range(len(history) + 1)]:
        assert sent_after(now, letter, in_vain) == sent_after(everything, letter, given_up)


@PROPERTY
@given(data=st.data())
def test_of_a_folded_run_the_last_refusal_may_still_come(data: st.DataObject) -> None:
    history = data.draw(histories(versions=False))
    in_vain = {(run.entry.run, None) for run in history if run.refusal == "given_up"}
    baseline = fold([run.entry for run in history], given_up=in_vain)
    late: Refusals = {(baseline[-1].run, None)} if baseline else set()
    everything = [run.entry for run in history]
    assert counting(baseline, late) == counting(everything, in_vain | late)
