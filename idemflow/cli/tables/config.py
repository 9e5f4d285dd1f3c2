"""The table of ``idemflow config``."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from idemflow.cli.tables import on_one_line, table
from idemflow.commands.config import Setting
from idemflow.config.environment import text


def settings_table(settings: Iterable[Setting]) -> Table:
    """A line a setting; what is no default stands out."""
    rows = table("setting")
    rows.add_column("value", overflow="fold")
    rows.add_column("from", overflow="fold")
    for one in settings:
        rows.add_row(
            one.name,
            "-" if one.value in (None, ()) else on_one_line(text(one.value)),
            on_one_line(one.place or one.source),
            style="dim" if one.source == "default" else "",
        )
    return rows
