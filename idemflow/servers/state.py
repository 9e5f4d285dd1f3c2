"""What runs: the file ``state.json`` of a runtime, and whether its processes are still those.

    {"servers": {"nifi": {"pid": 123, "create_time": 1700000000.0, "port": 8443,
                          "version": "2.3.0", "settings": {"nifi_heap": "1g", ...}},
                 "elasticsearch": {...}},
     "grants": ["people"]}

``create_time`` (seconds since the epoch) tells a process from a later one with the same number.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from pydantic import TypeAdapter

from idemflow.security.owner import write_file

# psutil reckons the start from the boot time, which clock corrections move a little.
_CLOCK_TOLERANCE = 2.0


@dataclass(frozen=True)
class Recorded:
    """A server's process as it was started.

    Attributes:
        pid: its number.
        create_time: its start, in seconds since the epoch.
        port: the port that it listens on.
        version: the server's version.
        settings: the settings that it was started with, by name, as texts; none on record of an
            older idemflow.
    """

    pid: int
    create_time: float
    port: int
    version: str
    settings: dict[str, str] = field(default_factory=dict)

    def process(self) -> psutil.Process | None:
        """The process, if it still runs."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.create_time) < _CLOCK_TOLERANCE
            if same and process.status() != psutil.STATUS_ZOMBIE:
                return process
        except psutil.Error:
            pass
        return None


@dataclass(frozen=True)
class State:
    """All that a runtime remembers between commands."""

    servers: dict[str, Recorded] = field(default_factory=dict)
    grants: tuple[str, ...] = ()

    def running(self) -> dict[str, psutil.Process]:
        """The servers' processes that still run."""
        found = {name: record.process() for name, record in self.servers.items()}
        return {name: process for name, process in found.items() if process}

    def with_server(self, name: str, record: Recorded | None) -> State:
        """A copy where a server is recorded, or forgotten."""
        servers = {n: r for n, r in self.servers.items() if n != name}
        if record:
            servers[name] = record
        return dataclasses.replace(self, servers=servers)


_STATE = TypeAdapter(State)


def read_state(file: Path) -> State:
    """The state; empty where there is none, or where the file is damaged."""
    try:
        return _STATE.validate_json(file.read_bytes())
    except (OSError, ValueError):
        return State()


def write_state(file: Path, state: State) -> None:
    """Writes the state at once, 0600."""
    write_file(file, json.dumps(dataclasses.asdict(state), indent=1))
