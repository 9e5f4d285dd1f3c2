"""The command ``test``."""

from __future__ import annotations

import dataclasses

import click
from rich.console import RenderableType
from rich.markup import escape

from idemflow.cli.base import ask, err, main, show, verb
from idemflow.cli.tables import as_printed, harmless, table
from idemflow.commands import test as command
from idemflow.commands.test import Tested
from idemflow.config.settings import Settings
from idemflow.errors import IdemflowError
from idemflow.preview.golden import EXPECTED, Golden, place

_COLORS = {"+": "green", "-": "red", "@": "cyan"}
_WORDS = {
    "same": "as expected", "differs": "[red]differs[/]", "new": "[yellow]nothing expected yet[/]",
    "none": "no test", "fails": "[red]cannot be run[/]", "updated": "[green]written[/]",
}  # fmt: skip


@verb(main)
@click.argument("pipelines", nargs=-1, metavar="[PIPELINE]...")
@click.option(
    "--update", is_flag=True, help="Show what differs, and ask whether it is what is expected."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def test(
    settings: Settings, pipelines: tuple[str, ...], update: bool, yes: bool, as_json: bool
) -> None:
    """Run the golden tests of PIPELINE, or of all, without any server.

    tests/PIPELINE/ has a sample and what is expected of it: documents with their ids, and records
    that are refused. docs/testing.md has the files. Exit code 1 unless each is as expected.

    \b
    Examples:
      idemflow test
      idemflow test people
      idemflow test people --update
    """

    def accept(found: Golden) -> bool:
        for line in _diff(found.difference):
            err.print(line)
        return yes or ask(f"Write this to {place(found.pipeline)}/{EXPECTED}?")

    found = command.test(settings, pipelines, accept if update else None)
    lines: list[RenderableType] = []
    rows = table("pipeline", "test", right=("documents", "refused"))
    for one in found:
        counts = ("", "") if one.state in ("none", "fails") else (one.documents, one.refused)
        rows.add_row(harmless(one.pipeline), _WORDS[one.state], *map(str, counts))
        if one.problem:
            lines.append(escape(as_printed(one.problem)))
        elif not update:
            lines += _diff(one.difference)
    show(as_json, {"tests": [*map(dataclasses.asdict, found)]}, *lines, rows)
    _judge(found)


def _judge(found: list[Tested]) -> None:
    bad = [one for one in found if not one.good]
    if bad:
        names = ", ".join(one.pipeline for one in bad)
        raise IdemflowError(
            f"not as expected: {names}",
            next_command=next((one.next_command for one in bad if one.next_command), None),
        )


def _diff(lines: tuple[str, ...]) -> list[str]:
    return [
        f"[{color}]{escape(as_printed(line))}[/]" if (color := _COLORS.get(line[:1])) else
        escape(as_printed(line))
        for line in lines
    ]  # fmt: skip
