"""Tables and progress of pipelines."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from idemflow.canvas.component_state import State
from idemflow.canvas.difference import Change
from idemflow.cli.tables import table
from idemflow.commands.run import RunsReport
from idemflow.commands.status import PipelineStatus
from idemflow.elasticsearch.verify import Verification


def runs_table(report: RunsReport) -> RenderableType:
    """The table of ``idemflow run``: a line a run, and what the index holds afterwards."""
    # What not every pipeline can have is shown where it is there.
    optional = [
        name for name in ("deleted", "dropped") if any(getattr(run, name) for run in report.runs)
    ]
    counts = ["sent", "created", "overwritten", *optional, "stale"]
    bad = {"dead letters": "yellow", "duplicates": "red", "lost": "red"}
    rows = table(right=("run", *counts, *bad, "seconds"))
    for number, run in enumerate(report.runs, start=1):
        rows.add_row(
            str(number),
            *(f"{getattr(run, name):,}" for name in counts),
            *(_bad(getattr(run, name.replace(" ", "_")), color) for name, color in bad.items()),
            f"{run.seconds:.1f}",
        )
    verdict = (
        "[green]nothing twice, nothing lost[/]" if report.idempotent else "[red]not idempotent[/]"
    )
    return Group(rows, f"{report.documents:,} documents in {report.index}: {verdict}.")


def drift(pipeline: str, places: int) -> list[str]:
    """What to say where the canvas differs from the files; nothing where it does not."""
    return [
        f"The canvas differs from the files in {places} place(s); "
        f"see: idemflow deploy {pipeline} --dry-run"
    ] * bool(places)


def verification_table(result: Verification) -> RenderableType:
    """The table of ``idemflow verify``."""
    rows = table("", "documents", "checksum")
    color = "green" if result.equal else "red"
    sent = "sent by 1 run" if result.runs == 1 else f"sent by {result.runs} runs"
    rows.add_row(sent, f"{result.expected:,}", result.expected_checksum)
    rows.add_row(f"in {result.index}", f"{result.documents:,}", f"[{color}]{result.checksum}[/]")
    parts: list[RenderableType] = [rows]
    for name, ids, count in (
        ("missing", result.missing, result.missing_count),
        ("extra", result.extra, result.extra_count),
        ("different", result.different, result.different_count),
    ):
        if ids:
            more = f" and {count - len(ids):,} more" if count > len(ids) else ""
            shown = ", ".join(escape(identifier) for identifier in ids)
            parts.append(f"[red]{name}[/]: {shown}{more}")
    if result.equal:
        parts.append("[green]The index is exactly what was sent.[/]")
    return Group(*parts)


def states_table(states: Iterable[State]) -> Table:
    """The table of ``idemflow source show``."""
    rows = Table("step", "key", "value", box=None, padding=(0, 1, 0, 0))
    for state in states:
        for key, value in sorted(state.entries.items()):
            rows.add_row(escape(state.step), escape(key), escape(value))
    return rows


def pipelines_table(pipelines: Iterable[PipelineStatus]) -> RenderableType:
    """The pipelines of ``idemflow status``, and why something waits."""
    rows = Table("pipeline", "steps", "runs", box=None, padding=(0, 1, 0, 0))
    rows.add_column("queued", justify="right")
    rows.add_column("where")
    colors = {"running": "green", "invalid": "red"}
    parts: list[RenderableType] = [rows]
    for pipeline in pipelines:
        where = ", ".join(f"{count:,} in {queue}" for queue, count in pipeline.queues.items())
        rows.add_row(
            pipeline.name,
            f"[{colors.get(pipeline.state, 'dim')}]{pipeline.state}[/]",
            runs(pipeline),
            f"{pipeline.queued:,}",
            escape(where),
        )
        parts += [f"[yellow]{pipeline.name}[/]: {escape(reason)}" for reason in pipeline.reasons]
    return Group(*parts)


def runs(pipeline: PipelineStatus) -> str:
    """When a pipeline runs, in markup."""
    words = escape(pipeline.runs)
    if pipeline.schedule is None:
        return f"[dim]{words}[/]"
    return f"{words} [dim]({pipeline.schedule})[/]"


def changes_table(changes: Iterable[Change]) -> Table:
    """What differs between the canvas and the files."""
    return difference_table(changes, "on the canvas", "in the files")


def difference_table(changes: Iterable[Change], left: str, right: str) -> Table:
    """What differs between two sides, which are named."""
    rows = Table("component", "property", escape(left), escape(right))
    for change in changes:
        before, after = _first_difference(change.before, change.after)
        rows.add_row(
            escape(change.component), escape(change.property), _value(before), _value(after)
        )
    return rows


def _first_difference(before: str | None, after: str | None) -> tuple[str | None, str | None]:
    """Of two long texts, scripts above all, the first lines that differ, with their numbers."""
    if before is None or after is None or "\n" not in before + after:
        return before, after
    pairs = zip_longest(before.splitlines(), after.splitlines(), fillvalue="")
    for number, (old, new) in enumerate(pairs, start=1):
        if old != new:
            return f"line {number}: {old.strip()}", f"line {number}: {new.strip()}"
    return before, after


def _value(value: str | None) -> str:
    """A property's value, shortened."""
    if value is None:
        return "[dim]none[/]"
    first, _, rest = value.partition("\n")
    return escape(first[:60] + (" …" if rest or len(first) > 60 else ""))


def _bad(count: int, color: str) -> str:
    return f"[{color}]{count:,}[/]" if count else "0"


class RunsProgress:
    """A line a preparation, and a bar a run. A context manager.

    Args:
        console: where to draw.
        silent: draw nothing.
    """

    def __init__(self, console: Console, *, silent: bool) -> None:
        self._console = console
        self._silent = silent or not console.is_terminal
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
        self._show(0, text, 0, None, "")

    def records(self, number: int, done: int, total: int | None, note: str) -> None:
        """Run ``number`` has brought ``done`` of ``total`` records to their end."""
        self._show(number, f"run {number}", done, total, note)

    def _show(self, number: int, text: str, done: int, total: int | None, note: str) -> None:
        if self._task is None or self._task[0] != number:
            if self._task is not None:
                self._bars.update(self._task[1], visible=False)
            self._task = (number, self._bars.add_task(text, total=total, note=note))
        self._bars.update(
            self._task[1], description=text, completed=done, total=total, note=escape(note)
        )
