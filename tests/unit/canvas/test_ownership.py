"""The mark in a parameter context's description."""

from __future__ import annotations

from idemflow.canvas import ownership
from idemflow.canvas.ownership import Mark


def test_a_mark_is_read_from_what_it_was_written_into() -> None:
    mark = Mark("0a1b", "people", "16e3-01", "f00", r"/home/a b\1")
    text = mark.written_into(None)
    assert ownership.read(text) == mark
    # What a person wrote beside it stays.
    theirs = mark.written_into("Ask the data team.\nThank you.")
    assert theirs.startswith("Ask the data team.\nThank you.\nidemflow: project 0a1b, ")
    moved = Mark("0a1b", "people", "other", "none")
    assert ownership.read(moved.written_into(theirs)) == moved
    assert moved.written_into(theirs).count("idemflow:") == 1


def test_a_name_or_half_a_line_is_no_mark() -> None:
    for text in (
        None, "", "Written by idemflow deploy", "idemflow people",
        "see idemflow: project a, pipeline b, group c, flow d, folder e",
        "idemflow: project a, pipeline b",
    ):  # fmt: skip
        assert ownership.read(text) is None
