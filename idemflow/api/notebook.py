"""Results as tables in a notebook, drawn from the tables of the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from html import escape
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from idemflow.cli.tables import dead_letters, differences, pipelines, runs, servers
from idemflow.commands.dead_letters import Listing, ReplayReport
from idemflow.commands.deploy import Deployment
from idemflow.commands.run import RunsReport
from idemflow.commands.status import Status
from idemflow.elasticsearch.history import PastRun
from idemflow.elasticsearch.verify import Verification

_DRAWN: dict[type, Callable[[Any], RenderableType]] = {
    Deployment: lambda found: differences.changes_table(found.changes),
    Listing: dead_letters.listing,
    PastRun: runs.past_run,
    ReplayReport: dead_letters.replayed,
    RunsReport: pipelines.runs_table,
    Status: lambda found: Group(
        servers.servers_table(found.servers), pipelines.pipelines_table(found.pipelines or [])
    ),
    Verification: pipelines.verification_table,
}


def register() -> None:
    """Let IPython show results as tables, where it runs: Jupyter is one of its programs."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None:
        return
    formatter = shell.display_formatter.formatters["text/html"]
    for kind in _DRAWN:
        formatter.for_type(kind, html)


def html(result: object) -> str:
    """A result as HTML, as text of the server's and the records' making would be shown: escaped.

    Args:
        result: of one of the kinds that are drawn.

    Raises:
        KeyError: it is of none.
    """
    return "".join(_parts(_DRAWN[type(result)](result)))


def _parts(drawn: RenderableType) -> Iterator[str]:
    if isinstance(drawn, Group):
        for part in drawn.renderables:
            yield from _parts(part)
    elif isinstance(drawn, Table):
        yield _table(drawn)
    else:
        yield f"<p>{_text(drawn)}</p>"


def _table(drawn: Table) -> str:
    heads = "".join(f"<th>{_text(column.header)}</th>" for column in drawn.columns)
    cells = zip(*(column.cells for column in drawn.columns), strict=True)
    rows = "".join(f"<tr>{_cells(row)}</tr>" for row in cells)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _cells(row: Iterable[RenderableType]) -> str:
    return "".join(f"<td>{_text(cell)}</td>" for cell in row)


def _text(drawn: RenderableType) -> str:
    text = Text.from_markup(drawn) if isinstance(drawn, str) else drawn
    return escape(text.plain if isinstance(text, Text) else str(text))
