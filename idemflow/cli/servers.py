"""The commands on the servers: up, down, open, doctor, logs."""

from __future__ import annotations

import dataclasses
import os
import sys
from typing import Any

import click
from rich.markup import escape

from idemflow import __version__
from idemflow.cli.base import err, json_option, main, out, print_json, resolve, setting_option
from idemflow.cli.tables import servers as tables
from idemflow.commands import doctor as doctor_command
from idemflow.commands import down as down_command
from idemflow.commands import logs as logs_command
from idemflow.commands import open as open_command
from idemflow.commands import up as up_command
from idemflow.config import registry
from idemflow.servers.further import further
from idemflow.servers.state import SERVERS
from idemflow.supply.progress import Progress, Silent


@main.command()
@setting_option("nifi_port", metavar="PORT")
@setting_option("elasticsearch_port", metavar="PORT")
@setting_option("nifi_heap", metavar="SIZE")
@setting_option("elasticsearch_heap", metavar="SIZE")
@setting_option("nars", metavar="FOLDER", multiple=True)
@json_option
@click.pass_context
def up(context: click.Context, /, as_json: bool, nars: tuple[str, ...], **options: Any) -> None:
    """Start NiFi and Elasticsearch; what runs already is left alone.

    The first time, this fetches about 500 MB into the cache. Ports given once are remembered.

    \b
    Examples:
      idemflow up
      idemflow up --nifi-port 8543 --elasticsearch-port 9300
      idemflow up --nars my-nars/
    """
    chosen = resolve(context, nars=nars or None, **options)
    with tables.ConsoleProgress(err) as shown:
        progress: Progress = Silent() if as_json else shown
        result = up_command.up(chosen, progress)
    if as_json:
        print_json(
            {
                "started": result.started,
                "already": result.already,
                "seconds": round(result.seconds, 1),
                "steps": result.steps,
                "nifi": result.target.nifi.url,
                "elasticsearch": result.target.elasticsearch.url,
            }
        )
        return
    if not result.started:
        out.print("NiFi and Elasticsearch already run: nothing to do.")
    else:
        out.print(f"{_and(result.started)} ready after {result.seconds:.0f} s.")
        if result.already:
            out.print(f"{_and(result.already)} ran already.")
    if result.steps != __version__:
        out.print(
            f"NiFi runs the steps of idemflow {result.steps}; those of {__version__} come with "
            "a restart: idemflow down && idemflow up"
        )
    out.print(f"Canvas: {result.target.nifi.url}/nifi/   (login: idemflow open)")
    out.print(f"Elasticsearch: {result.target.elasticsearch.url}")


@main.command()
@click.option(
    "--delete", is_flag=True, help="Delete the runtime's folder, too: canvas, indices, logins."
)
@json_option
@click.pass_context
def down(context: click.Context, /, as_json: bool, delete: bool) -> None:
    """Stop all servers; data stay unless --delete is given.

    \b
    Examples:
      idemflow down
      idemflow down --delete
    """
    chosen = resolve(context)
    result = down_command.down(chosen, delete=delete)
    if as_json:
        print_json(dataclasses.asdict(result))
        return
    if result.gone:
        out.print(f"{_and(result.gone)} had ended before.")
    if result.killed:
        out.print(f"Did not end in time and was killed: pid {_and(map(str, result.killed))}.")
    if result.stopped:
        out.print(f"Stopped {_and(result.stopped)}.")
    else:
        out.print("Nothing was running.")
    if delete:
        out.print(f"Deleted {chosen.home}.")
        copies = chosen.folders.flow_copies
        if copies.is_dir():
            out.print(
                f"Kept {copies}: versions of other projects, for their `idemflow flow status`."
            )


@main.command(name="open")
@click.option("--show-login", is_flag=True, help="Print the user and the password.")
@json_option
@click.pass_context
def open_(context: click.Context, /, show_login: bool, as_json: bool) -> None:
    """Print the canvas' address and where its login is; open it where there is a display.

    \b
    Examples:
      idemflow open
      idemflow open --show-login
    """
    canvas = open_command.open_canvas(
        resolve(context), has_display=not as_json and click_has_display()
    )
    if as_json:
        shown = {
            "url": canvas.url,
            "username": canvas.username,
            "ca_file": canvas.ca_file,
            "login_file": canvas.login_file,
        }
        print_json({**shown, "password": canvas.password} if show_login else shown)
        return
    out.print(f"Canvas: {canvas.url}")
    if show_login:
        out.print(f"User: {canvas.username}")
        out.print(f"Password: {escape(canvas.password)}")
    elif canvas.login_file:
        out.print(f"Login: {canvas.login_file}   (show it: idemflow open --show-login)")
    if canvas.ca_file:
        out.print(f"The browser warns of the certificate until it trusts {canvas.ca_file}")


def click_has_display() -> bool:
    """Whether a browser could show a window here."""
    if sys.platform == "darwin":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


@main.command()
@json_option
@click.pass_context
def doctor(context: click.Context, /, as_json: bool) -> None:
    """Check whether this machine can run the servers, and say how to fix what cannot.

    \b
    Example:
      idemflow doctor
    """
    checks = doctor_command.doctor(resolve(context))
    problems = any(check.outcome == "problem" for check in checks)
    if as_json:
        print_json({"ok": not problems, "checks": [dataclasses.asdict(c) for c in checks]})
    else:
        out.print(tables.checks_table(checks))
    if problems:
        context.exit(1)


@main.command()
@click.argument("server", type=click.Choice([*SERVERS, *registry.found("servers")]))
@click.option("-f", "--follow", is_flag=True, help="Go on with new lines until Ctrl-C.")
@click.option(
    "-n",
    "--lines",
    default=50,
    show_default=True,
    help="How many lines.",
    type=click.IntRange(1, 10_000),
)
@click.pass_context
def logs(context: click.Context, /, server: str, follow: bool, lines: int) -> None:
    """Show the end of a server's log.

    \b
    Examples:
      idemflow logs nifi
      idemflow logs -f elasticsearch
    """
    file = logs_command.log_file(resolve(context), server)
    click.echo(logs_command.last_lines(file, lines))
    if follow:
        for text in logs_command.follow(file):
            click.echo(text)


def _and(names: Any) -> str:
    titles = {"nifi": "NiFi", "elasticsearch": "Elasticsearch"}
    titles |= {name: one.title for name, one in further().items()}
    return " and ".join(titles.get(name, name) for name in names)
