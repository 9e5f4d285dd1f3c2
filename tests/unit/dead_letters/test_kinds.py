"""Kinds of reasons: what belongs to one record is left out, and they are counted."""

from __future__ import annotations

import pytest

from idemflow.dead_letters.kinds import MOST, OTHERS, Kinds, kind, says


@pytest.mark.parametrize(
    ("reason", "found"),
    [
        (
            "document_parsing_exception: [1:19] failed to parse field [day] of type [date] in "
            "document with id 'r-9'. Preview of field's value: 'no day': failed to parse [no day]",
            "document_parsing_exception: failed to parse field [day] of type [date]",
        ),
        (
            "failed to parse field [n] in document with id 'it's. odd'. Preview of field's value",
            "failed to parse field [n]",
        ),
        ("record 52 is a list, not a dict", "record … is a list, not a dict"),
        (
            "the identity field 'id' is missing or null",
            "the identity field 'id' is missing or null",
        ),
        ("x" * 300, "x" * 199 + "…"),
        # What one looks for stays: names, values in quotes, the line of the script.
        ("the field 'n10' is '17', not int64", "the field 'n10' is '17', not int64"),
        ("KeyError: 5 (line 12 of the script)", "KeyError: … (line 12 of the script)"),
        ("the field 'deep[7].x' is nan", "the field 'deep[…].x' is nan"),
    ],
)
def test_equal_causes_are_one_kind(reason: str, found: str) -> None:
    assert kind(reason) == found


def test_the_most_frequent_kind_comes_first() -> None:
    counted = Kinds(["record 1 is bad", "no id", "record 22 is bad"])
    assert counted.most_common() == [("record … is bad", 2), ("no id", 1)]
    assert counted.total == 3


def test_so_many_kinds_are_told_apart_at_most() -> None:
    counted = Kinds("x" * number for number in range(150))
    for number in range(MOST):
        counted.add("".join(chr(ord("a") + int(digit)) for digit in str(number)))
    counted.add("a")
    kinds = counted.most_common()
    assert len(kinds) == MOST + 1
    assert kinds[0] == ("a", 2)
    assert kinds[-1] == (OTHERS, 150)
    assert counted.total == MOST + 151


@pytest.mark.parametrize(
    ("reasons", "shown"),
    [
        (["record 52 is 600 levels deep"], "record 52 is 600 levels deep"),
        (
            ["record 5 is nested more than 500 levels deep, 1,000", "record 12 is nested more than "
             "500 levels deep, 1,001"],
            "record … is nested more than 500 levels deep, 1,…",
        ),
        (["record 1 is … or 2", "record 2 is … or 2"], "record … is … or 2"),
        (["a\0b 7", "a\0b 8"], "a b …"),
        (["record 7: " + "x" * 300, "record 7: " + "x" * 300], "record 7: " + "x" * 189 + "…"),
        (["record 7: " + "1 " * 300], "record 7: " + "1 " * 94 + "1…"),
    ],
)  # fmt: skip
def test_numbers_that_all_letters_have_are_shown(reasons: list[str], shown: str) -> None:
    ((found, count),) = Kinds(reasons).most_common()
    assert count == len(reasons)
    assert found == shown
    # What is shown finds the letters again.
    assert all(says(reason.replace("\0", " "), found) for reason in reasons)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("PARSE field [born]", True),
        ("exception: failed to parse field [born] of type [date]", True),
        ("[1:19] failed", True),
        ("exc… parse … of type", True),
        ("of type … parse", False),
        ("parse field [b.rn]", False),
    ],
)
def test_a_text_of_the_list_finds_its_letters(text: str, found: bool) -> None:
    reason = (
        "document_parsing_exception: [1:19] failed to parse field [born] of type [date] in "
        "document with id 'p-9'. Preview of field's value: 'no day'"
    )
    assert says(reason, text) is found
