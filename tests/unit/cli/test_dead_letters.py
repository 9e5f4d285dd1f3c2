"""The table of dead letters: reasons are whole, however narrow the terminal is."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from idemflow.cli.tables.dead_letters import listing
from idemflow.commands.dead_letters import Listing
from idemflow.dead_letters.store import Letter

REASON = " ".join(f"word{number:03d}" for number in range(40)) + " " + "x" * 200
LETTER = Letter(
    id="3f8a12bc90d1ee", pipeline="people", run="20260131T120000000-0a1b2c3d",
    time="2026-01-31T12:00:00.123+00:00", step="Load", reason=REASON,
)  # fmt: skip


def shown(letter: Letter, width: int) -> list[str]:
    console = Console(file=StringIO(), width=width)
    console.print(listing(Listing("people", [letter], 1, [])))
    assert isinstance(console.file, StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_reason_is_whole_at_any_width(width: int) -> None:
    lines = shown(LETTER, width)
    assert max(map(len, lines)) <= width
    text = "".join(line[13:].replace(" ", "") for line in lines[1:-1])
    assert text.endswith("run20260131T120000" + REASON.replace(" ", ""))
    assert lines[1].startswith("3f8a12bc90d1 2026-01-31 12:00:00 · Load")


def test_what_a_letter_is_of_stands_before_its_reason() -> None:
    of = {"source": "a.csv", "position": "17", "version": 5, "delete": True, "attempts": 2}
    letter = Letter(**{**vars(LETTER), "record_id": "p-\x1b[7m", "reason": "why", **of})
    _, facts, reason, _ = shown(letter, 160)
    assert facts[13:] == (
        "2026-01-31 12:00:00 · Load · record p-\\x1b[7m version 5 (delete) · at a.csv:17 · "
        "run 20260131T120000 · 2 tries"
    )
    assert reason[13:] == "why"
