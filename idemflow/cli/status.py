"""The command ``status``."""

from __future__ import annotations

import dataclasses

import click

from idemflow.cli.base import json_option, main, out, print_json, resolve
from idemflow.cli.tables.pipelines import pipelines_table
from idemflow.cli.tables.servers import servers_table
from idemflow.commands import status as command


@main.command()
@json_option
@click.pass_context
def status(context: click.Context, /, as_json: bool) -> None:
    """Show the servers: version, port, pid, memory, health. Exit code 3 unless all run.

    \b
    Examples:
      idemflow status
      idemflow status --json
    """
    result = command.status(resolve(context))
    if as_json:
        shown = dataclasses.asdict(result)
        further = shown.pop("further")
        print_json({**shown, **{name.replace("-", "_"): one for name, one in further.items()}})
    else:
        out.print(servers_table([*result.servers, *filter(None, result.further.values())]))
        if result.pipelines:
            out.print()
            out.print(pipelines_table(result.pipelines))
        if not result.all_running:
            out.print("next: idemflow up")
    if not result.all_running:
        context.exit(3)
