"""The commands ``flow``: versions of flows in git."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from idemflow.cli.base import json_option, main, out, print_json, resolve
from idemflow.cli.tables import flow as tables
from idemflow.commands.flow import checkout, commit, diff, files, log, registry, status, tag
from idemflow.commands.flow.base import Done
from idemflow.versions.repository import Version


@main.group()
def flow() -> None:
    """Versions of flows in the project's git repository.

    Each version is a commit of flows/pipelines/PIPELINE.json, made from the canvas or with
    `flow commit`. These commands are about flows; `idemflow snapshot rollback` is about the
    data of a snapshot.

    \b
    Examples:
      idemflow flow status
      idemflow flow commit people -m "Load in two tasks"
      idemflow flow tag people v3
      idemflow deploy people@v3
    """


@flow.command("status")
@click.argument("pipeline", required=False)
@json_option
@click.pass_context
def flow_status(context: click.Context, pipeline: str | None, as_json: bool) -> None:
    """Show which version of PIPELINE, or of all, is on the canvas, and what was changed there.

    \b
    Examples:
      idemflow flow status
      idemflow flow status people
    """
    found = status.status(resolve(context), pipeline)
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


@flow.command("log")
@click.argument("pipeline")
@json_option
@click.pass_context
def flow_log(context: click.Context, pipeline: str, as_json: bool) -> None:
    """List the versions of PIPELINE, newest first; * is the one on the canvas.

    \b
    Example:
      idemflow flow log people
    """
    found = log.log(resolve(context), pipeline)
    if as_json:
        rows = [
            {**(_plain(one) or {}), "current": one.id == found.current} for one in found.versions
        ]
        print_json({"pipeline": pipeline, "file": found.file, "versions": rows})
    elif found.versions:
        out.print(tables.log_table(found))
    else:
        out.print(f'{pipeline} has no versions yet: idemflow flow commit {pipeline} -m "..."')


@flow.command("diff")
@click.argument("pipeline")
@click.argument("before", required=False, metavar="[A")
@click.argument("after", required=False, metavar="[B]]")
@json_option
@click.pass_context
def flow_diff(
    context: click.Context, pipeline: str, before: str | None, after: str | None, as_json: bool
) -> None:
    """Show what differs between version A and version B of PIPELINE.

    A is the version on the canvas if it is left out, B the canvas as it is. Values of parameters
    are compared between versions only: on a canvas they are that NiFi's own.

    \b
    Examples:
      idemflow flow diff people
      idemflow flow diff people v2
      idemflow flow diff people v2 v3
    """
    found = diff.diff(resolve(context), pipeline, before, after)
    if as_json:
        print_json(dataclasses.asdict(found))
    elif found.changes:
        out.print(tables.changes_table(found.changes, found.before, found.after))
    else:
        out.print(f"{pipeline}: no difference between {found.before} and {found.after}.")


@flow.command("commit")
@click.argument("pipeline")
@click.option("-m", "--message", required=True, help="What was changed, and why.")
@click.option("--force", is_flag=True, help="On top of what others have committed meanwhile.")
@json_option
@click.pass_context
def flow_commit(
    context: click.Context, pipeline: str, message: str, force: bool, as_json: bool
) -> None:
    """Commit PIPELINE as it is on the canvas.

    The first time this starts version control of the group.

    \b
    Example:
      idemflow flow commit people -m "Load in two tasks"
    """
    done = commit.commit(resolve(context), pipeline, message, force=force)
    _show(done, "is committed as", "has no change to commit since", as_json)


@flow.command("checkout")
@click.argument("pipeline")
@click.argument("rev")
@click.option("--force", is_flag=True, help="Discard what was changed on the canvas.")
@json_option
@click.pass_context
def flow_checkout(
    context: click.Context, pipeline: str, rev: str, force: bool, as_json: bool
) -> None:
    """Bring PIPELINE on the canvas to the version REV: a tag, a hash, a branch.

    What is queued stays queued, and what ran runs again. A version that does not work here is
    taken back.

    \b
    Examples:
      idemflow flow checkout people v2
      idemflow flow checkout people 4f0e2d1
    """
    done = checkout.checkout(resolve(context), pipeline, rev, force=force)
    _show(done, "is on the canvas as", "is on the canvas already as", as_json)


@flow.command("rollback")
@click.argument("pipeline")
@click.option("--force", is_flag=True, help="Discard what was changed on the canvas.")
@json_option
@click.pass_context
def flow_rollback(context: click.Context, pipeline: str, force: bool, as_json: bool) -> None:
    """Bring PIPELINE on the canvas to the version before the one it is on.

    The flow only; documents stay. The data of a snapshot: `idemflow snapshot rollback`.

    \b
    Example:
      idemflow flow rollback people
    """
    done = checkout.rollback(resolve(context), pipeline, force=force)
    _show(done, "is on the canvas as", "is on the canvas already as", as_json)


@flow.command("tag")
@click.argument("pipeline")
@click.argument("name")
@click.argument("rev", required=False)
@json_option
@click.pass_context
def flow_tag(
    context: click.Context, pipeline: str, name: str, rev: str | None, as_json: bool
) -> None:
    """Name a version of PIPELINE: the git tag PIPELINE@NAME, on the version on the canvas.

    \b
    Examples:
      idemflow flow tag people v3
      idemflow flow tag people v2 4f0e2d1
    """
    made = tag.tag(resolve(context), pipeline, name, rev)
    if as_json:
        print_json({"pipeline": pipeline, "tag": made})
    else:
        out.print(f"{made} names that version. Elsewhere: idemflow deploy {made}")


@flow.command("export")
@click.argument("pipeline")
@click.argument("rev", required=False)
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; it must not be there.",
)  # fmt: skip
@json_option
@click.pass_context
def flow_export(
    context: click.Context, pipeline: str, rev: str | None, output: Path, as_json: bool
) -> None:
    """Write PIPELINE, or its version REV, as a flow definition that any NiFi can upload.

    No sensitive value is in it.

    \b
    Examples:
      idemflow flow export people -o people-flow.json
      idemflow flow export people v3 -o people-v3.json
    """
    title = files.export_file(resolve(context), pipeline, rev, output)
    if as_json:
        print_json({"pipeline": pipeline, "version": title, "file": output})
    else:
        out.print(f"{output} has {title} of {pipeline}.")


@flow.command("import")
@click.argument("pipeline")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Discard what was changed on the canvas.")
@json_option
@click.pass_context
def flow_import(
    context: click.Context, pipeline: str, file: Path, force: bool, as_json: bool
) -> None:
    """Put the flow definition FILE on the canvas as PIPELINE, to be looked at and committed.

    FILE is what `flow export` or NiFi's *Download flow definition* wrote. A group of that
    name is replaced; what is queued stays queued.

    \b
    Examples:
      idemflow flow import people people-flow.json
      idemflow flow commit people -m "Take over the flow of the other team"
    """
    created = files.import_file(resolve(context), pipeline, file, force=force)
    if as_json:
        print_json({"pipeline": pipeline, "file": file, "created": created})
    else:
        out.print(f"{pipeline} is on the canvas as {file} says; it is not committed yet.")


@flow.group("registry")
def flow_registry() -> None:
    """NiFi's flow registry clients: where its Version menu keeps versions.

    The project's own git repository is registered by itself.

    \b
    Examples:
      idemflow flow registry list
      idemflow flow registry add --type git --name team --property "Repository Path=/srv/flows"
    """


@flow_registry.command("list")
@json_option
@click.pass_context
def flow_registry_list(context: click.Context, as_json: bool) -> None:
    """List the flow registry clients of this NiFi, and the types that it has.

    \b
    Example:
      idemflow flow registry list
    """
    found, types = registry.list_all(resolve(context))
    if as_json:
        print_json({"clients": [dataclasses.asdict(one) for one in found], "types": types})
        return
    out.print(tables.clients_table(found))
    out.print(f"Types of this NiFi: {', '.join(types) or 'none'}")


@flow_registry.command("add")
@click.option("--type", "kind", required=True, help="git, nifi-registry, github, or a class name.")
@click.option("--name", required=True, help="What to call it.")
@click.option(
    "--property", "properties", multiple=True, metavar="NAME=VALUE",
    help="A property by its name on the canvas; never a secret.",
)  # fmt: skip
@json_option
@click.pass_context
def flow_registry_add(
    context: click.Context, kind: str, name: str, properties: tuple[str, ...], as_json: bool
) -> None:
    """Register another place for versions, where NiFi has the type.

    Passwords and tokens are set on the canvas: Controller Settings, Registry Clients.

    \b
    Examples:
      idemflow flow registry add --type git --name team --property "Repository Path=/srv/flows"
      idemflow flow registry add --type nifi-registry --name ops --property URL=https://registry:18443
    """
    made = registry.add(resolve(context), kind, name, properties)
    if as_json:
        print_json(dataclasses.asdict(made))
    else:
        out.print(f"{made.name} is registered.")


def _show(done: Done, changed: str, same: str, as_json: bool) -> None:
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
