"""The command ``drift``."""

from __future__ import annotations

import dataclasses

import click

from idemflow.cli.base import err, main, show, verb
from idemflow.cli.tables.flow import drift_tables
from idemflow.cli.tables.runs_progress import RunsProgress
from idemflow.commands import drift as command
from idemflow.config.settings import Settings
from idemflow.errors import Drift


@verb(main)
@click.argument("pipeline", required=False)
@click.option(
    "--from", "source", type=click.Choice(["git", "yaml", "both"]), default="both",
    show_default=True, help="What to compare the canvas with.",
)  # fmt: skip
def drift(settings: Settings, pipeline: str | None, source: str, as_json: bool) -> None:
    """Say where PIPELINE on the canvas differs from its version in git, or from its YAML.

    All pipelines on the canvas if PIPELINE is left out; PIPELINE@REV compares with that version.
    Exit code 6 when there is a difference: made for a CI job.

    \b
    Examples:
      idemflow drift
      idemflow drift people --from yaml
      idemflow drift people@v3 --from git
    """
    with RunsProgress(err, silent=as_json) as progress:
        found = command.drift(
            settings, pipeline, progress.step, git=source != "yaml", yaml=source != "git"
        )
    rows = [{**dataclasses.asdict(one), "drift": one.found} for one in found.found]
    show(as_json, {"pipelines": rows}, drift_tables(found.found))
    found.check()  # first: what was not compared is not known to be right
    drifted = [one for one in found.found if one.found]
    if drifted:
        raise Drift(
            f"the canvas has drifted: {', '.join(one.pipeline for one in drifted)}",
            next_command=drifted[0].way_out,
        )
