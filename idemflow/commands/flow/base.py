"""What the verbs of ``idemflow flow`` share with ``deploy`` and ``drift``: a group's version."""

from __future__ import annotations

from dataclasses import dataclass

from idemflow import servers
from idemflow.canvas import client, flow_file, installed_steps, process_groups, versions
from idemflow.canvas.difference import Change
from idemflow.config.settings import Settings
from idemflow.drawing.boxes import Json
from idemflow.errors import ChangedOnCanvas, UsageError
from idemflow.pipeline import spec
from idemflow.steps.rules.words import counted
from idemflow.versions import repository
from idemflow.versions.repository import Repository, Version

CANVAS = "canvas"


@dataclass(frozen=True)
class Done:
    """A version that is on the canvas, or was made, now."""

    pipeline: str
    version: Version
    changed: bool


def open_repository(settings: Settings, name: str | None) -> Repository:
    """Connect to NiFi; the repository, in step with the project.

    Args:
        settings: the resolved settings.
        name: a pipeline of the project; ``None`` for all.

    Raises:
        UsageError: there is no such pipeline, or no repository.
        IdemflowError: NiFi does not run.
    """
    if name is not None:
        check_name(settings, name)
    found = repository.needed(settings)
    connect(settings)
    return found


def connect(settings: Settings) -> None:
    """Connect to NiFi alone."""
    client.connect(servers.connect(settings).nifi)


def check_name(settings: Settings, name: str) -> None:
    """Raises UsageError where the project has no such pipeline."""
    if name not in spec.names(settings.project):
        spec.load(settings.project, name)


def definition(store: Repository, name: str, version: Version) -> Json:
    """A committed version."""
    return flow_file.read(
        store.read(name, version.id), f"{store.file(name)} of version {version.id[:9]}"
    )


def on_canvas(store: Repository, name: str) -> Version:
    """The version that the group on the canvas was brought to last.

    Raises:
        UsageError: it is not on the canvas, or not under version control there.
    """
    info = versions.control_info(process_groups.find_id(name))
    if info is None:
        raise UsageError(
            f"{name} is not under version control on this canvas",
            next_command=f'idemflow flow commit {name} -m "..."',
        )
    return store.resolve(name, info.version)


def changes_since(store: Repository, name: str, version: Version) -> list[Change]:
    """How the canvas differs from a version."""
    return versions.differences(
        definition(store, name, version), versions.export(process_groups.find_id(name))
    )


def refuse_local_changes(store: Repository, name: str, current: Version, *, force: bool) -> bool:
    """Whether there are changes on the canvas that are not committed.

    Raises:
        ChangedOnCanvas: there are, and nobody allowed to discard them.
    """
    local = changes_since(store, name, current)
    if local and not force:
        raise ChangedOnCanvas(
            f"{name} was changed on the canvas in {counted(len(local), 'place')} "
            f"since {current.title}: " + "; ".join(sorted({one.component for one in local})),
            next_command=f'idemflow flow commit {name} -m "..." keeps that, --force discards it',
        )
    return bool(local)


def switch_version(
    store: Repository, name: str, group: str, current: Version, version: Version, *, modified: bool
) -> None:
    """Change a group that is under version control to a version, or back if it does not work."""
    wanted = definition(store, name, version)
    versions.check_types(wanted, version.title)
    live = versions.export(group)
    installed_steps.check(name, installed_steps.calls(wanted) - installed_steps.calls(live))

    def apply() -> None:
        if modified:
            versions.change(group, current.id)
        if current.id != version.id:
            versions.change(group, version.id)

    versions.change_safely(group, version.title, apply, lambda: _return(group, current.id))


def _return(group: str, version: str) -> None:
    now = versions.control_info(group)
    if now is not None and now.version != version:
        versions.change(group, version)
