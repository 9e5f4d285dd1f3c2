"""The commands ``flow``: versions of flows in git."""

from __future__ import annotations

from pathlib import Path

import click
from rich.markup import escape

from idemflow.cli.base import main, show, verb
from idemflow.cli.tables import flow as tables
from idemflow.commands.flow import checkout, commit, diff, files, log, registry, status, tag
from idemflow.commands.flow.base import Done
from idemflow.config.settings import Settings


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


@verb(flow, "status")
@click.argument("pipeline", required=False)
def flow_status(settings: Settings, pipeline: str | None, as_json: bool) -> None:
    """Show which version of PIPELINE, or of all, is on the canvas, and what was changed there.

    \b
    Examples:
      idemflow flow status
      idemflow flow status people
    """
    found = status.status(settings, pipeline)
    keys = ("pipeline", "state", "problem", "version", "newest", "local", "misfits")
    rows = [{key: getattr(one, key) for key in keys} for one in found]
    show(as_json, {"pipelines": rows}, tables.status_table(found))


@verb(flow, "log")
@click.argument("pipeline")
def flow_log(settings: Settings, pipeline: str, as_json: bool) -> None:
    """List the versions of PIPELINE, newest first; * is the one on the canvas.

    \b
    Example:
      idemflow flow log people
    """
    found = log.log(settings, pipeline)
    rows = [{**vars(one), "current": one.id == found.current} for one in found.versions]
    none = f'{pipeline} has no versions yet: idemflow flow commit {pipeline} -m "..."'
    show(
        as_json,
        {"pipeline": pipeline, "file": found.file, "versions": rows},
        tables.log_table(found) if rows else none,
    )


@verb(flow, "diff")
@click.argument("pipeline")
@click.argument("before", required=False, metavar="[A")
@click.argument("after", required=False, metavar="[B]]")
def flow_diff(
    settings: Settings, pipeline: str, before: str | None, after: str | None, as_json: bool
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
    found = diff.diff(settings, pipeline, before, after)
    table = tables.changes_table(found.changes, found.before, found.after)
    none = f"{pipeline}: no difference between {found.before} and {found.after}."
    show(as_json, found, table if found.changes else none)


@verb(flow, "commit")
@click.argument("pipeline")
@click.option("-m", "--message", required=True, help="What was changed, and why.")
@click.option("--force", is_flag=True, help="On top of what others have committed meanwhile.")
def flow_commit(
    settings: Settings, pipeline: str, message: str, force: bool, as_json: bool
) -> None:
    """Commit PIPELINE as it is on the canvas.

    The first time this starts version control of the group.

    \b
    Example:
      idemflow flow commit people -m "Load in two tasks"
    """
    done = commit.commit(settings, pipeline, message, force=force)
    _show_version(done, "is committed as", "has no change to commit since", as_json)


@verb(flow, "checkout")
@click.argument("pipeline")
@click.argument("rev")
@click.option("--force", is_flag=True, help="Discard what was changed on the canvas.")
def flow_checkout(settings: Settings, pipeline: str, rev: str, force: bool, as_json: bool) -> None:
    """Bring PIPELINE on the canvas to the version REV: a tag, a hash, a branch.

    What is queued stays queued, and what ran runs again. A version that does not work here is
    taken back.

    \b
    Examples:
      idemflow flow checkout people v2
      idemflow flow checkout people 4f0e2d1
    """
    done = checkout.checkout(settings, pipeline, rev, force=force)
    _show_version(done, "is on the canvas as", "is on the canvas already as", as_json)


@verb(flow, "rollback")
@click.argument("pipeline")
@click.option("--force", is_flag=True, help="Discard what was changed on the canvas.")
def flow_rollback(settings: Settings, pipeline: str, force: bool, as_json: bool) -> None:
    """Bring PIPELINE on the canvas to the version before the one it is on.

    The flow only; documents stay. The data of a snapshot: `idemflow snapshot rollback`.

    \b
    Example:
      idemflow flow rollback people
    """
    done = checkout.rollback(settings, pipeline, force=force)
    _show_version(done, "is on the canvas as", "is on the canvas already as", as_json)


@verb(flow, "tag")
@click.argument("pipeline")
@click.argument("name")
@click.argument("rev", required=False)
def flow_tag(settings: Settings, pipeline: str, name: str, rev: str | None, as_json: bool) -> None:
    """Name a version of PIPELINE: the git tag PIPELINE@NAME, on the version on the canvas.

    \b
    Examples:
      idemflow flow tag people v3
      idemflow flow tag people v2 4f0e2d1
    """
    made = tag.tag(settings, pipeline, name, rev)
    text = f"{made} names that version. Elsewhere: idemflow deploy {made}"
    show(as_json, {"pipeline": pipeline, "tag": made}, text)


@verb(flow, "export")
@click.argument("pipeline")
@click.argument("rev", required=False)
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; it must not be there.",
)  # fmt: skip
def flow_export(
    settings: Settings, pipeline: str, rev: str | None, output: Path, as_json: bool
) -> None:
    """Write PIPELINE, or its version REV, as a flow definition that any NiFi can upload.

    No sensitive value is in it.

    \b
    Examples:
      idemflow flow export people -o people-flow.json
      idemflow flow export people v3 -o people-v3.json
    """
    title = files.export_file(settings, pipeline, rev, output)
    written = {"pipeline": pipeline, "version": title, "file": output}
    show(as_json, written, f"{output} has {title} of {pipeline}.")


