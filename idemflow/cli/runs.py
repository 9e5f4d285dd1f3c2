"""The commands ``runs``: which runs there were."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from idemflow.cli.base import Noun, main, show, verb
from idemflow.cli.tables import runs as tables
from idemflow.commands import runs as command
from idemflow.config.settings import Settings
from idemflow.elasticsearch.history import PastRun


class _Runs(Noun):
    """`runs` and `runs PIPELINE` are short for `runs list`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["list", *args]
        return super().parse_args(ctx, args)


@main.group(cls=_Runs)
def runs() -> None:
    """Which runs there were, and what became of them: `runs [PIPELINE]`, `runs show RUN`.

    \b
    Examples:
      idemflow runs
      idemflow runs list people --limit 100
      idemflow runs show 20260131T060000000-3f8a12cd
    """


@verb(runs, "list")
@click.argument("pipeline", required=False)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000),
              help="Runs to show, at most.")  # fmt: skip
def runs_list(settings: Settings, pipeline: str | None, limit: int, as_json: bool) -> None:
    """Show the newest runs of PIPELINE, or of all pipelines of the project.

    What of a run was created, overwritten or lost is counted by the command that waits for its
    end. Of others, the ledger tells what they collected and what was refused.

    \b
    Examples:
      idemflow runs list people
      idemflow runs --json
    """
    found = command.runs(settings, pipeline, limit)
    show(as_json, {"runs": [_plain(one) for one in found]}, tables.history(found, pipeline))


@verb(runs, "show")
@click.argument("run")
def runs_show(settings: Settings, run: str, as_json: bool) -> None:
    """Show all that the ledger knows of RUN.

    \b
    Example:
      idemflow runs show 20260131T060000000-3f8a12cd
    """
    found = command.show(settings, run)
    show(as_json, _plain(found), tables.past_run(found))


def _plain(run: PastRun) -> dict[str, Any]:
    return {**dataclasses.asdict(run), "verdict": run.verdict}
