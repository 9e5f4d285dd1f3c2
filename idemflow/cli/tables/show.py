"""The table of ``idemflow show``."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.markup import escape

from idemflow.cli.tables import on_one_line, table
from idemflow.commands.show import Shown


def pipeline_table(shown: Shown) -> Iterator[RenderableType]:
    """What a pipeline is, and its last runs."""
    rows = table("", show_header=False)
    rows.add_column(overflow="fold")
    arguments = ", ".join(f"{name}={value}" for name, value in shown.arguments.items())
    facts = {
        "pipeline": shown.name,
        "what": shown.description,
        "files": ", ".join(map(str, shown.files)),
        "source": shown.source,
        "parameters": arguments,
        "identity": shown.identity,
        "version": shown.version or "",
        "mode": shown.mode,
        "index": shown.index,
        "schedule": shown.schedule or "by hand",
        "on the canvas": shown.canvas.state if shown.canvas else "not known",
    }
    for name, value in facts.items():
        if value:
            rows.add_row(name, on_one_line(value))
    yield rows
    if shown.runs:
        from idemflow.cli.tables.runs import history  # noqa: PLC0415 (imports the clients)

        yield history(shown.runs, shown.name)
    if shown.problem:
        yield f"[yellow]{escape(shown.problem)}[/]"
    if shown.next_command:
        yield f"next: {escape(shown.next_command)}"
