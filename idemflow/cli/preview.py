"""The command ``preview``."""

from __future__ import annotations

import dataclasses
import json

import click

from idemflow.cli.base import main, show, verb
from idemflow.cli.tables.preview import preview_tables
from idemflow.commands import preview as command
from idemflow.config.settings import Settings


@verb(main)
@click.argument("pipeline")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), metavar="N",
    help=f"How many records to look at and to show.  [default: {command.LIMIT}]",
)  # fmt: skip
@click.option("--all", "whole", is_flag=True, help="Look at all records; show the first.")
@click.option("--set", "values", multiple=True, metavar="NAME=VALUE",
              help="Value of an argument of the pipeline; may be repeated.")  # fmt: skip
@click.option("--record", metavar="JSON", help="Look at this record, in place of the source's.")
def preview(
    settings: Settings,
    pipeline: str,
    limit: int | None,
    whole: bool,
    record: str | None,
    values: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show what a run of PIPELINE would send, without any server.

    Its source, transform and identity run in this process, as you: the code that runs in NiFi, so
    that ids, versions and contents are those of a run. A source that remembers what it has read
    gives all of it. Shown are documents, their fields, what would be refused and why, and records
    with one id. What scripts print goes to standard error.

    Exit codes are those of a run: 5 for records with one id where `identity.unique` is `fail`, 7
    for records that would be refused, 8 where the source has none.

    \b
    Examples:
      idemflow preview people --set records=5
      idemflow preview orders --all --json
      idemflow preview files --record '{"sku": "A-1", "price": 2}'
    """
    found = command.preview(
        settings, pipeline, limit=limit, whole=whole, record=record, values=values
    )
    plain = dataclasses.asdict(found)
    for one in plain["shown"]:
        # As it is: a number keeps its digits, but an object is an object.
        one["document"] = json.loads(one.pop("text"))
    show(as_json, plain, *preview_tables(found))
    command.judge(found)
