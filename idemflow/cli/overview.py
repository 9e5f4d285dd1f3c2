"""``idemflow`` alone."""

from __future__ import annotations

import dataclasses

import click
from rich.markup import escape
from rich.table import Table

from idemflow.cli.base import out, print_json, resolve
from idemflow.commands.overview import Overview, overview
from idemflow.config.combinations import TITLES
from idemflow.errors import IdemflowError

_BEGIN = """\
There is no project here: neither flows/ nor idemflow.toml, nor in a folder above.
A project is a folder with flows/NAME.yaml, which describes a pipeline, and scripts/NAME.py, which
makes its records. Go to one, or name it: idemflow --project FOLDER
Make one: idemflow init FOLDER, and in it: idemflow new NAME --from FILE
All commands: idemflow --help"""


def show(context: click.Context, *, as_json: bool) -> None:
    """Print what is the case; whatever that is, it is no failure."""
    try:
        found = overview(resolve(context))
    except IdemflowError as error:
        found = Overview(None, problem=error.message, next_command=error.next_command)
    if as_json:
        print_json(dataclasses.asdict(found))
        return
    if found.project is None:
        out.print(_BEGIN if found.problem is None else f"[red]problem:[/] {escape(found.problem)}")
    else:
        out.print(f"Project: {escape(str(found.project))}")
        states = ", ".join(
            f"{'' if one.embedded else 'your '}{TITLES[one.name]} {one.state}"
            for one in found.servers
        )
        out.print(f"Servers ({found.runtime}): {states}")
        if found.pipelines is None:
            out.print(f"Pipelines: {', '.join(found.names) or 'none yet'}")
        else:
            out.print(_table(found))
        if found.problem:
            out.print(f"[red]problem:[/] {escape(found.problem)}")
    if found.next_command:
        out.print(f"next: {escape(found.next_command)}")


def _table(found: Overview) -> Table:
    # Imported with the clients, which are loaded already where pipelines were looked at.
    from idemflow.cli.tables.pipelines import runs  # noqa: PLC0415

    table = Table("pipeline", "steps", "runs", box=None, padding=(0, 1, 0, 0))
    table.add_column("queued", justify="right")
    table.add_column("dead letters", justify="right")
    letters = found.dead_letters
    for one in found.pipelines or ():
        count = "?" if letters is None else f"{letters.get(one.name, 0):,}"
        table.add_row(one.name, one.state, runs(one), f"{one.queued:,}", count)
    return table
