"""``idemflow version``: versions of flows in git."""

from __future__ import annotations

from dataclasses import dataclass

from idemflow import servers
from idemflow.canvas import client, control, flow_file, installed_steps, registry, versions
from idemflow.canvas.difference import Change
from idemflow.canvas.versions import VersionControlInfo
from idemflow.config.settings import Settings
from idemflow.drawing.boxes import Json
from idemflow.errors import CanvasError, UsageError
from idemflow.pipeline import spec
from idemflow.versions import repository
from idemflow.versions.repository import Repository, Version

CANVAS = "canvas"


@dataclass(frozen=True)
class Status:
    """How a pipeline on the canvas relates to git.

    Attributes:
        pipeline: its name.
        deployed: whether it is on the canvas.
        version: the version on the canvas; ``None`` without version control.
        newest: the newest version in git.
        local: local changes: how the canvas differs from its version.
        problem: why NiFi cannot tell, if it cannot.
    """

    pipeline: str
    deployed: bool
    version: Version | None
    newest: Version | None
    local: list[Change]
    problem: str | None

    @property
    def state(self) -> str:
        """In a few words."""
        if not self.deployed:
            return "not on the canvas"
        if self.problem:
            return "sync failure"
        if self.version is None:
            return "not under version control"
        words = ["changed on the canvas"] if self.local else []
        if self.newest and self.newest.id != self.version.id:
            words.append("a newer version is in git")
        return ", ".join(words) or "up to date"


@dataclass(frozen=True)
class Log:
    """The versions of a pipeline, newest first, and the one on the canvas."""

    pipeline: str
    file: str
    current: str | None
    versions: list[Version]


@dataclass(frozen=True)
class Difference:
    """What differs between two versions, or a version and the canvas."""

    pipeline: str
    before: str
    after: str
    changes: list[Change]


@dataclass(frozen=True)
class Done:
    """A version that is on the canvas, or was made, now."""

    pipeline: str
    version: Version
    changed: bool


def open_canvas(settings: Settings) -> Repository:
    """Connect to NiFi; the repository, in step with the project.

    Raises:
        IdemflowError: NiFi does not run, or there is no repository.
    """
    found = repository.needed(settings)
    connect(settings)
    return found


def connect(settings: Settings) -> None:
    """Connect to NiFi alone."""
    client.connect(servers.connect(settings).nifi)


def status(settings: Settings, name: str | None) -> list[Status]:
    """How the canvas relates to git, for one pipeline or all of the project."""
    names = [checked(settings, name)] if name else spec.names(settings.project)
    store = open_canvas(settings)
    registry.ensure(store)
    return [_status(store, one) for one in names]


def log(settings: Settings, name: str) -> Log:
    """The versions of a pipeline."""
    checked(settings, name)
    store = open_canvas(settings)
    group = control.find_group(name)
    now = versions.held(group.id) if group else None
    return Log(name, store.file(name), now.version if now else None, store.versions(name))


def diff(settings: Settings, name: str, before: str | None, after: str | None) -> Difference:
    """What differs between two versions.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        before: a revision; ``None`` for the version that is on the canvas.
        after: a revision; ``None`` or ``canvas`` for the canvas as it is.
    """
    checked(settings, name)
    store = open_canvas(settings)
    old = store.resolve(name, before) if before else on_canvas(store, name)
    older = definition(store, name, old)
    if after in (None, CANVAS):
        changes = versions.differences(older, versions.export(control.group_id(name)))
        return Difference(name, old.title, CANVAS, changes)
    new = store.resolve(name, str(after))
    newer = definition(store, name, new)
    changes = versions.differences(older, newer)
    # Only between versions: on the canvas these are this NiFi's own.
    a, b = flow_file.parameters(older), flow_file.parameters(newer)
    changes += [
        Change("parameter context", key, a.get(key), b.get(key))
        for key in sorted({*a, *b})
        if a.get(key) != b.get(key)
    ]
    return Difference(name, old.title, new.title, changes)


def commit(settings: Settings, name: str, comment: str, *, force: bool = False) -> Done:
    """Commit what is on the canvas.

    Raises:
        CanvasError: somebody else changed the flow meanwhile, or git refused.
    """
    checked(settings, name)
    store = open_canvas(settings)
    group = control.group_id(name)
    before = store.versions(name)
    now = versions.held(group)
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
            next_command=f"idemflow version diff {name} {before[0].id[:9]} to see the difference; "
            "then commit --force, or checkout --force"
            if before
            else None,
        ) from error
    store.synchronize()
    version = store.resolve(name, made)
    return Done(name, version, changed=made not in {one.id for one in before})


def checkout(settings: Settings, name: str, revision: str, *, force: bool = False) -> Done:
    """Bring the group on the canvas to a committed version.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        revision: a tag, a hash, or what else git understands.
        force: discard changes that were made on the canvas.

    Raises:
        UsageError: there are such changes, or there is no such version.
        CanvasError: the version does not work here; the one before is back.
    """
    checked(settings, name)
    store = open_canvas(settings)
    return _checkout(store, name, store.resolve(name, revision), force=force)


