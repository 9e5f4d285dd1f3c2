"""The commands on the servers: up, down, open, doctor, logs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import click
from rich.markup import escape

from idemflow import __version__
from idemflow.cli.base import confirm, err, main, setting_option, show, verb
from idemflow.cli.tables import as_printed
from idemflow.cli.tables import servers as tables
from idemflow.commands import doctor as doctor_command
from idemflow.commands import down as down_command
from idemflow.commands import logs as logs_command
from idemflow.commands import open as open_command
from idemflow.commands import up as up_command
from idemflow.commands._browser import browse
from idemflow.config import registry
from idemflow.config.combinations import SERVERS, TITLES
from idemflow.config.settings import Settings
from idemflow.servers.further import further
from idemflow.servers.logs import tail
from idemflow.supply.progress import Progress, Silent


@verb(main)
@setting_option("nifi_port", metavar="PORT")
@setting_option("elasticsearch_port", metavar="PORT")
@setting_option("nifi_heap", metavar="SIZE")
@setting_option("elasticsearch_heap", metavar="SIZE")
@setting_option("nars", metavar="FOLDER", multiple=True)
@click.option("--no-nars", is_flag=True, help="Forget the folders that --nars named before.")
@click.option(
    "--set-aside-queues",
    is_flag=True,
    help="Start NiFi with empty queues where a crash damaged them; they are kept beside.",
)
def up(settings: Settings, as_json: bool, no_nars: bool, set_aside_queues: bool) -> None:
    """Start NiFi and Elasticsearch; what runs already, and what is yours, is left alone.

    The first time, this fetches about 500 MB into the cache. Ports and folders of NARs that were
    given once are remembered. What runs with other options than are given now is not changed: the
    command says what differs, and ends with 2.

    What a crash left and NiFi could not start with is set aside, never deleted, and told.

    \b
    Examples:
      idemflow up
      idemflow up --nifi-port 8543 --elasticsearch-port 9300
      idemflow up --nars my-nars/ --nars company-nars/
      idemflow up --no-nars
      idemflow up --set-aside-queues
    """
    if no_nars:
        source = click.get_current_context().get_parameter_source("nars")
        if source is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError("--nars and --no-nars exclude each other")
        settings = settings.model_copy(update={"nars": ()})
    with tables.ConsoleProgress(err) as shown:
        progress: Progress = Silent() if as_json else shown
        result = up_command.up(settings, progress, set_aside_queues=set_aside_queues)
    nifi, elasticsearch = result.target.nifi.url, result.target.elasticsearch.url
    lines = [f"{_and(result.already)} already {_run(result.already)}: nothing to do."]
    if result.started:
        lines = [f"{_and(result.started)} ready after {result.seconds:.0f} s."]
        if result.already:
            lines.append(f"{_and(result.already)} ran already.")
    if "nifi" in settings.embedded and result.steps != __version__:
        lines.append(
            f"NiFi runs the steps of idemflow {result.steps}; those of {__version__} come with "
            "a restart: idemflow down && idemflow up"
        )
    found = {
        "started": result.started, "already": result.already, "seconds": round(result.seconds, 1),
        "steps": result.steps, "told": result.told, "nifi": nifi,
        "elasticsearch": elasticsearch,
    }  # fmt: skip
    canvas = f"Canvas: {nifi}/nifi/   (login: idemflow open)"
    show(as_json, found, *lines, canvas, f"Elasticsearch: {elasticsearch}")


@verb(main)
@click.option(
    "--delete", is_flag=True, help="Delete the runtime's folder, too: canvas, indices, logins."
)
@click.option("--yes", is_flag=True, help="Delete without a question.")
def down(settings: Settings, as_json: bool, delete: bool, yes: bool) -> None:
    """Stop all servers; data stay unless --delete is given, which asks first.

    Where `idemflow supervise` keeps them up, it ends, too.

    \b
    Examples:
      idemflow down
      idemflow down --delete
      idemflow down --delete --yes
    """

    def ask(doomed: down_command.Doomed) -> None:
        if doomed.sizes:
            confirm(f"Delete {doomed.home}?", tables.doomed_table(doomed), yes=yes)

    result = down_command.down(settings, delete=delete, confirm=ask)
    lines = []
    if result.gone:
        lines.append(f"{_and(result.gone)} had ended before.")
    if result.killed:
        lines.append(f"Did not end in time and was killed: pid {_and(map(str, result.killed))}.")
    lines.append(f"Stopped {_and(result.stopped)}." if result.stopped else "Nothing was running.")
    if result.supervisor:
        lines.append(f"Ended idemflow supervise (pid {result.supervisor}).")
    if delete:
        lines.append(f"Deleted {settings.home}.")
        if (copies := settings.folders.flow_copies).is_dir():
            text = "versions of other projects, for their `idemflow flow status`"
            lines.append(f"Kept {copies}: {text}.")
    show(as_json, result, *lines)


@verb(main, "open")
@click.argument("pipeline", required=False)
@click.option("--print", "only_print", is_flag=True, help="Print the address, open nothing.")
@click.option("--show-login", is_flag=True, help="Print the password as well.")
def open_(
    settings: Settings, pipeline: str | None, only_print: bool, show_login: bool, as_json: bool
) -> None:
    """Open the canvas, or PIPELINE on it, in the browser; print its address and where its login is.

    The browser is the desktop's, or the one that the variable BROWSER names. Where there is
    neither, over SSH for one, the address is printed and nothing is opened.

    \b
    Examples:
      idemflow open
      idemflow open people
      idemflow open --print --show-login
    """
    canvas = open_command.canvas(settings, pipeline)
    keys = ["url", "username", "ca_file", "login_file", *["password"] * show_login]
    lines = [f"Canvas: {canvas.url}", f"User: {escape(canvas.username)}"]
    if show_login:
        lines.append(f"Password: {escape(canvas.password)}")
    else:
        where = f"{canvas.login_file}   (show it: " if canvas.login_file else "(show it: "
        lines.append(f"Password: {where}idemflow open --show-login)")
    if canvas.ca_file:
        lines.append(f"The browser warns of the certificate until it trusts {canvas.ca_file}")
    show(as_json, {key: getattr(canvas, key) for key in keys}, *lines)
    if not (only_print or as_json):
        browse(canvas.url, os.environ)


@verb(main)
def doctor(settings: Settings, as_json: bool) -> None:
    """Check whether this machine can run the servers, and say how to fix what cannot.

    \b
    Example:
      idemflow doctor
    """
    checks = doctor_command.doctor(settings)
    problems = any(check.outcome == "problem" for check in checks)
    show(as_json, {"ok": not problems, "checks": checks}, tables.checks_table(checks))
    if problems:
        raise click.exceptions.Exit(1)


@verb(main)
@click.argument("name", metavar="SERVER|PIPELINE")
@click.option("-f", "--follow", is_flag=True, help="Go on with new lines until Ctrl-C.")
@click.option(
    "-n",
    "--lines",
    default=50,
    show_default=True,
    help="How many lines.",
    type=click.IntRange(1, 10_000),
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Of a pipeline: also what NiFi tells of each start, stop and change.",
)
def logs(
    settings: Settings, name: str, follow: bool, lines: int, everything: bool, as_json: bool
) -> None:
    """Show the end of a server's log (nifi, elasticsearch, ...), or what NiFi's log and bulletins
    say of a pipeline alone.

    Of a pipeline, that is what its steps say, what its scripts print, and NiFi's warnings of
    them. An entry of several lines, such as a traceback, stays whole.

    \b
    Examples:
      idemflow logs nifi
      idemflow logs -f elasticsearch
      idemflow logs people
      idemflow logs people -f -n 5
    """
    if follow and as_json:
        raise click.UsageError("--follow and --json exclude each other")
    if name in (*SERVERS, *registry.found("servers")):
        _server_log(settings, name, follow, lines, as_json)
        return
    # Slow to import, and not needed for the log of a server.
    from idemflow.cli.tables.logs import entry  # noqa: PLC0415
    from idemflow.commands.pipeline_logs import PipelineLog  # noqa: PLC0415

    said = PipelineLog(settings, name, everything=everything).said(lines, follow=follow)
    if as_json:
        show(as_json, {"pipeline": name, "entries": list(said)})
        return
    silent = True
    for one in said:
        silent = False
        click.echo(entry(one))
    if silent:
        err.print(f"{escape(name)} has said nothing so far.")
        if not everything:
            err.print(f"next: idemflow logs {escape(name)} --all tells of each start and stop")


def _server_log(settings: Settings, server: str, follow: bool, lines: int, as_json: bool) -> None:
    file = logs_command.log_file(settings, server)
    text = tail(file, lines)
    if as_json:
        show(as_json, {"server": server, "lines": text.splitlines()})
        return
    click.echo(as_printed(text))
    if follow:
        for piece in logs_command.follow(file):
            click.echo(as_printed(piece))


def _run(names: Sequence[str]) -> str:
    return "runs" if len(names) == 1 else "run"


def _and(names: Any) -> str:
    titles = TITLES | {name: one.title for name, one in further().items()}
    return " and ".join(titles.get(name, name) for name in names)
