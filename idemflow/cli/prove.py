"""The commands ``prove``: does a pipeline hold while production happens to it?"""

from __future__ import annotations

import dataclasses
import random
import re
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
from idemflow.prove import experiment, group_proof, journal, report
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


class _Duration(click.ParamType[float]):
    """A time such as 30m, in seconds."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        found = re.fullmatch(r"([1-9]\d{0,4})([smh])", str(value))
        if not found:
            self.fail(f"{value!r} is not a time such as 90s, 30m or 2h", param, ctx)
        return float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]


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
@click.argument("pipeline", required=False)
@click.option(
    "--process-group",
    "group",
    metavar="ID",
    help="Not a pipeline, but any group on the canvas, by its id or name.",
)
@click.option("--trigger", metavar="PROCESSOR", help="The processor in it that starts a run.")
@click.option("--index", metavar="NAME", help="The index that it writes to.")
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
@click.option(
    "--for",
    "during",
    type=_Duration(),
    metavar="TIME",
    help="Try random mixes of the methods until 30m, 90s or 2h are over.",
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
    pipeline: str | None,
    group: str | None,
    trigger: str | None,
    index: str | None,
    methods: tuple[str, ...],
    everything: bool,
    quick: bool,
    seed: int | None,
    tries: int,
    during: float | None,
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

    With --process-group a flow runs that idemflow did not draw: in its own index, which is not
    emptied. What one quiet run leaves in it is compared with what is there after each other.

    \b
    Examples:
      idemflow prove run people
      idemflow prove people --quick --yes-disturb people
      idemflow prove people --method kill-nifi-commit --tries 10 --seed 7
      idemflow prove people --for 30m --seed 7
      idemflow prove people --no-kill --report proof
      idemflow prove --process-group my-flow --trigger "Start" --index people \\
        --yes-disturb my-flow
    """
    given = (group, trigger, index)
    name = pipeline or group
    if name is None or (pipeline and any(given)) or (not pipeline and not all(given)):
        raise UsageError(
            "either a PIPELINE, or --process-group, --trigger and --index",
            next_command="idemflow prove --help",
        )
    if group and (everything or quick or tries > 1 or during is not None):
        raise UsageError(
            "--all, --quick, --tries and --for are for pipelines, not for --process-group",
            next_command="idemflow prove --help",
        )
    if sum((everything, quick, bool(methods))) > 1:
        raise UsageError(
            "--all, --quick and --method exclude each other", next_command="idemflow prove --help"
        )
    if during is not None and tries > 1:
        raise UsageError(
            "--for and --tries exclude each other: a mix is tried once",
            next_command="idemflow prove --help",
        )
    number = random.SystemRandom().randrange(_SEEDS) if seed is None else seed
    if yes_disturb not in (None, name) or (group and yes_disturb is None):
        said = f"--yes-disturb {yes_disturb} does not name" if yes_disturb else "this disturbs"
        raise UsageError(
            f"{said} {name!r}, and nothing was done",
            next_command=_yes(name),
        )
    if group and trigger and index:
        _prove_group(settings, group, trigger, index, methods, number, folder, no_kill, as_json)
        return
    assert pipeline
    plan = planning.plan(settings, pipeline, methods, quick=quick, may_kill=not no_kill)
    _allowed(settings, plan, yes_disturb)
    again = _again(pipeline, methods, quick, tries, no_kill, number)
    again += f" --for {during:.0f}s" if during is not None else ""
    at = report.make(settings, pipeline, folder)
    with _Progress(err) as progress:
        found = experiment.prove(
            settings, plan, progress, seed=number, tries=tries, for_seconds=during or 0.0,
            command=again, keep=lambda so_far: report.write(so_far, at),
        )  # fmt: skip
    show(as_json, dataclasses.asdict(found), tables.proof(found), f"journal: {at}/{report.JOURNAL}")
    _judged(found, at)


def _prove_group(
    settings: Settings, group: str, trigger: str, index: str, methods: tuple[str, ...],
    seed: int, folder: Path | None, no_kill: bool, as_json: bool,
) -> None:  # fmt: skip
    """Prove a flow that idemflow did not draw."""
    left, not_tried = group_proof.chosen(settings, methods, may_kill=not no_kill)
    words = ["idemflow", "prove", "--process-group", group, "--trigger", trigger, "--index", index,
             *(text for one in methods for text in ("--method", one)),
             *["--no-kill"] * no_kill, "--seed", str(seed), "--yes-disturb", group]  # fmt: skip
    at = report.make(settings, group, folder)
    with _Progress(err) as progress:
        found = group_proof.prove(
            settings, group, trigger, index, left, progress, seed=seed, not_tried=not_tried,
            command=shlex.join(words), keep=lambda so_far: report.write(so_far, at),
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
    if not plan.embedded or not sys.stdin.isatty():
        why = "There is no terminal to ask on" if plan.embedded else "These servers are yours"
        raise UsageError(f"{why}, and nothing was done", next_command=_yes(plan.pipeline))
    confirm("Go on?", *tables.announced(plan, str(settings.home)), yes=False)


def _yes(name: str) -> str:
    return f"the same command with --yes-disturb {shlex.quote(name)}"


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
@click.argument(
    "files", metavar="JOURNAL...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--page",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write an HTML page of all of them.",
)
def prove_show(
    settings: Settings,  # noqa: ARG001 (verb's)
    files: tuple[Path, ...],
    page: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Draw journals of proofs again, or one page of several; it needs no server.

    \b
    Examples:
      idemflow prove show proof/journal.json
      idemflow prove show proofs/*/journal.json --page proofs.html
    """
    found = [journal.read(file / report.JOURNAL if file.is_dir() else file) for file in files]
    if page is not None:
        report.write_page(found, page)
    if len(found) == 1:
        show(as_json, dataclasses.asdict(found[0]), tables.proof(found[0]))
    else:
        said = {"proofs": [dataclasses.asdict(one) for one in found]}
        show(as_json, said, tables.proofs(found))


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
