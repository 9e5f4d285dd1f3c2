"""What all commands share: the program, its options, its errors, its two consoles."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.markup import escape

import idemflow
from idemflow.config import settings
from idemflow.config.settings import Settings
from idemflow.errors import IdemflowError, ServerError

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

_Command = TypeVar("_Command", bound=Callable[..., Any])
_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


# Where each command is. Only its own module is imported, since the clients of NiFi and of
# Elasticsearch, which many need and `up` and `down` do not, take longer than all else.
_MODULES = {
    "dead-letters": "dead_letters",
    "demo-db": "demo_db",
    "deploy": "pipelines",
    "doctor": "servers",
    "down": "servers",
    "drift": "versions",
    "logs": "servers",
    "open": "servers",
    "prune": "prune",
    "registry": "versions",
    "rollback": "sources",
    "run": "pipelines",
    "schedule": "pipelines",
    "start": "pipelines",
    "state": "sources",
    "status": "status",
    "stop": "pipelines",
    "up": "servers",
    "verify": "pipelines",
    "version": "versions",
}


class Program(click.Group):
    """Imports a command when it is called, and prints each error as one message with what next."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return sorted(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _MODULES:
            import_module(f"idemflow.cli.{_MODULES[cmd_name]}")
        return super().get_command(ctx, cmd_name)

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


def resolve(context: click.Context, /, **options: Any) -> Settings:
    """The settings of this call: its options, the global ones, and the rest."""
    return settings.resolve({**context.find_root().obj, **options})


def print_json(value: Any) -> None:
    """Prints one JSON object."""
    click.echo(json.dumps(value, indent=2, default=_plain))


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else dataclasses.asdict(value)


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
