"""The commands on versions of flows in git: version, drift, registry."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from idemflow.cli.base import err, json_option, main, out, print_json, resolve
from idemflow.cli.tables import pipelines as progress_report
from idemflow.cli.tables import flow as tables
from idemflow.commands import drift as drift_command
from idemflow.commands import flow_files
from idemflow.commands import registry as registry_command
from idemflow.commands import flow as command
from idemflow.errors import Drift
from idemflow.versions.repository import Version


@main.group()
def version() -> None:
    """Versions of flows in the project's git repository.

    Each version is a commit of flows/pipelines/PIPELINE.json, made from the canvas or with
    `version commit`. These commands are about flows; `idemflow rollback` is about the data of a
    snapshot.

    \b
    Examples:
      idemflow version status
      idemflow version commit people -m "Load in two tasks"
      idemflow version tag people v3
      idemflow deploy people@v3
    """


@version.command("status")
@click.argument("pipeline", required=False)
@json_option
@click.pass_context
def version_status(context: click.Context, pipeline: str | None, as_json: bool) -> None:
    """Show which version of PIPELINE, or of all, is on the canvas, and what was changed there.

    \b
    Examples:
      idemflow version status
      idemflow version status people
    """
    found = command.status(resolve(context), pipeline)
    if as_json:
        rows = [
            {
                "pipeline": one.pipeline, "state": one.state, "problem": one.problem,
                "version": _plain(one.version), "newest": _plain(one.newest),
                "local": [dataclasses.asdict(change) for change in one.local],
            }
            for one in found
        ]  # fmt: skip
        print_json({"pipelines": rows})
    else:
        out.print(tables.status_table(found))


@version.command("log")
@click.argument("pipeline")
@json_option
@click.pass_context
def version_log(context: click.Context, pipeline: str, as_json: bool) -> None:
    """List the versions of PIPELINE, newest first; * is the one on the canvas.

    \b
    Example:
      idemflow version log people
    """
    found = command.log(resolve(context), pipeline)
    if as_json:
        rows = [
            {**(_plain(one) or {}), "current": one.id == found.current} for one in found.versions
        ]
        print_json({"pipeline": pipeline, "file": found.file, "versions": rows})
    elif found.versions:
        out.print(tables.log_table(found))
    else:
        out.print(f'{pipeline} has no versions yet: idemflow version commit {pipeline} -m "..."')


@version.command("diff")
@click.argument("pipeline")
@click.argument("before", required=False, metavar="[A")
@click.argument("after", required=False, metavar="[B]]")
@json_option
@click.pass_context
def version_diff(
    context: click.Context, pipeline: str, before: str | None, after: str | None, as_json: bool
) -> None:
    """Show what differs between version A and version B of PIPELINE.

    A is the version on the canvas if it is left out, B the canvas as it is. Values of parameters
    are compared between versions only: on a canvas they are that NiFi's own.

    \b
    Examples:
      idemflow version diff people
      idemflow version diff people v2
      idemflow version diff people v2 v3
    """
    found = command.diff(resolve(context), pipeline, before, after)
    if as_json:
        print_json(dataclasses.asdict(found))
    elif found.changes:
        out.print(tables.changes_table(found.changes, found.before, found.after))
    else:
        out.print(f"{pipeline}: no difference between {found.before} and {found.after}.")


@version.command("commit")
@click.argument("pipeline")
@click.option("-m", "--message", required=True, help="What was changed, and why.")
@click.option("--force", is_flag=True, help="On top of what others have committed meanwhile.")
@json_option
@click.pass_context
def version_commit(
    context: click.Context, pipeline: str, message: str, force: bool, as_json: bool
) -> None:
    """Commit PIPELINE as it is on the canvas.

    The first time this starts version control of the group.

    \b
    Example:
      idemflow version commit people -m "Load in two tasks"
    """
    done = command.commit(resolve(context), pipeline, message, force=force)
    _show(done, "is committed as", "has no change to commit since", as_json)


@version.command("checkout")
@click.argument("pipeline")
@click.argument("rev")
@click.option("--force", is_flag=True, help="Discard what was changed on the canvas.")
@json_option
@click.pass_context
def version_checkout(
    context: click.Context, pipeline: str, rev: str, force: bool, as_json: bool
) -> None:
    """Bring PIPELINE on the canvas to the version REV: a tag, a hash, a branch.

    What is queued stays queued, and what ran runs again. A version that does not work here is
    taken back.

    \b
    Examples:
      idemflow version checkout people v2
      idemflow version checkout people 4f0e2d1
    """
    done = command.checkout(resolve(context), pipeline, rev, force=force)
    _show(done, "is on the canvas as", "is on the canvas already as", as_json)


@version.command("rollback")
@click.argument("pipeline")
@click.option("--force", is_flag=True, help="Discard what was changed on the canvas.")
@json_option
@click.pass_context
def version_rollback(context: click.Context, pipeline: str, force: bool, as_json: bool) -> None:
    """Bring PIPELINE on the canvas to the version before the one it is on.

    The flow only; documents stay. (`idemflow rollback` is the one for the data of a snapshot.)

    \b
    Example:
      idemflow version rollback people
    """
    done = command.back(resolve(context), pipeline, force=force)
    _show(done, "is on the canvas as", "is on the canvas already as", as_json)


@version.command("tag")
@click.argument("pipeline")
@click.argument("name")
@click.argument("rev", required=False)
@json_option
@click.pass_context
def version_tag(
    context: click.Context, pipeline: str, name: str, rev: str | None, as_json: bool
) -> None:
    """Name a version of PIPELINE: the git tag PIPELINE@NAME, on the version on the canvas.

    \b
    Examples:
      idemflow version tag people v3
      idemflow version tag people v2 4f0e2d1
    """
    made = command.tag(resolve(context), pipeline, name, rev)
    if as_json:
        print_json({"pipeline": pipeline, "tag": made})
    else:
        out.print(f"{made} names that version. Elsewhere: idemflow deploy {made}")


@version.command("export")
@click.argument("pipeline")
@click.argument("rev", required=False)
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; it must not be there.",
)  # fmt: skip
@json_option
@click.pass_context
def version_export(
    context: click.Context, pipeline: str, rev: str | None, output: Path, as_json: bool
) -> None:
    """Write PIPELINE, or its version REV, as a flow definition that any NiFi can upload.

    No sensitive value is in it.

    \b
    Examples:
      idemflow version export people -o people-flow.json
      idemflow version export people v3 -o people-v3.json
    """
    title = flow_files.export_file(resolve(context), pipeline, rev, output)
    if as_json:
        print_json({"pipeline": pipeline, "version": title, "file": output})
    else:
        out.print(f"{output} has {title} of {pipeline}.")


@version.command("import")
@click.argument("pipeline")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Discard what was changed on the canvas.")
@json_option
@click.pass_context
def version_import(
    context: click.Context, pipeline: str, file: Path, force: bool, as_json: bool
) -> None:
    """Put the flow definition FILE on the canvas as PIPELINE, to be looked at and committed.

    FILE is what `version export` or NiFi's *Download flow definition* wrote. A group of that
    name is replaced; what is queued stays queued.

    \b
    Examples:
      idemflow version import people people-flow.json
      idemflow version commit people -m "Take over the flow of the other team"
    """
    created = flow_files.import_file(resolve(context), pipeline, file, force=force)
    if as_json:
        print_json({"pipeline": pipeline, "file": file, "created": created})
    else:
        out.print(f"{pipeline} is on the canvas as {file} says; it is not committed yet.")


@main.command()
@click.argument("pipeline", required=False)
@click.option(
    "--from", "source", type=click.Choice(["git", "yaml", "both"]), default="both",
    show_default=True, help="What to compare the canvas with.",
)  # fmt: skip
@json_option
@click.pass_context
def drift(context: click.Context, pipeline: str | None, source: str, as_json: bool) -> None:
    """Say where PIPELINE on the canvas differs from its version in git, or from its YAML.

    All pipelines on the canvas if PIPELINE is left out; PIPELINE@REV compares with that version.
    Exit code 6 when there is a difference: made for a CI job.

    \b
    Examples:
      idemflow drift
      idemflow drift people --from yaml
      idemflow drift people@v3 --from git
    """
    settings = resolve(context)
    with progress_report.RunsProgress(err, silent=as_json) as progress:
        found = drift_command.drift(
            settings, pipeline, progress.step, git=source != "yaml", yaml=source != "git"
        )
    if as_json:
        print_json(
            {"pipelines": [{**dataclasses.asdict(one), "drift": one.found} for one in found]}
        )
    else:
        out.print(tables.drift_tables(found))
    drifted = [one for one in found if one.found]
    if drifted:
        raise Drift(
            f"the canvas has drifted: {', '.join(one.pipeline for one in drifted)}",
            next_command=drifted[0].way_out,
        )


@main.group()
def registry() -> None:
    """NiFi's flow registry clients: where its Version menu keeps versions.

    The project's own git repository is registered by itself.

    \b
    Examples:
      idemflow registry list
      idemflow registry add --type git --name team --property "Repository Path=/srv/flows"
    """


@registry.command("list")
@json_option
@click.pass_context
def registry_list(context: click.Context, as_json: bool) -> None:
    """List the flow registry clients of this NiFi, and the types that it has.

    \b
    Example:
      idemflow registry list
    """
    found, types = registry_command.list_all(resolve(context))
    if as_json:
        print_json({"clients": [dataclasses.asdict(one) for one in found], "types": types})
        return
    out.print(tables.clients_table(found))
    out.print(f"Types of this NiFi: {', '.join(types) or 'none'}")


@registry.command("add")
@click.option("--type", "kind", required=True, help="git, nifi-registry, github, or a class name.")
@click.option("--name", required=True, help="What to call it.")
@click.option(
    "--property", "properties", multiple=True, metavar="NAME=VALUE",
    help="A property by its name on the canvas; never a secret.",
)  # fmt: skip
@json_option
@click.pass_context
def registry_add(
    context: click.Context, kind: str, name: str, properties: tuple[str, ...], as_json: bool
) -> None:
    """Register another place for versions, where NiFi has the type.

    Passwords and tokens are set on the canvas: Controller Settings, Registry Clients.

    \b
    Examples:
      idemflow registry add --type git --name team --property "Repository Path=/srv/flows"
      idemflow registry add --type nifi-registry --name ops --property URL=https://registry:18443
    """
    made = registry_command.add(resolve(context), kind, name, properties)
    if as_json:
        print_json(dataclasses.asdict(made))
    else:
        out.print(f"{made.name} is registered.")


def _show(done: command.Done, changed: str, same: str, as_json: bool) -> None:
    if as_json:
        print_json(
            {"pipeline": done.pipeline, "version": _plain(done.version), "changed": done.changed}
        )
        return
    title = " ".join((*done.version.tags, done.version.id[:9]))
    out.print(f"{done.pipeline} {changed if done.changed else same} {title}: ", end="")
    out.print(done.version.comment, markup=False)


def _plain(one: Version | None) -> dict[str, Any] | None:
    return None if one is None else {**dataclasses.asdict(one), "at": one.at.isoformat()}
