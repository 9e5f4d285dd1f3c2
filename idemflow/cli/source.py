"""The commands ``source``: what a source has read."""

from __future__ import annotations

import click

from idemflow.cli.base import main, show, verb
from idemflow.cli.tables import pipelines as tables
from idemflow.commands import source as command
from idemflow.config.settings import Settings


@main.group()
def source() -> None:
    """What the source of a pipeline has read so far: show it, or reset it.

    An incremental read of a database goes on from the highest value so far, files that have not
    changed are not read again. After a reset the next run reads everything; the ids make that
    harmless.

    \b
    Examples:
      idemflow source show orders
      idemflow source reset orders
    """


@verb(source, "show")
@click.argument("pipeline")
def source_show(settings: Settings, pipeline: str, as_json: bool) -> None:
    """Show what the source of PIPELINE has read so far.

    \b
    Example:
      idemflow source show orders
    """
    states = command.show(settings, pipeline)
    nothing = f"{pipeline} remembers nothing: its next run reads everything."
    table = tables.states_table(states) if states else nothing
    show(as_json, {"pipeline": pipeline, "states": states}, table)


@verb(source, "reset")
@click.argument("pipeline")
def source_reset(settings: Settings, pipeline: str, as_json: bool) -> None:
    """Forget what the source of PIPELINE has read: its next run reads everything.

    \b
    Example:
      idemflow source reset orders
    """
    states = command.reset(settings, pipeline)
    if forgotten := ", ".join(item.step for item in states):
        text = f"{pipeline}: forgotten what {forgotten} had read; the next run reads everything."
    else:
        text = f"{pipeline} remembers nothing: nothing to reset."
    show(as_json, {"pipeline": pipeline, "states": states}, text)
