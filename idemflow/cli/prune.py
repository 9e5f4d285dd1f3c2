"""The command ``prune``."""

from __future__ import annotations

import dataclasses

import click

from idemflow.cli.base import err, json_option, main, out, print_json, resolve
from idemflow.cli.tables import pipelines as tables
from idemflow.cli.tables.prune import pruned_table
from idemflow.commands import prune as prune_command


@main.command()
@click.argument("pipeline", required=False)
@json_option
@click.pass_context
def prune(context: click.Context, pipeline: str | None, as_json: bool) -> None:
    """Compact the ledger of PIPELINE, or of all pipelines of the project.

    What many runs sent is folded into what of it still counts, and runs older than the pipeline's
    `ledger.keep` are forgotten. `verify` finds the same before and after. `run` and `verify` do
    it by themselves where it pays; a pipeline that only runs on NiFi's own schedule needs this
    command now and then. Dead letters are never deleted.

    \b
    Examples:
      idemflow prune people
      idemflow prune --json
    """
    with tables.RunsProgress(err, silent=as_json) as progress:
        found = prune_command.prune(resolve(context), pipeline, progress)
    if as_json:
        print_json({"pipelines": [dataclasses.asdict(one) for one in found]})
    else:
        out.print(pruned_table(found))
