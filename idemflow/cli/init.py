"""The command ``init``: a folder becomes a project."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click
from rich.markup import escape

from idemflow.cli.base import json_option, main, show
from idemflow.cli.tables.init import files_table
from idemflow.commands.init import init as command


@main.command()
@click.argument("folder", default=".", type=click.Path(path_type=Path))
@json_option
def init(folder: Path, as_json: bool) -> None:
    """Make a project in FOLDER, by default in this one: settings, flows/, scripts/, tests/, CI.

    What is there already is kept as it is: in an existing project or a git repository only what
    is missing is made.

    \b
    Examples:
      idemflow init my-pipelines
      idemflow init
    """
    found = command(folder)
    show(
        as_json,
        dataclasses.asdict(found),
        files_table(found),
        f"next: {escape(found.next_command)}",
    )
