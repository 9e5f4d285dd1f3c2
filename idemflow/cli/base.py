"""What all commands share: the program, its options, its errors, its two consoles."""

from __future__ import annotations

import ast
import dataclasses
import functools
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem
from rich.console import Console, Group, RenderableType
from rich.markup import escape

import idemflow
from idemflow.cli import diagnostics
from idemflow.cli.tables import as_printed
from idemflow.config import registry, settings
from idemflow.config.masking import masked
from idemflow.config.settings import Settings
from idemflow.errors import CRASHED, EXIT_CODES, STOPPED, IdemflowError, ServerError, UsageError

# What `grep` or a file gets is not cut to the width of a terminal.
_WIDTH_ELSEWHERE = 1000


class _TypedConsole(Console):
    """Prints the commands that a text names as they can be typed in the user's shell."""

    def print(self, *objects: Any, **options: Any) -> None:
        if not self.is_terminal and "COLUMNS" not in os.environ:
            self.width = _WIDTH_ELSEWHERE
        super().print(*map(_as_typed, objects), **options)


out = _TypedConsole(highlight=False, soft_wrap=True)
err = _TypedConsole(stderr=True, highlight=False, soft_wrap=True)

# A code a line: `\b` keeps click from filling them up.
_EPILOG = "\b\nExit codes:\n" + "\n".join(
    f"  {code:3}  {meaning}" for code, meaning in EXIT_CODES.items()
)
_Command = TypeVar("_Command", bound=Callable[..., Any])
# How long the first sentence about a command may be, in a list of commands.
_SHORT = 200
_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


# The commands by what they are about, and where each is. Only its own module is imported, since the
# clients of NiFi and of Elasticsearch, which many need and `up` and `down` do not, take longer than
# all else.
_GROUPS = {
    "Beginning": {"init": "init", "new": "new", "config": "config", "completion": "completion"},
    "Servers": {
        "up": "servers",
        "status": "status",
        "logs": "servers",
        "doctor": "servers",
        "open": "servers",
        "supervise": "supervise",
        "backup": "backup",
        "restore": "backup",
        "down": "servers",
    },
    "Pipelines": {
        "show": "show",
        "check": "check",
        "schema": "check",
        "preview": "preview",
        "test": "test",
        "deploy": "pipelines",
        "run": "pipelines",
        "start": "pipelines",
        "stop": "pipelines",
        "cancel": "pipelines",
        "verify": "pipelines",
        "prove": "prove",
        "runs": "runs",
        "metrics": "metrics",
        "remove": "remove",
    },
    "Data": {
        "trace": "trace",
        "dead-letters": "dead_letters",
        "snapshot": "snapshot",
        "source": "source",
        "prune": "prune",
    },
    "Flows in git": {"flow": "flow", "drift": "drift"},
    "Any flow": {"audit": "audit", "convert": "convert"},
}
_MODULES = {name: module for group in _GROUPS.values() for name, module in group.items()}


class Noun(click.Group):
    """Lists its verbs in the order of their work, each with the whole of its first sentence."""

    group_class: type[click.Group] | type[type] | None = type  # a group in it is one, too

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.format_section(ctx, formatter, "Commands", self.list_commands(ctx))

    def format_section(
        self, ctx: click.Context, formatter: click.HelpFormatter, title: str, names: Iterable[str]
    ) -> None:
        """Write the lines of some of the commands below a heading."""
        with formatter.section(title):
            formatter.write_dl([(name, self.first_sentence(ctx, name)) for name in names])

    def first_sentence(self, ctx: click.Context, name: str) -> str:
        """The first sentence about a command."""
        found = self.get_command(ctx, name)
        return found.get_short_help_str(_SHORT) if found else ""


