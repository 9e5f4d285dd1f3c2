"""The commands ``prove``: does a pipeline hold while production happens to it?"""

from __future__ import annotations

import dataclasses
import random
import shlex
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.status import Status

from idemflow.cli.base import Noun, confirm, err, main, show, verb
from idemflow.cli.tables import prove as tables
from idemflow.config.settings import Settings
from idemflow.errors import NotIdempotent, NotProved, UsageError
from idemflow.prove import experiment, journal, report
from idemflow.prove import plan as planning
from idemflow.prove.journal import Journal, MethodResult
from idemflow.prove.methods import METHODS
from idemflow.prove.plan import Plan

_SEEDS = 1_000_000


class _Prove(Noun):
    """`prove PIPELINE` is short for `prove run PIPELINE`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["run", *args]
        return super().parse_args(ctx, args)


@main.group(cls=_Prove)
def prove() -> None:
    """Run a pipeline while NiFi and Elasticsearch are killed, stopped and cut off, and judge it:
    `prove PIPELINE`, `prove show JOURNAL`, `prove methods`.

    \b
    Examples:
      idemflow prove people
      idemflow prove people --quick
      idemflow prove show proof/journal.json
    """


class _Progress:
    """What is under way, on a terminal; and a line a method. A context manager."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None

    def __enter__(self) -> _Progress:
        if self._console.is_terminal:
            self._status = self._console.status("")
            self._status.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._status is not None:
            self._status.stop()

    def step(self, text: str) -> None:
        if self._status is not None:
            self._status.update(escape(text))

    def done(self, result: MethodResult) -> None:
        self._console.print(tables.line(result))


@verb(prove, "run")
@click.argument("pipeline")
@click.option(
    "--method",
    "methods",
    metavar="NAME",
    multiple=True,
    help="What to do to it; may be repeated. Default: all of `idemflow prove methods`.",
)
@click.option("--all", "everything", is_flag=True, help="All methods: the default.")
@click.option("--quick", is_flag=True, help="A few methods, in three minutes for a small pipeline.")
@click.option(
    "--seed",
    type=click.IntRange(0),
    metavar="N",
    help="Of all random choices: the same make the same proof.",
)
@click.option(
    "--tries",
    default=1,
    show_default=True,
    type=click.IntRange(1, 1000),
    metavar="N",
    help="How often each method has to come to pass.",
)
@click.option("--no-kill", is_flag=True, help="Neither kill nor stop a server.")
@click.option(
    "--yes-disturb",
    metavar="NAME",
    help="The pipeline's name once more: do not ask. Needed where the servers are yours.",
)
@click.option("--report", "folder", metavar="FOLDER",
              type=click.Path(file_okay=False, path_type=Path),
              help="Where the journal goes; default: the runtime's folder.")  # fmt: skip
def prove_run(
    settings: Settings,
    pipeline: str,
    methods: tuple[str, ...],
    everything: bool,
    quick: bool,
    seed: int | None,
    tries: int,
    no_kill: bool,
    yes_disturb: str | None,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Run a copy of PIPELINE while what production does is done to it, and follow each record.

    The copy has an index of its own, which is emptied before each try; PIPELINE, its index and what
    its source remembers are not touched. Its index has to be what its runs sent. Each id ends as
    stable, lost, stale, doubled, dead letter or never read. What did not happen is inconclusive,
    never passed, and is tried again. Exit code 5 where something is lost, doubled or stale, 9 where
    that cannot be told.

    \b
    Examples:
      idemflow prove run people
      idemflow prove people --quick --yes-disturb people
      idemflow prove people --method kill-nifi-commit --tries 10 --seed 7
      idemflow prove people --no-kill --report proof
    """
    if sum((everything, quick, bool(methods))) > 1:
        raise UsageError(
            "--all, --quick and --method exclude each other", next_command="idemflow prove --help"
        )
    if yes_disturb not in (None, pipeline):
        raise UsageError(
            f"--yes-disturb {yes_disturb} does not name {pipeline!r}, and nothing was done",
            next_command=f"idemflow prove {pipeline} --yes-disturb {pipeline}",
        )
    plan = planning.plan(settings, pipeline, methods, quick=quick, may_kill=not no_kill)
    _allowed(settings, plan, yes_disturb)
    number = random.SystemRandom().randrange(_SEEDS) if seed is None else seed
    again = _again(pipeline, methods, quick, tries, no_kill, number)
    at = report.make(settings, pipeline, folder)
    with _Progress(err) as progress:
        found = experiment.prove(
            settings, plan, progress, seed=number, tries=tries, command=again,
            keep=lambda so_far: report.write(so_far, at),
        )  # fmt: skip
    show(as_json, dataclasses.asdict(found), tables.proof(found), f"journal: {at}/{report.JOURNAL}")
    _judged(found, at)


def _allowed(settings: Settings, plan: Plan, yes_disturb: str | None) -> None:
    """Ask before anything is disturbed.

    Raises:
        UsageError: the servers are the user's own, or there is no terminal to ask on.
        click.exceptions.Abort: the answer is no.
    """
    if yes_disturb is not None:
        return
    command = f"idemflow prove {plan.pipeline} --yes-disturb {plan.pipeline}"
    if not plan.embedded or not sys.stdin.isatty():
        why = "There is no terminal to ask on" if plan.embedded else "These servers are yours"
        raise UsageError(f"{why}, and nothing was done", next_command=command)
    confirm("Go on?", *tables.announced(plan, str(settings.home)), yes=False)


def _again(
    pipeline: str, methods: tuple[str, ...], quick: bool, tries: int, no_kill: bool, seed: int
) -> str:
    """The command that does the same again."""
    words = [
        "idemflow",
        "prove",
        pipeline,
        *(text for one in methods for text in ("--method", one)),
    ]
    words += ["--quick"] * quick + ["--no-kill"] * no_kill + ["--seed", str(seed)]
    return shlex.join([*words, *(["--tries", str(tries)] if tries > 1 else [])])


def _judged(found: Journal, at: Path) -> None:
    """Tell what passed from what did not.

    Raises:
        NotIdempotent: something is lost, doubled or stale.
        NotProved: that cannot be told.
    """
    see = f"idemflow prove show {at}/{report.JOURNAL}; again: {found.command}"
    if found.verdict == "failed":
        raise NotIdempotent(f"{found.pipeline}: {found.why}", next_command=see)
    if found.verdict == "inconclusive":
        raise NotProved(f"{found.pipeline}: nothing is proved: {found.why}", next_command=see)


@verb(prove, "show")
@click.argument("file", metavar="JOURNAL", type=click.Path(path_type=Path))
def prove_show(settings: Settings, file: Path, as_json: bool) -> None:  # noqa: ARG001 (verb's)
    """Draw the journal of a proof again; it needs no server.

    \b
    Example:
      idemflow prove show proof/journal.json
    """
    found = journal.read(file / report.JOURNAL if file.is_dir() else file)
    show(as_json, dataclasses.asdict(found), tables.proof(found))


@verb(prove, "methods")
def prove_methods(settings: Settings, as_json: bool) -> None:  # noqa: ARG001 (verb's)
    """List what is done to a pipeline.

    \b
    Example:
      idemflow prove methods
    """
    listed: list[dict[str, Any]] = [
        {"name": one.name, "what": one.what, "kills": one.kills, "quick": one.quick}
        for one in METHODS
    ]
    show(as_json, {"methods": listed}, tables.methods_table(METHODS))
