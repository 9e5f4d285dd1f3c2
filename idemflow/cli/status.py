"""The command ``status``."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

import click
import rich.live
from rich.console import Console, RenderableType
from rich.markup import escape

from idemflow.cli.base import main, out, print_json, show, verb
from idemflow.cli.tables import health as lines
from idemflow.cli.tables.live import live_table
from idemflow.cli.tables.pipelines import pipelines_table
from idemflow.cli.tables.servers import servers_table
from idemflow.commands import health
from idemflow.commands import status as command
from idemflow.commands._each import pipelines_of
from idemflow.commands.health import Checked, worst
from idemflow.commands.live import EVERY, Live
from idemflow.config.settings import Settings
from idemflow.errors import UsageError


@verb(main)
@click.argument("pipelines", nargs=-1, metavar="[PIPELINE]...")
@click.option(
    "--check", "checks", is_flag=True,
    help="For monitoring: a line a pipeline and an exit code, by the YAML's `expect`.",
)  # fmt: skip
@click.option("--watch", "watches", is_flag=True,
              help="What the pipelines do, every two seconds, until Ctrl-C.")  # fmt: skip
@click.option("--quiet", is_flag=True, help="With --check: no line where all is as expected.")
def status(
    settings: Settings,
    pipelines: tuple[str, ...],
    checks: bool,
    watches: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Show the servers: version, port, pid, memory, health. Exit code 3 unless all run.

    Then the pipelines, or those that are named. With --check one line says of each whether it is
    as its YAML expects, the worst first, and the exit code is the worst one. With --watch a table
    on the terminal shows what they do now, whether the servers run or not.

    \b
    Examples:
      idemflow status
      idemflow status --json
      idemflow status --check
      idemflow status people --check --quiet
      idemflow status --watch
    """
    if quiet and not checks:
        raise UsageError(
            "--quiet belongs to --check", next_command="idemflow status --check --quiet"
        )
    if watches and (checks or as_json or not _terminal()):
        raise UsageError(
            "--watch draws a table on a terminal anew, and "
            + ("--check and --json print" if checks or as_json else "there is none"),
            next_command="idemflow status --check, or: idemflow status --check --json",
        )
    if watches:
        _watch(settings, pipelines)
        return
    if checks:
        _check(settings, pipelines, quiet=quiet, as_json=as_json)
        return
    if pipelines:
        pipelines_of(settings, pipelines)  # raises: there is none of that name
    result = command.status(settings)
    there = result.pipelines
    if pipelines and there is not None:
        there = [one for one in there if one.name in pipelines]
    further = {name.replace("-", "_"): one for name, one in result.further.items()}
    found = {**{key: value for key, value in vars(result).items() if key != "further"}, **further}
    found["pipelines"] = there
    parts: list[RenderableType] = [
        servers_table([*result.servers, *filter(None, result.further.values())])
    ]
    if result.supervisor:
        parts.append(f"Kept up by idemflow supervise (pid {result.supervisor}).")
    parts += [f"[red]{escape(one)}[/]" for one in (result.problem, result.disk) if one]
    if there:
        parts += ["", pipelines_table(there)]
    if not result.all_running:
        parts.append(f"next: {result.next_command}")
    show(as_json, found, *parts)
    if not result.all_running:
        raise click.exceptions.Exit(3)


def _terminal() -> bool:
    """Whether there is a terminal that can be drawn on, whatever colors are forced."""
    return sys.stdout.isatty() and not out.is_dumb_terminal


def _watch(settings: Settings, names: Sequence[str]) -> None:
    live = Live(settings, names)
    drawn = rich.live.Live(console=Console(highlight=False), auto_refresh=False)
    try:
        with drawn:
            while True:
                began = time.monotonic()
                drawn.update(live_table(live.look()), refresh=True)
                time.sleep(max(0.0, EVERY - (time.monotonic() - began)))
    except KeyboardInterrupt:  # that is how it ends
        return
    finally:
        live.close()


def _check(settings: Settings, names: Sequence[str], *, quiet: bool, as_json: bool) -> None:
    found = health.check(settings, names)
    code = worst(one.code for one in found)
    if as_json:
        print_json({"code": code, "pipelines": [_plain(one) for one in found]})
    else:
        for one in found:
            if one.code or not quiet:
                out.print(lines.line(one), markup=False)
    raise click.exceptions.Exit(code)


def _plain(checked: Checked) -> dict[str, Any]:
    told = checked.figures
    last = told.last if told else None
    return {
        "pipeline": checked.pipeline,
        "status": lines.word(checked),
        "code": checked.code,
        "findings": checked.findings,
        "expect": checked.expect.model_dump(exclude_none=True) if checked.expect else None,
        "freshness": checked.age,
        "freshness_of": told.measured if told else None,
        "dead_letters": told.dead_letters if told else None,
        "run": last.run if last else None,
        "records": last.records if last else None,
    }