class Program(Noun):
    """Imports a command when it is called, and prints each error as one message with what next."""

    group_class = Noun

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        return [name for names in _all_groups().values() for name in names]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in _all_groups().items():
            self.format_section(ctx, formatter, title, names)

    def first_sentence(self, ctx: click.Context, name: str) -> str:
        """Of our own commands it is read in their source: to import them all takes far longer."""
        text = _docstrings(_MODULES[name]).get(name) if name in _MODULES else None
        if text is None:
            return super().first_sentence(ctx, name)
        return click.Command(name, help=text).get_short_help_str(_SHORT)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """As click does, without importing the commands."""
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        found = [CompletionItem(name, help=self.first_sentence(ctx, name)) for name in names]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = [*self.list_commands(ctx), *self.commands]
        if args[0] not in known and not args[0].startswith("-"):
            raise click.exceptions.NoSuchCommand(args[0], possibilities=known, ctx=ctx)
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _MODULES:
            import_module(f"idemflow.cli.{_MODULES[cmd_name]}")
        elif cmd_name in registry.found("commands"):
            self.add_command(registry.found("commands")[cmd_name].load(), cmd_name)
        found = super().get_command(ctx, cmd_name)
        if found:
            _accept_everywhere(found)
        return found

    def main(self, args: Sequence[str] | None = None, **extra: Any) -> Any:  # type: ignore[override]
        arguments, call = [*(sys.argv[1:] if args is None else args)], diagnostics.Call(err)
        with call.recording():
            sys.exit(self._main(arguments, call, extra))

    def _main(self, arguments: list[str], call: diagnostics.Call, extra: dict[str, Any]) -> int:
        code: Any
        try:
            code = super().main(arguments, **{**extra, "standalone_mode": False, "obj": call})
        except click.exceptions.Abort:
            err.print("[red]stopped[/]")
            code = STOPPED
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
            code = _show_crash(error, arguments, call)
        return code if isinstance(code, int) else 0


@functools.cache
def _docstrings(module: str) -> dict[str, str]:
    """The docstrings of a module's functions, by the names that these have as commands."""
    source = Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8")
    functions = (one for one in ast.parse(source).body if isinstance(one, ast.FunctionDef))
    return {
        one.name.strip("_").replace("_", "-"): ast.get_docstring(one) or "" for one in functions
    }


def _all_groups() -> dict[str, list[str]]:
    """The commands of :data:`_GROUPS`, and those that packages add."""
    groups = {title: list(names) for title, names in _GROUPS.items()}
    for name in registry.found("commands"):
        title = "Servers" if name in registry.found("servers") else "More"
        groups.setdefault(title, []).append(name)
    return groups


def _accept_everywhere(command: click.Command) -> None:
    """Lets ``-v`` and ``--log-file`` stand behind a command's name as well as before it."""
    if not any(option.name == "log_file" for option in command.params):
        command.params += diagnostics.options(hidden=True)
    for one in command.commands.values() if isinstance(command, click.Group) else ():
        _accept_everywhere(one)


def ask(question: str) -> bool:
    """Ask before something is taken away.

    Raises:
        UsageError: there is no terminal to ask on.
    """
    if not sys.stdin.isatty():
        raise UsageError(
            f"{question} There is no terminal to ask on, and nothing was done",
            next_command="the same command with --yes",
        )
    return click.confirm(question, err=True)


def confirm(question: str, *lines: RenderableType, yes: bool) -> None:
    """Ask before something is deleted, and say what goes.

    Args:
        question: what is asked.
        lines: what goes, for a person.
        yes: whether the answer was given already.

    Raises:
        UsageError: there is no terminal to ask on.
        click.exceptions.Abort: the answer is no.
    """
    if yes:
        return
    for line in lines:
        err.print(line)
    if not ask(question):
        raise click.Abort


def json_option(command: _Command) -> _Command:
    """The option ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(command)


def verb(
    group: click.Group, name: str | None = None
) -> Callable[[Callable[..., None]], click.Command]:
    """A command with ``--json``, called with the settings and with its other parameters.

    Parameters that are made by :func:`setting_option` are in the settings.
    """

    def add(function: Callable[..., None]) -> click.Command:
        @click.pass_context
        def call(context: click.Context, /, **given: Any) -> None:
            taken = {key: given.pop(key) for key in settings.TABLE if key in given}
            # An option that may be repeated and is not given has no values.
            chosen = {key: value for key, value in taken.items() if value != ()}
            function(resolve(context, **chosen), **given)

        return json_option(group.command(name)(functools.update_wrapper(call, function)))

    return add


def setting_option(name: str, flag: str | None = None, **extra: Any) -> Callable[..., Any]:
    """An option for a setting, with the help of the settings' table."""
    help_text = settings.TABLE[name].description
    return click.option(flag or "--" + name.replace("_", "-"), name, help=help_text, **extra)


