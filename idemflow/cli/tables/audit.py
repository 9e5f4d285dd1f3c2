"""What ``idemflow audit`` found, for a person."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from idemflow.audit.findings import Effect, Finding, Verdict
from idemflow.audit.plain import link
from idemflow.audit.report import Report
from idemflow.cli.tables import table
from idemflow.steps.rules.words import counted

_COLORS = {
    Verdict.IDEMPOTENT: "green",
    Verdict.AT_LEAST_ONCE: "red",
    Verdict.AT_MOST_ONCE: "red",
    Verdict.NO_GUARANTEE: "red",
    Verdict.UNKNOWN: "yellow",
}
_EFFECTS = {
    Effect.DUPLICATES: "red",
    Effect.LOSES: "red",
    Effect.UNKNOWN: "yellow",
    Effect.CONDITION: "cyan",
    Effect.NOTE: "dim",
}


def paths_table(report: Report) -> RenderableType:
    """A row a path, and what it leaves when it is run twice."""
    if not report.paths:
        return "[yellow]No path leads from a source to something that writes.[/]"
    made = table("run twice", "how sure")
    made.add_column("path")
    for one in report.paths:
        path = one.path
        way = f"{escape(path.source.place)} → {escape(path.sink.name)}"
        if path.after_failure:
            way += " [dim](what has failed)[/]"
        color = _COLORS[one.verdict]
        made.add_row(f"[{color}]{one.verdict}[/]", str(one.sure), way)
    return made


def findings_list(report: Report, nifi: str) -> RenderableType:
    """Each finding: where, what happens, why, how to mend it."""
    parts: list[RenderableType] = []
    for number, one in enumerate(report.findings, 1):
        parts += ["", _heading(number, one), Padding(_finding(one, nifi), (0, 0, 0, 3))]
    return Group(*parts)


def summary(what: str, report: Report) -> str:
    """One line on all of it."""
    color = _COLORS[report.verdict]
    counts = counted(len(report.paths), "path"), counted(len(report.findings), "finding")
    return f"{escape(what)}: [{color}]{report.verdict}[/], {counts[0]}, {counts[1]}"


def _heading(number: int, one: Finding) -> str:
    effect = f"[{_EFFECTS[one.effect]}]{one.effect}[/]"
    return f"{number}. {effect} ({one.sure}): {escape(one.where.place)} [dim]{one.rule}[/]"


def _finding(one: Finding, nifi: str) -> Table:
    made = Table.grid(padding=(0, 1))
    made.add_column(style="dim", no_wrap=True)
    made.add_column()
    made.add_row("what", escape(one.what))
    made.add_row("why", escape(one.why))
    made.add_row("mend", escape(one.mend))
    if address := link(one.where, nifi):
        made.add_row("see", address)
    return made
