"""Kinds of reasons: what belongs to one record is left out, and they are counted."""

from __future__ import annotations

import pytest

from idemflow.dead_letters.kinds import MOST, OTHERS, Kinds, kind


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
    ],
)
def test_equal_causes_are_one_kind(reason: str, found: str) -> None:
    assert kind(reason) == found


def test_the_most_frequent_kind_comes_first() -> None:
    counted = Kinds(["no id", "record 1 is bad", "record 22 is bad"])
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
