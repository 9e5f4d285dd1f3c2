"""The command ``status``."""

from __future__ import annotations

import click
from rich.console import RenderableType

from idemflow.cli.base import main, show, verb
from idemflow.cli.tables.pipelines import pipelines_table
from idemflow.cli.tables.servers import servers_table
from idemflow.commands import status as command
from idemflow.config.settings import Settings


@verb(main)
def status(settings: Settings, as_json: bool) -> None:
    """Show the servers: version, port, pid, memory, health. Exit code 3 unless all run.

    \b
    Examples:
      idemflow status
      idemflow status --json
    """
    result = command.status(settings)
    further = {name.replace("-", "_"): one for name, one in result.further.items()}
    found = {**{key: value for key, value in vars(result).items() if key != "further"}, **further}
    lines: list[RenderableType] = [
        servers_table([*result.servers, *filter(None, result.further.values())])
    ]
    if result.pipelines:
        lines += ["", pipelines_table(result.pipelines)]
    if not result.all_running:
        lines.append(f"next: {result.next_command}")
    show(as_json, found, *lines)
    if not result.all_running:
        raise click.exceptions.Exit(3)
