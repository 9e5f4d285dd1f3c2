"""Servers beside NiFi and Elasticsearch, which packages add by entry points."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from idemflow.config import registry
from idemflow.config.settings import Settings
from idemflow.servers.lifecycle import ServerStatus


class Further(Protocol):
    """What an entry point of ``idemflow.servers`` names.

    Attributes:
        title: what it is called in a sentence, e.g. ``the demo database``.
        start: the command that starts it.
        port: its port on loopback, where the setting ``<name>_port`` gives no other.
    """

    @property
    def title(self) -> str: ...
    @property
    def start(self) -> str: ...
    @property
    def port(self) -> int: ...

    def log(self, settings: Settings) -> Path:
        """Its main log."""

    def status(self, settings: Settings) -> ServerStatus | None:
        """Its state; ``None`` where there is none."""

    def stop(self, settings: Settings, *, delete: bool) -> tuple[bool, tuple[int, ...]]:
        """Stops it, and deletes its data if ``delete``.

        Returns:
            whether it ran, and the pids that had to be killed.
        """


def further() -> dict[str, Further]:
    """All of them, by name."""
    return registry.loaded("servers")
