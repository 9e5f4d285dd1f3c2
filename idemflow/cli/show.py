"""The command ``show``: what a pipeline is, and what became of it."""

from __future__ import annotations

import dataclasses

import click

from idemflow.cli.base import main, verb
from idemflow.cli.base import show as print_result
from idemflow.cli.tables.show import pipeline_table
from idemflow.commands.show import show as command
from idemflow.config.settings import Settings


@verb(main)
@click.argument("pipeline")
def show(settings: Settings, pipeline: str, as_json: bool) -> None:
    """Show what PIPELINE is: files, source, parameters, identity, index, and its last runs.

    What the servers know is left out while they do not run.

    \b
    Example:
      idemflow show people
    """
    found = command(settings, pipeline)
    print_result(as_json, dataclasses.asdict(found), *pipeline_table(found))
