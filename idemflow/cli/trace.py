"""The command ``trace``: the life of one document."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from idemflow.cli.base import main, show, verb
from idemflow.cli.tables import trace as tables
from idemflow.commands import trace as command
from idemflow.config.settings import Settings


@verb(main, "trace")
@click.argument("where", metavar="INDEX|PIPELINE")
@click.argument("identifier", metavar="ID")
@click.option(
    "--runs",
    metavar="N",
    type=click.IntRange(1, 1_000_000),
    help="Look at the newest N runs alone; by default at all that the ledger has.",
)
@click.option(
    "--provenance",
    is_flag=True,
    help="Ask NiFi's provenance, too, for the FlowFiles that were this document alone.",
)
def trace(
    settings: Settings,
    where: str,
    identifier: str,
    runs: int | None,
    provenance: bool,
    as_json: bool,
) -> None:
    """Show which runs sent the document ID, what became of each, and what is in the index now.

    An ID that begins with a dash stands behind two: `idemflow trace people -- -7`.

    \b
    Examples:
      idemflow trace people person-0000017
      idemflow trace orders 4711 --runs 20
      idemflow trace orders 4711 --provenance
      idemflow trace orders '["shop-1",4711]' --json
    """
    found = command.trace(settings, where, identifier, runs=runs, provenance=provenance)
    show(as_json, _plain(found), tables.trace(found))


def _plain(found: command.Trace) -> dict[str, Any]:
    plain = dataclasses.asdict(found)
    for one, now in zip(plain["now"], found.now, strict=True):
        one["equal"] = now.equal
    for letter in plain["letters"]:
        del letter["state"]
    plain["runs"] = plain.pop("steps")
    plain["dead_letters"] = plain.pop("letters")
    return plain
