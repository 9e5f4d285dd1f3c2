"""A command that waits says so where nobody looks: a line a minute."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from idemflow.cli.tables.runs_progress import RunsProgress


@pytest.mark.parametrize("terminal", [False, True])
def test_without_a_terminal_a_line_a_minute(
    monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    now = 1000.0
    monkeypatch.setattr("idemflow.cli.tables.runs_progress.time.monotonic", lambda: now)
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=200, highlight=False)
    # `--json` draws nothing on a terminal either.
    with RunsProgress(console, silent=terminal) as progress:
        for second in range(130):
            now = 1000.0 + second
            progress.records(2, 12_000, 20_000, "8 in documents → Put documents")
        now += 60
        progress.step("NiFi does not answer")
    lines = written.getvalue().splitlines()
    said = "run 2: 12,000 of 20,000 records are documents or dead letters; 8 in documents → Put"
    assert [said in line for line in lines] == [True, True, False]
    assert lines[2].endswith("NiFi does not answer")


def test_what_is_quick_says_nothing() -> None:
    written = io.StringIO()
    with RunsProgress(Console(file=written), silent=False) as progress:
        progress.step("compare")
        progress.records(1, 0, None, "collecting")
    assert written.getvalue() == ""
