"""The tables of ``idemflow new``: what was found, and what was written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from idemflow.cli.tables import as_printed, on_one_line, table
from idemflow.commands.new import NewPipeline
from idemflow.profile.guess import Column, Data, Guess

# So many fields are shown; all are in the YAML.
_SHOWN = 25


def looked(data: Data, guesses: Sequence[Guess], notes: Sequence[str]) -> Iterator[RenderableType]:
    """What the data are, and what is proposed."""
    yield _columns(data.columns, data.records)
    yield _guesses(guesses)
    yield from _notes(notes)


def made(pipeline: NewPipeline) -> Iterator[RenderableType]:
    """What was found and written."""
    yield _columns(pipeline.columns, pipeline.records)
    yield _guesses(pipeline.guesses)
    yield from _notes(pipeline.notes)
    yield from (f"{escape(one.name)} {one.state}" for one in pipeline.files)


def _columns(columns: Sequence[Column], records: int) -> Table:
    rows = table(f"{records:,} records: field", "in the index")
    rows.add_column("why", overflow="fold")
    for one in columns[:_SHOWN]:
        kind = one.mapping if isinstance(one.mapping, str) else one.mapping.get("type", "")
        rows.add_row(on_one_line(one.name), str(kind), on_one_line(one.why))
    if len(columns) > _SHOWN:
        rows.add_row(f"and {len(columns) - _SHOWN:,} more", "", "")
    return rows


def _guesses(guesses: Sequence[Guess]) -> Table:
    rows = table("proposal", "value")
    rows.add_column("why", overflow="fold")
    for one in guesses:
        rows.add_row(one.what, on_one_line(_value(one.value)), on_one_line(one.why))
    return rows


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if value == "\t":
        return "tab"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _notes(notes: Sequence[str]) -> Iterator[str]:
    yield from (f"[yellow]note:[/] {escape(as_printed(note))}" for note in notes)
