"""``idemflow status``."""

from __future__ import annotations

from dataclasses import dataclass

from idemflow import runtime
from idemflow.runtime import ServerStatus
from idemflow.settings import Settings


@dataclass(frozen=True)
class Status:
    """What ``idemflow status`` shows.

    Attributes:
        runtime: ``embedded`` or ``external``.
        home: the embedded runtime's folder, if it is embedded.
        servers: NiFi and Elasticsearch.
    """

    runtime: str
    home: str | None
    servers: list[ServerStatus]

    @property
    def all_running(self) -> bool:
        """Whether every server answers."""
        return all(server.state == "running" for server in self.servers)


def status(settings: Settings) -> Status:
    """The state of the servers."""
    home = str(settings.home) if settings.runtime == "embedded" else None
    return Status(settings.runtime, home, runtime.status(settings))
