"""The command ``prune``."""

from __future__ import annotations

import click

from idemflow.cli.base import err, main, show, verb
from idemflow.cli.tables.prune import pruned_table
from idemflow.cli.tables.runs_progress import RunsProgress
from idemflow.commands._each import Each
from idemflow.commands.prune import DuePruned, Pruned, prune_due
from idemflow.commands.prune import prune as prune_all
from idemflow.config.settings import Settings


@verb(main)
@click.argument("pipeline", required=False)
@click.option("--dry-run", is_flag=True, help="Only say what would be folded and deleted.")
@click.option(
    "--due", is_flag=True, help="Only where the YAML's prune.every says so, and it is time."
)
def prune(
    settings: Settings, pipeline: str | None, dry_run: bool, due: bool, as_json: bool
) -> None:
    """Compact the ledger of PIPELINE, or of all pipelines of the project, and delete what its YAML
    keeps no longer.

    What many runs sent is folded into what of it still counts, and runs older than the pipeline's
    `ledger.keep` are forgotten. `verify` finds the same before and after. `run` and `verify` do
    it by themselves where it pays; a pipeline that only runs on NiFi's own schedule needs this
    command now and then. Dead letters and indices of earlier runs are deleted where the YAML's
    `prune` says so, and only then.

    Where the YAML says `prune: {every: 1 day}`, `run` and `verify` do all of it once a day at
    their end, and `supervise` does it by itself. --due is what these do: it leaves out pipelines
    of which the last time is not so long ago, and those that another command runs.

    \b
    Examples:
      idemflow prune people
      idemflow prune people --dry-run
      idemflow prune --due
      idemflow prune --json
    """
    done: Each[Pruned] | DuePruned
    with RunsProgress(err, silent=as_json) as progress:
        if due:
            done = prune_due(settings, pipeline, progress, dry_run=dry_run)
        else:
            done = prune_all(settings, pipeline, progress, dry_run=dry_run)
    left = {"left": done.left} if isinstance(done, DuePruned) else {}
    nothing = due and not (done.found or done.wrong)
    table = "Nothing was due." if nothing else pruned_table(done.found)
    show(as_json, {"pipelines": done.found, **left}, table)
    done.check()
