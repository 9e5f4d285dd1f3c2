"""The command ``remove``."""

from __future__ import annotations

import click
from rich.markup import escape

from idemflow.cli.base import confirm, err, main, show, verb
from idemflow.cli.tables import pipelines as tables
from idemflow.commands import remove as remove_command
from idemflow.config.settings import Settings


@verb(main)
@click.argument("pipeline")
@click.option("--discard-queued", is_flag=True, help="Although records are on their way.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(
    settings: Settings, pipeline: str, discard_queued: bool, yes: bool, as_json: bool
) -> None:
    """Take PIPELINE off the canvas, whether its YAML is there or not.

    Stops it and deletes its process group and its parameter context, after a question. Its files,
    its documents, its dead letters and its versions in git stay.

    \b
    Examples:
      idemflow remove people
      idemflow remove people --yes
    """

    def ask(found: remove_command.Removal) -> None:
        confirm(f"Remove {pipeline}?", tables.removal_table(found), yes=yes)

    with tables.RunsProgress(err, silent=True) as progress:
        result = remove_command.remove(
            settings, pipeline, progress, ask, discard_queued=discard_queued
        )
    stays = [escape(f"Stays: {one}") for one in result.stays]
    show(as_json, result, tables.removal_table(result), f"{pipeline} is removed.", *stays)
