"""What is said of records with one id."""

from __future__ import annotations

from dataclasses import replace

import pytest

from idemflow.elasticsearch.examples import examples, in_words
from tests.unit.elasticsearch.memory import Record, Runs


@pytest.mark.parametrize(
    ("records", "collisions", "words"),
    [
        (1, 0, "1 record has an id that another record of the run has, with equal contents"),
        (2, 2, "2 records have an id that another record of the run has, with other contents"),
        (1500, 1200, "1,200 of them with other contents"),
    ],
)
def test_in_words(records: int, collisions: int, words: str) -> None:
    assert in_words(records, collisions).endswith(words)


def test_two_records_are_shown_that_differ_where_any_do() -> None:
    def valued(key: str, value: int) -> Record:
        return key, {"value": value}, None

    runs = Runs()
    chunk = runs.send("r", "i", valued("a", 1), valued("b", 1), valued("a", 1), valued("b", 1))
    runs.chunks[0] = replace(chunk, source="x.csv", positions="2,4,4,9")
    runs.send("r", "another", valued("a", 7))
    runs.send("r", "i", valued("a", 2), valued("a", 3))
    a, b = examples(runs.of_run("r"), ["i"], ["a", "b"])
    assert [one.position for one in b.records] == [4, 9]
    assert [(one.source, one.position) for one in a.records] == [("x.csv", 2), (None, None)]
    assert a.records[0].content != a.records[1].content
