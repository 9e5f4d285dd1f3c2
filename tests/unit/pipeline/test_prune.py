"""``prune:`` of the YAML: what is accepted, and how each mistake is explained."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from idemflow.errors import PipelineError
from idemflow.pipeline.retention import Keep, PruneRules
from tests.unit.pipeline.test_expect import load


def test_rules(tmp_path: Path) -> None:
    assert load(tmp_path, "").prune is None
    more = "mode: snapshot\nprune: {runs: 5, dead_letters: {age: 90 days}, indices: {number: 2}}\n"
    found = load(tmp_path, more).prune
    assert found == PruneRules(runs=5, dead_letters=Keep(age="90 days"), indices=Keep(number=2))
    assert found.dead_letters
    assert found.dead_letters.for_time == timedelta(days=90)
    assert load(tmp_path, "prune: {every: 1 day}\n").prune == PruneRules(every="1 day")


@pytest.mark.parametrize(
    ("age", "due"),
    [
        (None, True),
        (timedelta(days=3), True),
        (timedelta(days=1), True),
        (timedelta(hours=23, minutes=58), True),  # a daily job that was quicker today
        (timedelta(hours=22), False),
        (timedelta(0), False),
        (-timedelta(hours=22), False),  # another machine's clock
        (-timedelta(days=4000), True),  # one that was wrong
    ],
)
def test_when_it_is_due(age: timedelta | None, due: bool) -> None:
    now = datetime(2026, 5, 6, 7, tzinfo=UTC)
    last = None if age is None else now - age
    assert PruneRules(every="1 day").is_due(last, now) is due
    assert not PruneRules(runs=3).is_due(last, now)
    assert PruneRules(every="99999999999999 days").is_due(last, now) is (last is None)


@pytest.mark.parametrize(
    ("prune", "field", "words"),
    [
        ("{}", "prune", "one of them at least"),
        ("{indices: {number: 2}}", "", "all runs write to one index"),
        ("{dead_letters: {}}", "prune.dead_letters", "age or number"),
        ("{dead_letters: {number: 0}}", "prune.dead_letters.number", "greater than or equal to 1"),
        ("{dead_letters: 90 days}", "prune.dead_letters", ""),
        ("{runs: 1, age: 1 day}", "prune.age", ""),
        ("{every: 59 min}", "prune.every", "at least \"1 hour\" (it is '59 min')"),
        ("{every: daily}", "prune.every", '"1 day"'),
        ("{every: 1}", "prune.every", "string"),
    ],
)
def test_mistakes(tmp_path: Path, prune: str, field: str, words: str) -> None:
    with pytest.raises(PipelineError) as caught:
        load(tmp_path, f"prune: {prune}\n")
    assert words in caught.value.message
    assert field in caught.value.message
