"""The commands on dead letters: list, show, export, replay, drop."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from idemflow.cli.base import ask, err, main, out, resolve, show, verb
from idemflow.cli.tables import dead_letters as tables
from idemflow.cli.tables.runs_progress import RunsProgress
from idemflow.commands import dead_letters as command
from idemflow.config.settings import Settings
from idemflow.dead_letters.store import Filters, Letter, parse_since
from idemflow.errors import UsageError

_Command = TypeVar("_Command", bound=Callable[..., Any])
_OPTIONS = (
    click.option("--letter", "letters", multiple=True, metavar="ID", help="The letter of this id."),
    click.option("--since", metavar="WHEN", help='From then on: "1h", "2d", "2026-01-31".'),
    click.option("--record", metavar="ID", help="Of the record with this id."),
    click.option("--run", metavar="RUN", help="Of this run (or the start of its id)."),
    click.option("--reason", metavar="TEXT", help="Whose reason contains this text."),
    click.option("--step", metavar="STEP", help="Refused by this step: Identify, Load, ..."),
)


@main.group("dead-letters")
def dead_letters() -> None:
    """Records that could not go in: list, show, export, replay and drop them.

    \b
    Examples:
      idemflow dead-letters list people
      idemflow dead-letters export people -o letters.ndjson
      idemflow dead-letters replay people --file letters.ndjson
    """


def _filters(function: _Command) -> _Command:
    for option in _OPTIONS:
        function = option(function)
    return function


def _chosen(*, letters: tuple[str, ...], since: str | None, **texts: str | None) -> Filters:
    for name, value in {**texts, "letter": "" if "" in letters else None}.items():
        if value == "":
            raise UsageError(f"--{name} is empty; leave it away to mean all letters")
    when = None if since is None else parse_since(since, datetime.now(UTC))
    return Filters(**texts, since=when, letters=letters)


@verb(dead_letters, "list")
@click.argument("pipeline")
@_filters
@click.option(
    "--limit",
    default=50,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="Letters to show, at most.",
)
def list_command(
    settings: Settings, pipeline: str, limit: int, as_json: bool, **filters: Any
) -> None:
    """Show the dead letters of PIPELINE, newest first, and how many there are by reason.

    \b
    Examples:
      idemflow dead-letters list people
      idemflow dead-letters list people --step Load --since 1h
      idemflow dead-letters list people --reason "parse field [born]"
    """
    result = command.list_letters(settings, pipeline, _chosen(**filters), limit)
    found = {
        "pipeline": result.pipeline,
        "total": result.total,
        "reasons": _reasons(result.reasons),
        "letters": [_plain(letter) for letter in result.letters],
    }
    show(as_json, found, tables.listing(result))


@verb(dead_letters, "show")
@click.argument("pipeline")
@click.argument("letter")
def show_command(settings: Settings, pipeline: str, letter: str, as_json: bool) -> None:
    """Show all of one dead letter of PIPELINE; the beginning of its id is enough.

    \b
    Example:
      idemflow dead-letters show people 3f8a
    """
    found, content = command.show(settings, pipeline, letter)
    show(as_json, {**_plain(found), "content": content}, tables.letter(found, content))


@dead_letters.command("export")
@click.argument("pipeline")
@_filters
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="The file to write; default: the standard output.",
)
@click.pass_context
def export_command(
    context: click.Context, /, pipeline: str, output: Path | None, **filters: Any
) -> None:
    """Write the dead letters of PIPELINE as NDJSON, a letter a line, to be fixed.

    Mend "record" (or "text") in a line and send it with: idemflow dead-letters replay --file.

    \b
    Examples:
      idemflow dead-letters export people -o letters.ndjson
      idemflow dead-letters export people --step Load | jq .record
    """
    chosen, settings = _chosen(**filters), resolve(context)
    if output is None:
        command.export(settings, pipeline, chosen, click.echo)
        return
    try:
        output.touch(0o600)  # of one that was there the mode stays
        with output.open("w", encoding="utf-8", newline="\n") as stream:
            number = command.export(
                settings, pipeline, chosen, lambda line: print(line, file=stream)
            )
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}") from error
    out.print(f"{tables.count(number)} in {output}.")


@verb(dead_letters, "replay")
@click.argument("pipeline")
@_filters
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Mended letters, as `export` writes them.",
)
@click.option("--as-deployed", is_flag=True,
              help="Send them through what is on the canvas, whatever the files say.")  # fmt: skip
def replay_command(
    settings: Settings,
    pipeline: str,
    file: Path | None,
    as_deployed: bool,
    as_json: bool,
    **filters: Any,
) -> None:
    """Send dead letters of PIPELINE through it again, and wait for each.

    After the mapping, the script or (with --file) the records were fixed: PIPELINE is deployed
    first where the canvas is not as its files say. Those that go in are no dead letters any more;
    the others stay, once. Exit code 5 when anything is lost, 7 when some are dead letters again.

    \b
    Examples:
      idemflow dead-letters replay people
      idemflow dead-letters replay people --reason "parse field [born]"
      idemflow dead-letters replay people --file letters.ndjson
    """
    chosen = _chosen(**filters)
    if file is not None and not chosen.none:
        raise UsageError("--file names the letters itself: it goes with no other option")
    with RunsProgress(err, silent=as_json) as progress:
        result = command.replay(
            settings, pipeline, progress, filters=chosen, file=file, as_deployed=as_deployed
        )
    report = {**dataclasses.asdict(result), "reasons": _reasons(result.reasons)}
    show(as_json, report, tables.replayed(result))
    command.judge(result)


@verb(dead_letters, "drop")
@click.argument("pipeline")
@_filters
@click.option("--all", "everything", is_flag=True, help="All dead letters of the pipeline.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def drop_command(
    settings: Settings,
    pipeline: str,
    everything: bool,
    yes: bool,
    as_json: bool,
    **filters: Any,
) -> None:
    """Delete dead letters of PIPELINE for good, after a question.

    \b
    Examples:
      idemflow dead-letters drop people --letter 3f8a
      idemflow dead-letters drop people --since 1d --step Identify --yes
      idemflow dead-letters drop people --all
    """
    chosen = _chosen(**filters)
    if chosen.none != everything:
        raise UsageError(
            "say which letters: with --step, --reason, --run, --record, --since or --letter, "
            "or else with --all",
            next_command=f"idemflow dead-letters list {pipeline}",
        )

    def confirm(number: int) -> bool:
        return yes or ask(f"Delete {tables.count(number)} of {pipeline}?")

    result = command.drop(settings, pipeline, chosen, confirm)
    show(as_json, result, tables.dropped(result))


def _plain(letter: Letter) -> dict[str, Any]:
    own = ("state", "checked")
    return {key: value for key, value in vars(letter).items() if key not in own}


def _reasons(counts: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    return [{"reason": reason, "count": count} for reason, count in counts]
