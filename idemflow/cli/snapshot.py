"""The commands ``snapshot``: the states of a snapshot's data."""

from __future__ import annotations

import dataclasses

import click

from idemflow.cli.base import json_option, main, out, print_json, resolve
from idemflow.commands import snapshot as command


@main.group()
def snapshot() -> None:
    """The data of a pipeline with `mode: snapshot`: an index a run behind one alias.

    \b
    Example:
      idemflow snapshot rollback catalog
    """


@snapshot.command()
@click.argument("pipeline")
@json_option
@click.pass_context
def rollback(context: click.Context, pipeline: str, as_json: bool) -> None:
    """Let readers of a snapshot see the state before the present one.

    For pipelines with `mode: snapshot`. The alias moves in one step; the next run moves it on.

    \b
    Example:
      idemflow snapshot rollback catalog
    """
    result = command.rollback(resolve(context), pipeline)
    if as_json:
        print_json(dataclasses.asdict(result))
    else:
        out.print(f"{result.alias} is {result.index} again: {result.documents:,} documents.")
