"""The table of ``idemflow status --watch``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.markup import escape

from idemflow.cli.tables import as_printed, table
from idemflow.commands.health import duration
from idemflow.commands.live import Look, Row
from idemflow.config.combinations import TITLES
from idemflow.sources.fields import seconds

_NOT_KNOWN = "[dim]?[/]"
# So many bulletins are shown, each of so many letters.
_SAID = 8
_LETTERS = 160


def live_table(look: Look) -> RenderableType:
    """What is the case now, for a terminal that is drawn anew."""
    rows = table("pipeline", "state", right=("rec/s", "queued", "retries", "dead letters"))
    rows.add_column("fresh", justify="right", no_wrap=True)
    rows.add_column("last run", overflow="fold")
    for row in look.rows:
        rows.add_row(row.pipeline, _state(row, look), *_numbers(row), _fresh(row), _last(row))
    states = ", ".join(
        f"{TITLES[name]} {'running' if state == 'running' else f'[red]{state}[/]'}"
        for name, state in look.servers.items()
    )
    parts: list[RenderableType] = [f"{look.at.astimezone():%H:%M:%S}  {states}", rows]
    parts += [f"[red]problem:[/] {_line(one)}" for one in look.problems]
    parts += [
        f"[yellow]{row.pipeline}[/]: {_line(row.problem)}" for row in look.rows if row.problem
    ]
    said = [*_said(look.rows)]
    if said:
        parts += ["", "Said within the last five minutes:", *said[-_SAID:]]
        if len(said) > _SAID:
            parts.append(f"[dim]and {len(said) - _SAID} more: idemflow open NAME[/]")
    return Group(*parts, "[dim]Ctrl-C ends this[/]")


def _state(row: Row, look: Look) -> str:
    if row.activity is None:
        return "[dim]not deployed[/]" if look.servers["nifi"] == "running" else _NOT_KNOWN
    if row.activity.invalid:
        return "[red]invalid[/]"
    return "[dim]stopped[/]" if row.activity.stopped else "[green]running[/]"


def _numbers(row: Row) -> Iterable[str]:
    yield _NOT_KNOWN if row.rate is None else f"{row.rate:,.0f}"
    if row.activity is None:
        yield from (_NOT_KNOWN, _NOT_KNOWN)
    else:
        yield f"{row.activity.queued:,}"
        yield _bad(row.activity.retried)
    yield _NOT_KNOWN if row.figures is None else _bad(row.figures.dead_letters)


def _bad(count: int) -> str:
    return f"[yellow]{count:,}[/]" if count else "0"


def _fresh(row: Row) -> str:
    if row.age is None:
        return _NOT_KNOWN if row.figures is None else ""
    expect = row.expect
    late = expect and expect.freshness and row.age > seconds(expect.freshness)
    return f"[red]{duration(row.age)}[/]" if late else duration(row.age)


def _last(row: Row) -> str:
    if row.figures is None:
        return _NOT_KNOWN
    if not row.figures.runs:
        return "[dim]none yet[/]"
    newest = row.figures.runs[0]
    words = f"{newest.records:,}: {escape(newest.verdict)}"
    return f"[red]{words}[/]" if newest.report.get("exit_code") else words


def _said(rows: Iterable[Row]) -> Iterable[str]:
    for row in rows:
        for words, count in Counter(f"{one.name}: {one.said}" for one in row.said).items():
            times = f" ({count} times)" if count > 1 else ""
            yield f"[yellow]{row.pipeline}[/]: {_line(words)}{times}"


def _line(text: str) -> str:
    """A text that quotes others on one line, without what a terminal would do."""
    words = as_printed(" ".join(text.split()))
    return escape(words if len(words) <= _LETTERS else f"{words[:_LETTERS]}…")
