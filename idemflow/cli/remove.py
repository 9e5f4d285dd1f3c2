"""The command ``remove``."""

from __future__ import annotations

import click

from idemflow.cli.base import confirm, err, main, show, verb
from idemflow.cli.tables import pipelines as tables
from idemflow.cli.tables.runs_progress import RunsProgress
from idemflow.commands import remove as remove_command
from idemflow.config.settings import Settings


@verb(main)
@click.argument("pipeline")
@click.option("--data", is_flag=True, help="Its indices too, and what the ledger says of them.")
@click.option("--dead-letters", is_flag=True, help="Its dead letters, too.")
@click.option("--discard-queued", is_flag=True, help="Although records are on their way.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(settings: Settings, pipeline: str, yes: bool, as_json: bool, **chosen: bool) -> None:
    """Take PIPELINE off the canvas, whether its YAML is there or not.

    Stops it and deletes its process group and its parameter context, after a question. Its
    documents and dead letters stay unless you say --data and --dead-letters. Its files, and its
    versions in git, always do.

    \b
    Examples:
      idemflow remove people
      idemflow remove people --data --dead-letters
      idemflow remove people --yes
    """

    def ask(found: remove_command.Removal) -> None:
        confirm(f"Remove {pipeline}?", tables.removal_table(found), yes=yes)

    with RunsProgress(err, silent=True) as progress:
        result = remove_command.remove(settings, pipeline, progress, ask, **chosen)
    show(as_json, result, tables.removal_table(result), f"{pipeline} is removed.")
