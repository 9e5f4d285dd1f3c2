"""The table of ``idemflow init``."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from idemflow.cli.tables import table
from idemflow.commands.init import Project

_COLORS = {"made": "green", "kept": "dim"}


def files_table(project: Project) -> Table:
    """The project's files, and whether each was made."""
    rows = table(str(escape(str(project.folder))), "")
    for file in project.files:
        rows.add_row(escape(file.name), f"[{_COLORS[file.state]}]{file.state}[/]")
    return rows
