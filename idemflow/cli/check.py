"""The commands about the files of pipelines: check, schema."""

from __future__ import annotations

import click
from rich.markup import escape

from idemflow.cli.base import main, print_json, show, verb
from idemflow.cli.tables import as_printed
from idemflow.commands import check as command
from idemflow.config.settings import Settings
from idemflow.errors import UsageError
from idemflow.pipeline.schema import schema as pipeline_schema
from idemflow.steps.rules.words import counted


@verb(main)
@click.argument("pipelines", nargs=-1, metavar="[PIPELINE]...")
def check(settings: Settings, pipelines: tuple[str, ...], as_json: bool) -> None:
    """Say all that is wrong with the files of PIPELINE, or of all, without any server.

    The YAML, and the scripts without running them: their functions and arguments, the modules
    that they import. Then what a pipeline reads, and whether pipelines get along. Exit code 2
    when there is a problem: made for a CI job.

    \b
    Examples:
      idemflow check
      idemflow check orders --json
    """
    result = command.check(settings, pipelines)
    found = {
        "pipelines": result.pipelines,
        "problems": [{**vars(one), "place": one.place} for one in result.problems],
    }
    lines = [
        escape(as_printed(text))
        for one in result.problems
        for text in (f"{one.place}: {one.message}", f"  next: {one.next_command}")
    ]
    looked = counted(len(result.pipelines), "pipeline")
    if not lines:
        names = ", ".join(result.pipelines)
        name = "NAME" if len(result.pipelines) > 1 else names
        lines = [f"{looked} without a problem: {names}.", f"next: idemflow run {name}"]
    show(as_json, found, *lines)
    if result.problems:
        raise UsageError(
            f"{counted(len(result.problems), 'problem')} in {result.wrong} of {looked}"
        )


@verb(main)
def schema(settings: Settings, as_json: bool) -> None:  # noqa: ARG001 (it is JSON always)
    """Print a JSON schema of the YAML, by which an editor completes and explains it.

    \b
    Example:
      idemflow schema > pipeline.schema.json
    """
    print_json(pipeline_schema())
