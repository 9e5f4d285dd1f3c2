"""``idemflow doctor``: can this machine run the embedded servers, and do your own ones answer."""

from __future__ import annotations

import resource
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from idemflow.config.combinations import TITLES
from idemflow.config.settings import Settings
from idemflow.errors import IdemflowError
from idemflow.servers import ServerStatus, ports, read_state, status
from idemflow.servers.disk import LOW
from idemflow.supply.java import installed_java
from idemflow.supply.python_env import shared_library

DISK_NEEDED = 3 * 1024**3  # artifacts, unpacked servers, and room for data
MEMORY_NEEDED = int(3.5 * 1024**3)  # both servers with their default heaps
FILES_NEEDED = 4096
PYTHONS = ((3, 11), (3, 13))


@dataclass(frozen=True)
class Check:
    """The outcome of one check.

    Attributes:
        name: what was checked.
        outcome: ``ok``, ``warning`` (works, with a limit) or ``problem``.
        found: what was found.
        fix: what to do, unless all is well.
    """

    name: str
    outcome: Literal["ok", "warning", "problem"]
    found: str
    fix: str | None = None


def doctor(settings: Settings) -> list[Check]:
    """All checks, none of which changes anything."""
    return [
        _python(),
        _libpython(),
        _java(),
        _memory(settings),
        _disk("disk of the cache", settings.cache, "IDEMFLOW_CACHE"),
        _disk("disk of the runtime", settings.home, "IDEMFLOW_HOME"),
        _files(),
        *(_port(name, getattr(settings, f"{name}_port"), settings) for name in settings.embedded),
        *(_own(one) for one in status(settings) if not one.embedded),
    ]


def _python() -> Check:
    found = sys.version.split()[0]
    low, high = PYTHONS
    if low <= sys.version_info[:2] <= high:
        return Check("Python", "ok", found)
    fix = f"use Python {low[0]}.{low[1]} to {high[0]}.{high[1]}: jpy has no build for others"
    return Check("Python", "problem", found, fix)


def _libpython() -> Check:
    library = shared_library()
    if library:
        return Check("shared libpython", "ok", str(library))
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    fix = f"apt-get install libpython{version}, or build Python with --enable-shared"
    return Check("shared libpython", "problem", "none", fix)


def _java() -> Check:
    java = installed_java()
    try:
        return Check("Java runtime", "ok", f"{java.version()} ({java.home})")
    except IdemflowError as error:
        return Check("Java runtime", "problem", str(error), error.next_command)


def _memory(settings: Settings) -> Check:
    running = read_state(settings.folders.state).running()
    free = psutil.virtual_memory().available
    found = f"{_gib(free)} available"
    if running or free >= MEMORY_NEEDED:
        return Check("memory", "ok", found)
    fix = "close programs, or: idemflow up --nifi-heap 768m --elasticsearch-heap 512m"
    return Check("memory", "warning", f"{found}, {_gib(MEMORY_NEEDED)} are usual", fix)


def _disk(name: str, path: Path, variable: str) -> Check:
    existing = next(p for p in (path, *path.parents) if p.exists())
    free = shutil.disk_usage(existing).free
    found = f"{_gib(free)} free for {path}"
    fix = f"free some space, or set {variable} to a folder on another disk"
    if free < LOW:
        return Check(name, "problem", f"{found}; Elasticsearch will refuse to write", fix)
    if free < DISK_NEEDED:
        return Check(name, "warning", found, fix)
    return Check(name, "ok", found)


def _files() -> Check:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    found = f"{soft} open files (at most {hard})"
    if soft == resource.RLIM_INFINITY or soft >= FILES_NEEDED:
        return Check("file limits", "ok", found)
    return Check("file limits", "problem", found, f"ulimit -n {FILES_NEEDED}")


def _port(server: str, port: int, settings: Settings) -> Check:
    name = f"port of {server}"
    running = read_state(settings.folders.state).running()
    if server in running:
        return Check(name, "ok", f"{port}, used by this runtime")
    if ports.is_free(port):
        return Check(name, "ok", f"{port} is free")
    fix = f"idemflow up --{server}-port {ports.free_port(port + 1)}"
    return Check(name, "problem", f"{port} is taken by {ports.holder(port)}", fix)


def _own(server: ServerStatus) -> Check:
    name = f"your own {TITLES[server.name]}"
    outcome: Literal["ok", "problem"] = "problem" if server.next_command else "ok"
    return Check(name, outcome, server.state, server.next_command)


def _gib(size: int) -> str:
    return f"{size / 1024**3:.1f} GiB"