def back(settings: Settings, name: str, *, force: bool = False) -> Done:
    """Bring the group on the canvas to the version before the one it is on."""
    checked(settings, name)
    store = open_canvas(settings)
    current = on_canvas(store, name)
    known = store.versions(name)
    position = [one.id for one in known].index(current.id) + 1
    if position == len(known):
        raise UsageError(
            f"{current.title} is the first version of {name}: there is none before it",
            next_command=f"idemflow version log {name}",
        )
    return _checkout(store, name, known[position], force=force)


def tag(settings: Settings, name: str, label: str, revision: str | None) -> str:
    """Name a version ``PIPELINE@LABEL``: by default the one on the canvas.

    Returns:
        The tag.
    """
    checked(settings, name)
    store = open_canvas(settings)
    version = store.resolve(name, revision) if revision else on_canvas(store, name)
    if not revision and (local := changes_since(store, name, version)):
        raise UsageError(
            f"{name} was changed on the canvas in {len(local)} place(s): a tag would not have them",
            next_command=f'idemflow version commit {name} -m "..."',
        )
    return store.tag(name, label.removeprefix(f"{name}@"), version)


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
    return store.resolve(name, held(name, control.group_id(name)).version)


def held(name: str, group: str) -> VersionControlInfo:
    """How a group is under version control.

    Raises:
        UsageError: it is not.
    """
    found = versions.held(group)
    if found is None:
        raise UsageError(
            f"{name} is not under version control on this canvas",
            next_command=f'idemflow version commit {name} -m "..."',
        )
    return found


def changes_since(store: Repository, name: str, version: Version) -> list[Change]:
    """How the canvas differs from a version."""
    return versions.differences(
        definition(store, name, version), versions.export(control.group_id(name))
    )


def _is_on_canvas(store: Repository, name: str, version: Version) -> bool:
    """Whether the canvas is just what a version says, its parameters included."""
    wanted = definition(store, name, version)
    there = versions.export(control.group_id(name))
    return not versions.differences(wanted, there) and flow_file.parameters(
        wanted
    ) == flow_file.parameters(there)


def refuse_local(store: Repository, name: str, current: Version, *, force: bool) -> bool:
    """Whether there are changes on the canvas that are not committed.

    Raises:
        UsageError: there are, and nobody allowed to discard them.
    """
    local = changes_since(store, name, current)
    if local and not force:
        raise UsageError(
            f"{name} was changed on the canvas in {len(local)} place(s) since {current.title}: "
            + "; ".join(sorted({one.component for one in local})),
            next_command=f'idemflow version commit {name} -m "..." keeps that, --force discards it',
        )
    return bool(local)


def refuse_newer(store: Repository, name: str, current: str) -> None:
    """Refuse to commit on top of a version that the canvas does not have.

    Args:
        store: the repository.
        name: the pipeline's name.
        current: hash of the version on the canvas.

    Raises:
        UsageError: there is one.
    """
    newest = next(iter(store.versions(name)), None)
    if newest is None or newest.id == current:
        return
    revision = newest.title.rpartition("@")[2]
    raise UsageError(
        f"git has a newer version of {name} than the canvas: {newest.title}, "
        f"{newest.comment!r} by {newest.author}",
        next_command=f"idemflow version diff {name} {revision} shows what differs, "
        f"idemflow version checkout {name} {revision} takes it; "
        f"--force puts flows/{name}.yaml on top of it",
    )


def _checkout(store: Repository, name: str, version: Version, *, force: bool) -> Done:
    group = control.group_id(name)
    current = on_canvas(store, name)
    modified = refuse_local(store, name, current, force=force)
    if current.id == version.id and not modified:
        return Done(name, version, changed=False)
    switch_version(store, name, group, current, version, modified=modified)
    return Done(name, version, changed=True)


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
    now = versions.held(group)
    if now is not None and now.version != version:
        versions.change(group, version)


def _status(store: Repository, name: str) -> Status:
    known = store.versions(name)
    newest = known[0] if known else None
    group = control.find_group(name)
    if group is None:
        return Status(name, False, None, newest, [], None)
    now = versions.held(group.id)
    if now is None:
        return Status(name, True, None, newest, [], None)
    problem = now.explanation if now.state == "SYNC_FAILURE" else None
    current = next((one for one in known if one.id == now.version), None)
    if current is None:
        return Status(
            name, True, None, newest, [], problem or f"git has no version {now.version[:9]}"
        )
    return Status(name, True, current, newest, changes_since(store, name, current), problem)


def checked(settings: Settings, name: str) -> str:
    """The name of a pipeline of the project.

    Raises:
        UsageError: there is no such pipeline.
    """
    if name not in spec.names(settings.project):
        spec.load(settings.project, name)
    return name
