"""``idemflow flow log``: the versions of a pipeline."""

from __future__ import annotations

from dataclasses import dataclass

from idemflow.canvas import process_groups, versions
from idemflow.commands.flow.base import open_repository
from idemflow.config.settings import Settings
from idemflow.versions.repository import Version


@dataclass(frozen=True)
class Log:
    """The versions of a pipeline, newest first, and the one on the canvas."""

    pipeline: str
    file: str
    current: str | None
    versions: list[Version]


def log(settings: Settings, name: str) -> Log:
    """The versions of a pipeline."""
    store = open_repository(settings, name)
    group = process_groups.find(name)
    now = versions.control_info(group.id) if group else None
    return Log(name, store.file(name), now.version if now else None, store.versions(name))