@click.group(cls=Program, context_settings=_HELP, invoke_without_command=True, epilog=_EPILOG)
@click.version_option(idemflow.__version__, prog_name="idemflow")
@setting_option("project", metavar="FOLDER")
@json_option
@click.pass_context
def main(context: click.Context, /, project: str | None, as_json: bool) -> None:
    """Idempotent pipelines on Apache NiFi: run, rerun, replay or crash, and Elasticsearch holds
    the same.

    \b
    Examples:
      idemflow               what is the case here, and what to run next
      idemflow up            start NiFi and Elasticsearch
      idemflow run people    run a pipeline and check the result
      idemflow down          stop both

    Settings come from options, from the environment (IDEMFLOW_NIFI_PORT, ...) and from
    idemflow.toml in the project's folder; docs/operating.md lists them.
    """
    context.obj.options["project"] = project
    if context.invoked_subcommand is None:
        import_module("idemflow.cli.overview").show(context, as_json=as_json)
    elif as_json:
        raise click.UsageError(
            f"--json goes behind the command: idemflow {context.invoked_subcommand} ... --json"
        )


main.params += diagnostics.options()


def resolve(context: click.Context, /, **options: Any) -> Settings:
    """The settings of this call: its options, the global ones, and the rest."""
    return settings.resolve({**context.find_root().obj.options, **options})


def print_json(value: Any) -> None:
    """Prints one JSON object."""
    click.echo(json.dumps(value, indent=2, default=_plain))


def show(as_json: bool, value: Any, *lines: RenderableType) -> None:
    """Prints a result: as one JSON object, or as lines for a person."""
    if as_json:
        print_json(value)
    else:
        for line in lines:
            out.print(line)


def _as_typed(thing: Any) -> Any:
    """A text with ``.venv/bin/idemflow up`` for ``idemflow up`` where only that is found."""
    if isinstance(thing, Group):
        return Group(*map(_as_typed, thing.renderables), fit=thing.fit)
    if not isinstance(thing, str) or "idemflow " not in thing:
        return thing
    names = "|".join(name for group in _all_groups().values() for name in group)
    return re.sub(rf"(?<![\w/.-])idemflow (?=(?:{names})\b)", f"{escape(_program())} ", thing)


def _program() -> str:
    """What to type for this program: its name, if the shell finds it, or the path it was called by.

    A virtual environment that is not activated is not looked into.
    """
    called, found = Path(sys.argv[0]), shutil.which("idemflow")
    known = called.name != "idemflow" or (found and called.exists() and called.samefile(found))
    return "idemflow" if known else shlex.quote(sys.argv[0])


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Path) else dataclasses.asdict(value)


def _show(error: IdemflowError) -> None:
    if isinstance(error, ServerError) and error.log_tail:
        err.print(f"[dim]{_harmless(error.log_tail)}[/]")
    err.print(f"[red]error:[/] {_harmless(error.message)}")
    if error.next_command:
        err.print(f"next: {_harmless(error.next_command)}")


def _harmless(text: str) -> str:
    """A text that quotes others, from files or servers, without what a terminal would do."""
    return escape(as_printed(text))


def _show_crash(error: Exception, arguments: list[str], call: diagnostics.Call) -> int:
    """Says in one line what happened; the rest is in a file."""
    text = masked(f"{type(error).__name__}: {error}")
    err.print(f"[red]error:[/] unexpected: {_harmless(text)}")
    try:
        err.print(f"next: please report this, with {call.report(error, arguments)}")
    except OSError:
        err.print("next: please report this")
    return CRASHED
