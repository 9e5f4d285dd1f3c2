"""What runs: the file ``state.json`` of a runtime, and whether its processes are still those.

    {"format": 1, "idemflow": "0.1.0",
     "servers": {"nifi": {"pid": 123, "create_time": 1700000000.0, "port": 8443,
                          "version": "2.3.0", "settings": {"nifi_heap": "1g", ...}},
                 "elasticsearch": {...}},
     "grants": ["people"],
     "data": {"nifi": "2.3.0", "elasticsearch": "8.17.4"}}

``format`` is that of the whole folder; without it, it is 0: the same but for ``format``,
``idemflow`` and ``data``. ``create_time`` (seconds since the epoch) tells a process from a later
one with the same number.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from pydantic import TypeAdapter

from idemflow import __version__
from idemflow.config.formats import OR_ANOTHER_HOME, refuse_newer
from idemflow.security.owner import write_file

# Of the runtime's folder. A change that an older idemflow would get wrong makes it one more, and
# comes with what it does to a folder of each number before; tests/unit/servers/homes has one each.
FORMAT = 1
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
        packages: of NiFi, the folder with the project's packages that it was started with.
    """

    pid: int
    create_time: float
    port: int
    version: str
    settings: dict[str, str] = field(default_factory=dict)
    packages: str = ""

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
    """All that a runtime remembers between commands.

    Attributes:
        servers: the processes that were started.
        grants: the indices that NiFi's user may write.
        data: the versions of the servers that wrote the data last.
    """

    servers: dict[str, Recorded] = field(default_factory=dict)
    grants: tuple[str, ...] = ()
    data: dict[str, str] = field(default_factory=dict)

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
    """The state; empty where there is none, or where the file is damaged.

    Raises:
        IdemflowError: a newer idemflow wrote it, in a form that this one does not know.
    """
    try:
        found = json.loads(file.read_bytes())
        if isinstance(found, dict):
            refuse_newer(str(file.parent), found, FORMAT, otherwise=OR_ANOTHER_HOME)
        return _STATE.validate_python(found)
    except (OSError, ValueError, RecursionError):
        return State()


def write_state(file: Path, state: State) -> None:
    """Writes the state at once, 0600."""
    marks = {"format": FORMAT, "idemflow": __version__}
    write_file(file, json.dumps({**marks, **dataclasses.asdict(state)}, indent=1))
