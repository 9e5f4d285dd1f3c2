"""What came of all pipelines, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from idemflow.cli.tables import on_one_line, table
from idemflow.commands._all import Outcome
from idemflow.commands.deploy import Deployment
from idemflow.commands.run import RunsReport
from idemflow.errors import EXIT_CODES
from idemflow.steps.rules.words import counted


def outcomes_table(outcomes: Sequence[Outcome[Any]]) -> Table:
    """The table of ``run --all`` and ``deploy --all``."""
    made = table("pipeline", "code")
    made.add_column("what came of it", overflow="fold")
    for one in outcomes:
        color = "green" if not one.code else "yellow" if one.waits_for else "red"
        code = "-" if one.waits_for else str(one.code)
        made.add_row(on_one_line(one.pipeline), f"[{color}]{code}[/]", on_one_line(_said(one)))
    return made


def _said(one: Outcome[Any]) -> str:
    if one.message:
        return one.message
    result = one.result
    if isinstance(result, RunsReport):
        sent = sum(run.sent for run in result.runs)
        created = sum(run.created for run in result.runs)
        return (
            f"{counted(sent, 'record')} sent, {created:,} created, "
            f"{counted(result.documents, 'document')} in {result.index}"
        )
    if isinstance(result, Deployment):
        if result.created:
            return "is not on the canvas yet" if result.dry_run else "is on the canvas"
        places = counted(len(result.changes), "place")
        verb = "differs in" if result.dry_run else "changed in"
        return f"{verb} {places}" if result.changes else "nothing to do"
    return EXIT_CODES[one.code]
