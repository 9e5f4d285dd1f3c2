"""Tables and progress of the servers."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from idemflow.commands.doctor import Check
from idemflow.servers import ServerStatus

_STATES = {
    "running": "green",
    "starting": "yellow",
    "dead": "red",
    "stopped": "dim",
    "not answering": "red",
    "unreachable": "red",
}
_OUTCOMES = {"ok": "green", "warning": "yellow", "problem": "red"}


def servers_table(servers: Iterable[ServerStatus]) -> Table:
    """The servers of ``idemflow status``."""
    table = Table("server", "version", "state", "port", "pid", "memory", "health", box=None)
    for server in servers:
        color = _STATES[server.state]
        table.add_row(
            server.name if server.embedded else f"{server.name} (yours)",
            server.version or "",
            f"[{color}]{server.state}[/]",
            str(server.port or ""),
            str(server.pid or ""),
            mebibytes(server.memory),
            server.health or "",
        )
    return table


def checks_table(checks: Iterable[Check]) -> Table:
    """The checks of ``idemflow doctor``."""
    table = Table("", "check", box=None)
    table.add_column("found", overflow="fold")
    table.add_column("how to fix it", overflow="fold")
    for check in checks:
        color = _OUTCOMES[check.outcome]
        table.add_row(
            f"[{color}]{check.outcome}[/]",
            check.name,
            escape(check.found),
            escape(check.fix or ""),
        )
    return table


def mebibytes(size: int | None) -> str:
    """A number of bytes for a person; empty for ``None``."""
    return "" if size is None else f"{size / 1024**2:,.0f} MiB"


class ConsoleProgress:
    """Shows what the stages do: a line a stage, and bars while files are transferred.

    A context manager; use it as the :class:`idemflow.supply.progress.Progress` of a command.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._guard = threading.Lock()
        self._tasks: dict[str, TaskID] = {}
        self._total: TaskID | None = None
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )

    def __enter__(self) -> ConsoleProgress:
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()

    def step(self, text: str) -> None:
        """Prints a line."""
        with self._guard:
            self._finish_bars()
            self._console.print(f"[dim]·[/] {escape(text)}")

    def expect(self, files: int, total_bytes: int) -> None:
        """Starts the bars."""
        with self._guard:
            self._total = self._bars.add_task(f"{files} files", total=total_bytes)
            if self._console.is_terminal:
                self._bars.start()

    def begin(self, name: str, total_bytes: int, done_bytes: int) -> None:
        """Adds a file's bar."""
        with self._guard:
            if name not in self._tasks:
                self._tasks[name] = self._bars.add_task(name, total=total_bytes)
            task = self._tasks[name]
            self._add_to_total(done_bytes - self._bars.tasks[task].completed)
            self._bars.update(task, completed=done_bytes)

    def advance(self, name: str, amount: int) -> None:
        """Moves a file's bar and the sum's."""
        with self._guard:
            if name in self._tasks:
                self._bars.advance(self._tasks[name], amount)
            self._add_to_total(amount)

    def end(self, name: str) -> None:
        """Takes a file's bar away."""
        with self._guard:
            if name in self._tasks:
                self._bars.update(self._tasks[name], visible=False)

    def _add_to_total(self, amount: float) -> None:
        if self._total is not None:
            self._bars.advance(self._total, amount)

    def _stop(self) -> None:
        # On anything but a terminal rich prints an empty line for bars that never started.
        if self._bars.live.is_started:
            self._bars.stop()

    def _finish_bars(self) -> None:
        self._stop()
        for task in list(self._bars.task_ids):
            self._bars.remove_task(task)
        self._tasks.clear()
        self._total = None
