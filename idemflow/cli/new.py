"""The command ``new``: a pipeline from data."""

from __future__ import annotations

import dataclasses
import sys

import click
from rich.markup import escape

from idemflow.cli.base import err, main, out, print_json, verb
from idemflow.cli.tables import new as tables
from idemflow.commands import new as command
from idemflow.commands.new import CONTENT, NONE, Choices, Draft
from idemflow.config.settings import Settings
from idemflow.errors import UsageError
from idemflow.preview.golden import place
from idemflow.profile.guess import Origin


@verb(main)
@click.argument("name")
@click.option("--from", "where", metavar="DATA",
              help="A file (.csv, .ndjson, .json, packed with gzip or not), a script (.py), "
              "postgresql://... or the name of a database.")  # fmt: skip
@click.option("--table", help="The table of the database.")
@click.option("--script", is_flag=True, help="Write the beginning of a script.")
@click.option("--function", help="The function of the script that gives the records.")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE",
              help="An argument of that function.")  # fmt: skip
@click.option("--delimiter", help="What stands between the columns of CSV.")
@click.option("--encoding", help="The encoding of CSV, by Python's name.")
@click.option("--identity", multiple=True, metavar="FIELD",
              help="The field that makes the ids; several together, or content-hash.")  # fmt: skip
@click.option("--version", metavar="FIELD",
              help="The field that says which of two states is newer; or none.")  # fmt: skip
@click.option("--index", help="The name of the index.")
@click.option("--mode", type=click.Choice(["upsert", "snapshot"]), help="How documents are kept.")
@click.option("--no-test", is_flag=True, help="Write no test, and so none of the records.")
@click.option("--yes", is_flag=True, help="Take what is proposed; ask nothing.")
def new(
    settings: Settings,
    name: str,
    where: str | None,
    table: str | None,
    script: bool,
    function: str | None,
    given: tuple[str, ...],
    delimiter: str | None,
    encoding: str | None,
    identity: tuple[str, ...],
    version: str | None,
    index: str | None,
    mode: str | None,
    no_test: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Make the pipeline NAME from data: look at all of them, and write flows/NAME.yaml and a test.

    What makes the ids is proved: no two records that are there have the same. On a terminal it
    asks before it writes; nothing that is there is overwritten.

    \b
    Examples:
      idemflow new sales --from data/sales.csv
      idemflow new orders --from postgresql://reader@localhost/shop --table orders
      idemflow new events --from events.ndjson --identity id --version seq --yes
      idemflow new people --script
    """
    if script == bool(where):
        raise click.UsageError("one of --from DATA and --script says where the records come from")
    origin = command.script(name) if script else Origin(
        str(where), name, table, delimiter, encoding, function, command.arguments(given)
    )  # fmt: skip
    choices = Choices(identity or None, version, index, mode)  # type: ignore[arg-type]
    with command.look(settings, origin) as draft:
        test = not no_test
        if sys.stdin.isatty() and not yes and not as_json:
            choices = _asked(draft, choices)
            test = test and click.confirm(
                f"copy the first records into {place(name)}, which is to be committed, as a test?",
                default=True, err=True,
            )  # fmt: skip
        made = draft.write(choices, test=test)
    if as_json:
        print_json(dataclasses.asdict(made))
        return
    for part in tables.made(made):
        out.print(part)
    for line in (*made.before, made.next_command):
        out.print(f"next: {escape(line)}")


def _asked(draft: Draft, choices: Choices) -> Choices:
    """The choices of a person who has seen the proposals."""
    for part in tables.looked(draft.found.data, draft.guesses(Choices()), draft.notes):
        err.print(part)
    shown = {one.what: one.value for one in draft.guesses(Choices())}
    while True:
        answer = choices
        if not choices.identity:
            said = click.prompt(
                f"identity (fields, or {CONTENT})", default=" ".join(shown["identity"]), err=True
            )
            answer = dataclasses.replace(answer, identity=tuple(said.split()))
            if answer.identity == shown["identity"]:
                answer = dataclasses.replace(answer, identity=None)
        if choices.version is None:
            proposed = shown["version"][0] if shown.get("version") else NONE
            said = click.prompt(f"version (a field, or {NONE})", default=proposed, err=True)
            # With another identity than was proposed it may have to say which record counts.
            proposed = proposed if answer.identity is None else ""
            answer = dataclasses.replace(answer, version=None if said == proposed else said)
        if choices.index is None:
            said = click.prompt("index", default=shown["index"], err=True)
            answer = dataclasses.replace(answer, index=None if said == shown["index"] else said)
        try:
            draft.guesses(answer)
        except UsageError as error:
            err.print(f"[red]error:[/] {escape(error.message)}")
            continue
        return answer
