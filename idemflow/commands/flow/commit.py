"""``idemflow flow commit``: make a version of what is on the canvas."""

from __future__ import annotations

from idemflow.canvas import flow_file, process_groups, registry, versions
from idemflow.commands.flow.base import Done, definition, open_repository
from idemflow.config.settings import Settings
from idemflow.errors import CanvasError, UsageError
from idemflow.versions.repository import Repository, Version


def commit(settings: Settings, name: str, comment: str, *, force: bool = False) -> Done:
    """Commit what is on the canvas.

    Raises:
        CanvasError: somebody else changed the flow meanwhile, or git refused.
    """
    store = open_repository(settings, name)
    group = process_groups.find_id(name)
    before = store.versions(name)
    now = versions.control_info(group)
    behind = bool(before) and (now is None or now.version != before[0].id)
    if behind and _is_on_canvas(store, name, before[0]):
        # NiFi does not know of it: it was killed after git had the commit, or somebody else
        # committed the same. Nothing is put on top: no commit is made of what git has already.
        force = True
    if before and not force and now is None:
        raise UsageError(
            f"{name} is not under version control on this canvas, but git has versions of it",
            next_command=f"idemflow deploy {name}@{before[0].title.rpartition('@')[2]}, "
            "or commit with --force to put the canvas on top of them",
        )
    try:
        made = versions.commit(
            group, registry.ensure(store), name, comment, known=bool(before), force=force
        )
    except CanvasError as error:
        raise CanvasError(
            error.message,
            next_command=f"idemflow flow diff {name} {before[0].id[:9]} to see the difference; "
            "then commit --force, or checkout --force"
            if before
            else None,
        ) from error
    store.synchronize()
    version = store.resolve(name, made)
    return Done(name, version, changed=made not in {one.id for one in before})


def _is_on_canvas(store: Repository, name: str, version: Version) -> bool:
    """Whether the canvas is just what a version says, its parameters included."""
    wanted = definition(store, name, version)
    there = versions.export(process_groups.find_id(name))
    return not versions.differences(wanted, there) and flow_file.parameters(
        wanted
    ) == flow_file.parameters(there)
