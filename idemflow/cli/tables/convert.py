"""The table of ``idemflow convert``."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from idemflow.cli.tables import on_one_line, table
from idemflow.commands.convert import Left


def left_table(left: Iterable[Left]) -> Table:
    """A line for each thing that is left to a person."""
    rows = table(right=("line",))
    rows.add_column("what", overflow="fold")
    rows.add_column("to do", overflow="fold")
    for one in left:
        rows.add_row(str(one.line), on_one_line(one.what), on_one_line(one.do))
    return rows
