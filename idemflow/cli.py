"""The command line: parses, prints, and turns errors into text and exit codes.

The only module that prints or exits.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.markup import escape

import idemflow
from idemflow import report, settings
from idemflow.commands import doctor as doctor_command
from idemflow.commands import down as down_command
from idemflow.commands import logs as logs_command
from idemflow.commands import open as open_command
from idemflow.commands import status as status_command
from idemflow.commands import up as up_command
from idemflow.errors import IdemflowError, ServerError
from idemflow.report_pipelines import pipelines_table
from idemflow.runtime import Progress, Silent
from idemflow.settings import Settings

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

_Command = TypeVar("_Command", bound=Callable[..., Any])
_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class Program(click.Group):
    """Prints each of idemflow's errors as one message with the next command."""

    def main(self, args: Sequence[str] | None = None, **extra: Any) -> Any:  # type: ignore[override]
        try:
            code = super().main(args, **{**extra, "standalone_mode": False})
        except click.exceptions.Abort:
            err.print("[red]stopped[/]")
            code = 130
        except click.ClickException as error:
            error.show()
            code = error.exit_code
        except click.exceptions.Exit as error:
            code = error.exit_code
        except IdemflowError as error:
            _show(error)
            code = error.exit_code
        except BrokenPipeError:
            # The reader (`head`, say) has gone; nothing more can be printed.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 0
        except Exception as error:
            code = _show_crash(error)
        sys.exit(code if isinstance(code, int) else 0)


def json_option(command: _Command) -> _Command:
    """The option ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(command)


def setting_option(name: str, flag: str | None = None, **extra: Any) -> Callable[..., Any]:
    """An option for a setting, with the help of the settings' table."""
    help_text = settings.TABLE[name].metadata["help"]
    return click.option(flag or "--" + name.replace("_", "-"), name, help=help_text, **extra)


@click.group(cls=Program, context_settings=_HELP, no_args_is_help=True)
@click.version_option(idemflow.__version__, prog_name="idemflow")
@setting_option("project", metavar="FOLDER")
@click.pass_context
def main(context: click.Context, /, project: str | None) -> None:
    """Idempotent pipelines on Apache NiFi: run, rerun, replay or crash, and Elasticsearch holds
    the same.

    \b
    Examples:
      idemflow up            start NiFi and Elasticsearch
      idemflow open          where the canvas is, and its login
      idemflow status        what runs
      idemflow down          stop both

    Settings come from options, from the environment (IDEMFLOW_NIFI_PORT, ...) and from
    idemflow.toml in the project's folder; docs/operating.md lists them.
    """
    context.obj = {"project": project}


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
    with report.ConsoleProgress(err) as shown:
        progress: Progress = Silent() if as_json else shown
        result = up_command.up(chosen, progress)
    if as_json:
        print_json(
            {
                "started": result.started,
                "already": result.already,
                "seconds": round(result.seconds, 1),
                "nifi": result.runtime.nifi.url,
                "elasticsearch": result.runtime.elasticsearch.url,
            }
        )
        return
    if not result.started:
        out.print("NiFi and Elasticsearch already run: nothing to do.")
    else:
        out.print(f"{_and(result.started)} ready after {result.seconds:.0f} s.")
        if result.already:
            out.print(f"{_and(result.already)} ran already.")
    out.print(f"Canvas: {result.runtime.nifi.url}/nifi/   (login: idemflow open)")
    out.print(f"Elasticsearch: {result.runtime.elasticsearch.url}")


@main.command()
@click.option(
    "--delete", is_flag=True, help="Delete the runtime's folder, too: canvas, indices, logins."
)
@json_option
@click.pass_context
def down(context: click.Context, /, as_json: bool, delete: bool) -> None:
    """Stop what `idemflow up` started; data stay unless --delete is given.

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
    result = status_command.status(resolve(context))
    if as_json:
        print_json(dataclasses.asdict(result))
    else:
        out.print(report.servers_table(result.servers))
        if result.pipelines:
            out.print()
            out.print(pipelines_table(result.pipelines))
        if not result.all_running:
            out.print("next: idemflow up")
    if not result.all_running:
        context.exit(3)


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
    """Check whether this machine can run the servers, and say how to mend what cannot.

    \b
    Example:
      idemflow doctor
    """
    checks = doctor_command.doctor(resolve(context))
    problems = any(check.outcome == "problem" for check in checks)
    if as_json:
        print_json({"ok": not problems, "checks": [dataclasses.asdict(c) for c in checks]})
    else:
        out.print(report.checks_table(checks))
    if problems:
        context.exit(1)


@main.command()
@click.argument("server", type=click.Choice(["nifi", "elasticsearch"]))
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


def resolve(context: click.Context, /, **options: Any) -> Settings:
    """The settings of this call: its options, the global ones, and the rest."""
    return settings.resolve({**context.find_root().obj, **options})


def print_json(value: Any) -> None:
    """Prints one JSON object."""
    click.echo(json.dumps(value, indent=2, default=_plain))


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else dataclasses.asdict(value)


def _and(names: Any) -> str:
    titles = {"nifi": "NiFi", "elasticsearch": "Elasticsearch"}
    return " and ".join(titles.get(name, name) for name in names)


def _show(error: IdemflowError) -> None:
    if isinstance(error, ServerError) and error.log_tail:
        err.print(f"[dim]{escape(error.log_tail)}[/]")
    err.print(f"[red]error:[/] {escape(error.message)}")
    if error.next_command:
        err.print(f"next: {escape(error.next_command)}")


def _show_crash(error: Exception) -> int:
    """Keeps the traceback in a file, and says in one line what happened."""
    err.print(f"[red]error:[/] unexpected: {escape(f'{type(error).__name__}: {error}')}")
    try:
        file = settings.resolve().folders.crash_log
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as stream:
            stream.write(f"{datetime.datetime.now(datetime.UTC).isoformat()} {sys.argv[1:]}\n")
            traceback.print_exception(error, file=stream)
    except (OSError, IdemflowError):
        err.print("next: please report this")
    else:
        err.print(f"next: please report this, with {file}")
    return 70


# The commands on pipelines register themselves; they need the names above.
import idemflow.cli_pipelines  # noqa: E402
