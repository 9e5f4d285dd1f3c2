"""``idemflow flow checkout`` and ``rollback``: another version on the canvas."""

from __future__ import annotations

from idemflow.canvas import process_groups, versions
from idemflow.commands._identity import version_guarded
from idemflow.commands.flow.base import (
    Done,
    definition,
    on_canvas,
    open_repository,
    refuse_local_changes,
    switch_version,
)
from idemflow.config.settings import Settings
from idemflow.errors import UsageError
from idemflow.versions.repository import Repository, Version


def checkout(settings: Settings, name: str, revision: str, *, force: bool = False) -> Done:
    """Bring the group on the canvas to a committed version.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        revision: a tag, a hash, or what else git understands.
        force: discard changes that were made on the canvas.

    Raises:
        UsageError: there are such changes, or there is no such version; or it makes other ids
            than the documents have that are there.
        CanvasError: the version does not work here; the one before is back.
    """
    store = open_repository(settings, name)
    return _checkout(settings, store, name, store.resolve(name, revision), force=force)


def rollback(settings: Settings, name: str, *, force: bool = False) -> Done:
    """Bring the group on the canvas to the version before the one it is on."""
    store = open_repository(settings, name)
    current = on_canvas(store, name)
    known = store.versions(name)
    position = [one.id for one in known].index(current.id) + 1
    if position == len(known):
        raise UsageError(
            f"{current.title} is the first version of {name}: there is none before it",
            next_command=f"idemflow flow log {name}",
        )
    return _checkout(settings, store, name, known[position], force=force)


def _checkout(
    settings: Settings, store: Repository, name: str, version: Version, *, force: bool
) -> Done:
    group = process_groups.find_id(name)
    current = on_canvas(store, name)
    modified = refuse_local_changes(store, name, current, force=force)
    if current.id == version.id and not modified:
        return Done(name, version, changed=False)
    wanted = definition(store, name, version)
    with version_guarded(settings, name, versions.export(group), wanted):
        switch_version(store, name, group, current, version, modified=modified)
    return Done(name, version, changed=True)
