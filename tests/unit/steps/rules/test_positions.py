"""Positions as run-length text."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idemflow.steps.rules.positions import decode, encode, nth, whole_number
from tests.unit.properties import PROPERTY

# Mostly consecutive, as positions are; with gaps, repetitions and steps back.
positions = st.lists(st.sampled_from([1, 1, 1, 1, 0, 2, 40, -3])).map(
    lambda steps: list(accumulate(steps, initial=500))
)


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ([], ""),
        (range(1, 1001), "1-1000"),
        ([*range(2, 18), *range(19, 1001)], "2-17,19-1000"),
        ([7], "7"),
        ([5, 5, 6], "5,5-6"),
        ([3, 2, 1], "3,2,1"),
    ],
)
def test_the_text(numbers: list[int], text: str) -> None:
    assert encode(numbers) == text
    assert list(decode(text, len(numbers)) or ()) == list(numbers)


@PROPERTY
@given(positions)
def test_round_trip(numbers: list[int]) -> None:
    text = encode(numbers)
    assert list(decode(text, len(numbers)) or ()) == numbers
    assert [nth(text, number) for number in range(len(numbers))] == numbers
    assert nth(text, len(numbers)) is None
    assert nth(text, -1) is None


@pytest.mark.parametrize(
    "text",
    [None, "", "x", "1-", "-1", "1--2", "2-1", "1,", "1 - 3", "٣", "1" * 19, "1-3,x", "1;3", "1\n"],
)
def test_what_is_no_text_of_positions(text: str | None) -> None:
    assert nth(text, 0) is None
    assert decode(text, 3) is None


def test_more_than_there_are_records_is_not_believed() -> None:
    assert decode("1-999999999999999999", 3) is None
    assert decode("1-2", 3) is None
    assert nth("1-999999999999999999", 10**17) == 10**17 + 1


@pytest.mark.parametrize(
    ("text", "number"), [("12", 12), ("0", 0), (None, None), ("", None), ("-1", None), ("x", None)]
)
def test_whole_numbers(text: str | None, number: int | None) -> None:
    assert whole_number(text) == number
    assert whole_number("9" * 20) is None
