"""The commands ``source``: what a source has read."""

from __future__ import annotations

import dataclasses

import click

from idemflow.cli.base import json_option, main, out, print_json, resolve
from idemflow.cli.tables import pipelines as tables
from idemflow.commands import source as command


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


@source.command("show")
@click.argument("pipeline")
@json_option
@click.pass_context
def source_show(context: click.Context, pipeline: str, as_json: bool) -> None:
    """Show what the source of PIPELINE has read so far.

    \b
    Example:
      idemflow source show orders
    """
    result = command.show(resolve(context), pipeline)
    if as_json:
        print_json(dataclasses.asdict(result))
    elif result.states:
        out.print(tables.states_table(result.states))
    else:
        out.print(f"{pipeline} remembers nothing: its next run reads everything.")


@source.command("reset")
@click.argument("pipeline")
@json_option
@click.pass_context
def source_reset(context: click.Context, pipeline: str, as_json: bool) -> None:
    """Forget what the source of PIPELINE has read: its next run reads everything.

    \b
    Example:
      idemflow source reset orders
    """
    result = command.reset(resolve(context), pipeline)
    if as_json:
        print_json(dataclasses.asdict(result))
    else:
        forgotten = ", ".join(item.step for item in result.states)
        out.print(
            f"{pipeline}: forgotten what {forgotten} had read; the next run reads everything."
            if forgotten
            else f"{pipeline} remembers nothing: nothing to reset."
        )
