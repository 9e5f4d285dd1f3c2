"""The commands on what a source remembers, and on the states of a snapshot."""

from __future__ import annotations

import dataclasses

import click

from idemflow.cli.base import json_option, main, out, print_json, resolve
from idemflow.cli.tables import pipelines as tables
from idemflow.commands import snapshot as rollback_command
from idemflow.commands import source as state_command


@main.group()
def state() -> None:
    """What the source of a pipeline has read so far: show it, or reset it.

    An incremental read of a database goes on from the highest value so far, files that have not
    changed are not read again. After a reset the next run reads everything; the ids make that
    harmless.

    \b
    Examples:
      idemflow state show orders
      idemflow state reset orders
    """


@state.command("show")
@click.argument("pipeline")
@json_option
@click.pass_context
def state_show(context: click.Context, pipeline: str, as_json: bool) -> None:
    """Show what the source of PIPELINE has read so far.

    \b
    Example:
      idemflow state show orders
    """
    result = state_command.show(resolve(context), pipeline)
    if as_json:
        print_json(dataclasses.asdict(result))
    elif result.states:
        out.print(tables.states_table(result.states))
    else:
        out.print(f"{pipeline} remembers nothing: its next run reads everything.")


@state.command("reset")
@click.argument("pipeline")
@json_option
@click.pass_context
def state_reset(context: click.Context, pipeline: str, as_json: bool) -> None:
    """Forget what the source of PIPELINE has read: its next run reads everything.

    \b
    Example:
      idemflow state reset orders
    """
    result = state_command.reset(resolve(context), pipeline)
    if as_json:
        print_json(dataclasses.asdict(result))
    else:
        forgotten = ", ".join(item.step for item in result.states)
        out.print(
            f"{pipeline}: forgotten what {forgotten} had read; the next run reads everything."
            if forgotten
            else f"{pipeline} remembers nothing: nothing to reset."
        )


@main.command()
@click.argument("pipeline")
@json_option
@click.pass_context
def rollback(context: click.Context, pipeline: str, as_json: bool) -> None:
    """Let readers of a snapshot see the state before the present one.

    For pipelines with `mode: snapshot`. The alias moves in one step; the next run moves it on.

    \b
    Example:
      idemflow rollback catalog
    """
    result = rollback_command.rollback(resolve(context), pipeline)
    if as_json:
        print_json(dataclasses.asdict(result))
    else:
        out.print(f"{result.alias} is {result.index} again: {result.documents:,} documents.")
