"""``idemflow flow status``: how the pipelines on the canvas relate to git."""

from __future__ import annotations

from dataclasses import dataclass, field

from idemflow.canvas import misfit, process_groups, registry, versions
from idemflow.canvas.difference import Change
from idemflow.commands.flow.base import changes_since, open_repository
from idemflow.config.settings import Settings
from idemflow.pipeline import spec
from idemflow.versions.repository import Repository, Version


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
        misfits: properties that the types of this NiFi do not have: it was drawn for another one.
    """

    pipeline: str
    deployed: bool
    version: Version | None
    newest: Version | None
    local: list[Change]
    problem: str | None
    misfits: list[str] = field(default_factory=list)

    @property
    def state(self) -> str:
        """In a few words."""
        if not self.deployed:
            return "not on the canvas"
        if self.problem:
            return "sync failure"
        unfit = "does not fit this NiFi"
        if self.version is None:
            return unfit if self.misfits else "not under version control"
        words = [unfit] if self.misfits else []
        words += ["changed on the canvas"] if self.local else []
        if self.newest and self.newest.id != self.version.id:
            words.append("a newer version is in git")
        return ", ".join(words) or "up to date"


def status(settings: Settings, name: str | None) -> list[Status]:
    """How the canvas relates to git, for one pipeline or all of the project."""
    store = open_repository(settings, name)
    names = [name] if name else spec.names(settings.project)
    registry.ensure(store)
    return [_status(store, one) for one in names]


def _status(store: Repository, name: str) -> Status:
    known = store.versions(name)
    newest = known[0] if known else None
    group = process_groups.find(name)
    if group is None:
        return Status(name, False, None, newest, [], None)
    unknown = misfit.misfits(versions.export(group.id))
    now = versions.control_info(group.id)
    if now is None:
        return Status(name, True, None, newest, [], None, unknown)
    problem = now.explanation if now.state == "SYNC_FAILURE" else None
    current = next((one for one in known if one.id == now.version), None)
    if current is None:
        return Status(
            name, True, None, newest, [],
            problem or f"git has no version {now.version[:9]}", unknown,
        )  # fmt: skip
    local = changes_since(store, name, current)
    return Status(name, True, current, newest, local, problem, unknown)
