"""The command ``prune``."""

from __future__ import annotations

import click

from idemflow.cli.base import err, main, show, verb
from idemflow.cli.tables.prune import pruned_table
from idemflow.cli.tables.runs_progress import RunsProgress
from idemflow.commands import prune as prune_command
from idemflow.config.settings import Settings


@verb(main)
@click.argument("pipeline", required=False)
@click.option("--dry-run", is_flag=True, help="Only say what would be folded and deleted.")
def prune(settings: Settings, pipeline: str | None, dry_run: bool, as_json: bool) -> None:
    """Compact the ledger of PIPELINE, or of all pipelines of the project, and delete what its YAML
    keeps no longer.

    What many runs sent is folded into what of it still counts, and runs older than the pipeline's
    `ledger.keep` are forgotten. `verify` finds the same before and after. `run` and `verify` do
    it by themselves where it pays; a pipeline that only runs on NiFi's own schedule needs this
    command now and then. Dead letters and indices of earlier runs are deleted where the YAML's
    `prune` says so, and only then.

    \b
    Examples:
      idemflow prune people
      idemflow prune people --dry-run
      idemflow prune --json
    """
    with RunsProgress(err, silent=as_json) as progress:
        found = prune_command.prune(settings, pipeline, progress, dry_run=dry_run)
    show(as_json, {"pipelines": found.found}, pruned_table(found.found))
    found.check()
