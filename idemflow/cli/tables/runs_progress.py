"""How a run goes on: bars on a terminal, and a line a minute where there is none."""

from __future__ import annotations

import time
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

# How often a line says what is waited for, in seconds.
LINE_EVERY = 60.0
# So much of a note stands behind a bar.
_BESIDE_BAR = 100


class RunsProgress:
    """A line a preparation, and a bar a run. A context manager.

    Where no bar is drawn, since nobody looks or ``--json`` is given, a line a minute says what is
    waited for: in the log of a scheduler, a run that takes hours is not one that hangs.

    Args:
        console: where to draw.
        silent: draw no bars.
    """

    def __init__(self, console: Console, *, silent: bool) -> None:
        self._console = console
        self._silent = silent or not console.is_terminal
        self._printed = time.monotonic()
        self._task: tuple[int, TaskID] | None = None
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("[dim]{task.fields[note]}"),
            console=console,
            transient=True,
            disable=self._silent,
        )

    def __enter__(self) -> RunsProgress:
        if not self._silent:
            self._bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        if not self._silent:
            self._bars.stop()

    def step(self, text: str) -> None:
        """Something is prepared."""
        self._line(text)
        self._show(0, text, 0, None, "")

    def records(self, number: int, done: int, total: int | None, note: str) -> None:
        """Of the ``total`` records of run ``number``, ``done`` are documents or dead letters."""
        of = "" if total is None else f" of {total:,}"
        waits = f"; {note}" if note else ""
        self._line(f"run {number}: {done:,}{of} records are documents or dead letters{waits}")
        self._show(number, f"run {number}", done, total, note)

    def _line(self, text: str) -> None:
        if self._silent and time.monotonic() - self._printed >= LINE_EVERY:
            self._printed = time.monotonic()
            self._console.print(f"{datetime.now():%H:%M:%S} {text}", markup=False)

    def _show(self, number: int, text: str, done: int, total: int | None, note: str) -> None:
        if self._silent:
            return
        if self._task is None or self._task[0] != number:
            if self._task is not None:
                self._bars.update(self._task[1], visible=False)
            self._task = (number, self._bars.add_task(text, total=total, note=note))
        beside = note if len(note) <= _BESIDE_BAR else f"{note[:_BESIDE_BAR]}..."
        self._bars.update(
            self._task[1], description=text, completed=done, total=total, note=escape(beside)
        )
