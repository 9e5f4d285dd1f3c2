"""The command ``convert``: a script written for Jython becomes one in Python 3."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import click
from rich.markup import escape

from idemflow.cli.base import err, json_option, main, out, print_json
from idemflow.cli.tables import as_printed
from idemflow.cli.tables.convert import left_table
from idemflow.commands.convert import Converted
from idemflow.commands.convert import convert as command
from idemflow.errors import LeftToDo
from idemflow.steps.rules.words import counted


@main.command()
@click.argument("script", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE",
    help="Write the script to FILE; by default it is printed.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@click.option("--diff", is_flag=True, help="Print what changes in place of the script.")
@json_option
def convert(script: Path, output: Path | None, force: bool, diff: bool, as_json: bool) -> None:
    """Turn SCRIPT, an ExecuteScript for Jython 2, into Python 3, and list what is left to you.

    The script is read and never run. Exit code 10 when a line is left to you.

    \b
    Examples:
      idemflow convert old.py --diff
      idemflow convert old.py -o scripts/new.py
      idemflow convert old.py > new.py
    """
    found = command(script, output, force=force)
    if as_json:
        print_json({**dataclasses.asdict(found), "complete": found.complete})
    else:
        _print(found, diff=diff)
    if found.left:
        count = len({one.line for one in found.left})
        raise LeftToDo(
            f"{counted(count, 'line')} of the converted script {'is' if count == 1 else 'are'} "
            "left to you",
            next_command=f"edit {output or 'the converted script'}; docs/python-engine.md says "
            "what the engine runs",
        )


def _print(found: Converted, *, diff: bool) -> None:
    """The script or the diff as it is, for a file or a pipe; what is said about it beside that."""
    printed, about = diff or found.written is None, out
    if printed:
        text, about = found.diff if diff else found.text, err
        click.echo(as_printed(text) if sys.stdout.isatty() else text, nl=False)
    if found.left:
        about.print(left_table(found.left))
    if found.written is not None:
        about.print(f"{escape(str(found.written))} is written.")
    if found.complete:
        about.print("Nothing is left to you.")
