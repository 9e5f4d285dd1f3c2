"""The command ``supervise``."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from datetime import datetime

import click

from idemflow.cli.base import main, print_json, resolve
from idemflow.commands import supervise as command


@main.command()
@click.option(
    "--silent-after",
    type=click.IntRange(5, 86400),
    default=command.SILENT_AFTER,
    show_default=True,
    metavar="SECONDS",
    help="How long a server may give no answer before it is started again.",
)
@click.option(
    "--systemd",
    is_flag=False,
    flag_value="default",
    type=click.Choice(["system", "user", "default"]),
    metavar="[system|user]",
    help="Print a unit for systemd that does this, and start nothing.",
)
@click.option("--json", "as_json", is_flag=True, help="Print each event as JSON on a line.")
@click.pass_context
def supervise(
    context: click.Context, /, silent_after: int, systemd: str | None, as_json: bool
) -> None:
    """Keep NiFi and Elasticsearch up, in the foreground, until Ctrl-C or SIGTERM stops both.

    What does not run is started as `up` does; what runs is taken over. A server that has died, or
    gives no answer for a while, is started again: after 1 s, after 2 s, and so on up to 5 min;
    once it has been well for 10 min, after 1 s again. One line is printed for each event.

    A runtime has one supervisor. `idemflow down` tells it to stop the servers and to end. Ports,
    heaps and the like come from the settings, and from what `up` was given.

    --systemd prints a unit of the system if root asks, or else of your own systemd (`system` or
    `user` behind it says which).

    \b
    Examples:
      idemflow supervise
      idemflow supervise --silent-after 120 --json
      idemflow supervise --systemd > ~/.config/systemd/user/idemflow.service
      idemflow supervise --systemd system | sudo tee /etc/systemd/system/idemflow.service
    """
    settings = resolve(context)
    if systemd is not None:
        kind: command.Kind | None = None
        if systemd in ("system", "user"):
            kind = "system" if systemd == "system" else "user"
        unit = command.unit(settings, kind, silent_after=silent_after)
        if as_json:
            print_json(unit)
        else:
            click.echo(unit.text, nl=False)
        return
    command.supervise(settings, _json if as_json else _line, silent_after=silent_after)


def _json(event: command.Event) -> None:
    found = {key: value for key, value in dataclasses.asdict(event).items() if value is not None}
    _print(json.dumps({"time": datetime.now().astimezone().isoformat(), **found}))


def _line(event: command.Event) -> None:
    pid = f" (pid {event.pid})" if event.pid else ""
    then = f"; next: {event.next_command}" if event.next_command else ""
    text = " ".join(f"{event.text}{pid}{then}".split())
    plain = "".join(one if one.isprintable() else "?" for one in text)
    _print(f"{datetime.now():%Y-%m-%d %H:%M:%S} {plain}")


def _print(line: str) -> None:
    """Prints a line; whoever read them may have gone, or the disk be full: the servers stay up."""
    try:
        click.echo(line)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