@verb(flow, "import")
@click.argument("pipeline")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Discard what was changed on the canvas.")
def flow_import(settings: Settings, pipeline: str, file: Path, force: bool, as_json: bool) -> None:
    """Put the flow definition FILE on the canvas as PIPELINE, to be looked at and committed.

    FILE is what `flow export` or NiFi's *Download flow definition* wrote. A group of that
    name is replaced; what is queued stays queued.

    \b
    Examples:
      idemflow flow import people people-flow.json
      idemflow flow commit people -m "Take over the flow of the other team"
    """
    created = files.import_file(settings, pipeline, file, force=force)
    text = f"{pipeline} is on the canvas as {file} says; it is not committed yet."
    show(as_json, {"pipeline": pipeline, "file": file, "created": created}, text)


@flow.group("registry")
def flow_registry() -> None:
    """NiFi's flow registry clients: where its Version menu keeps versions.

    The project's own git repository is registered by itself.

    \b
    Examples:
      idemflow flow registry list
      idemflow flow registry add --type git --name team --property "Repository Path=/srv/flows"
    """


@verb(flow_registry, "list")
def flow_registry_list(settings: Settings, as_json: bool) -> None:
    """List the flow registry clients of this NiFi, and the types that it has.

    \b
    Example:
      idemflow flow registry list
    """
    found, types = registry.list_all(settings)
    text = f"Types of this NiFi: {', '.join(types) or 'none'}"
    show(as_json, {"clients": found, "types": types}, tables.clients_table(found), text)


@verb(flow_registry, "add")
@click.option("--type", "kind", required=True, help="git, nifi-registry, github, or a class name.")
@click.option("--name", required=True, help="What to call it.")
@click.option(
    "--property", "properties", multiple=True, metavar="NAME=VALUE",
    help="A property by its name on the canvas; never a secret.",
)  # fmt: skip
def flow_registry_add(
    settings: Settings, kind: str, name: str, properties: tuple[str, ...], as_json: bool
) -> None:
    """Register another place for versions, where NiFi has the type.

    Passwords and tokens are set on the canvas: Controller Settings, Registry Clients.

    \b
    Examples:
      idemflow flow registry add --type git --name team --property "Repository Path=/srv/flows"
      idemflow flow registry add --type nifi-registry --name ops --property URL=https://registry:18443
    """
    made = registry.add(settings, kind, name, properties)
    show(as_json, made, f"{made.name} is registered.")


def _show_version(done: Done, changed: str, same: str, as_json: bool) -> None:
    what = f"{done.pipeline} {changed if done.changed else same} {tables.title(done.version)}"
    show(as_json, done, f"{what}: {escape(done.version.comment)}")
