"""The commands ``snapshot``: the states of a snapshot's data."""

from __future__ import annotations

import click

from idemflow.cli.base import main, show, verb
from idemflow.commands import snapshot as command
from idemflow.config.settings import Settings
from idemflow.steps.rules.words import counted


@main.group()
def snapshot() -> None:
    """The data of a pipeline with `mode: snapshot`: an index a run behind one alias.

    \b
    Example:
      idemflow snapshot rollback catalog
    """


@verb(snapshot)
@click.argument("pipeline")
def rollback(settings: Settings, pipeline: str, as_json: bool) -> None:
    """Let readers of a snapshot see the state before the present one.

    For pipelines with `mode: snapshot`. The alias moves in one step; the next run moves it on.

    \b
    Example:
      idemflow snapshot rollback catalog
    """
    result = command.rollback(settings, pipeline)
    text = f"{result.alias} is {result.index} again: {counted(result.documents, 'document')}."
    show(as_json, result, text)
