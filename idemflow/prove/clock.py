"""A clock for the servers alone, which a proof sets: libfaketime is loaded into them.

It moves what they read as the time of day. What they measure durations with goes on as it does, as
on a machine whose clock is set, and so does what the disk notes as the time of a file.
"""

from __future__ import annotations

import importlib.util
from datetime import timedelta
from pathlib import Path

import psutil

from idemflow.config.paths import Home
from idemflow.security.owner import place, write_file

_LIBRARY = "libfaketime.so.1"
_VARIABLE = "FAKETIME_TIMESTAMP_FILE"
# How long a server keeps what it has read of the file, in seconds; it counts whole ones.
_KEPT = 1
READ_WITHIN = _KEPT + 1.2


def library() -> Path | None:
    """The library that the package ``libfaketime`` brings, for Linux; it is loaded by no import."""
    found = importlib.util.find_spec("libfaketime")
    if found is None or found.origin is None:
        return None
    file = Path(found.origin).parent / "vendor" / "libfaketime" / "src" / _LIBRARY
    return file if file.is_file() else None


def variables(home: Home, library: Path) -> dict[str, str]:
    """What a server is to be started with that has such a clock.

    Args:
        home: the runtime; a copy of the library is placed there, which the servers' user may read.
        library: from :func:`library`.
    """
    place(library, home.proofs / library.name)
    return {
        # By its name, since a path with a space would be two libraries.
        "LD_PRELOAD": library.name,
        "LD_LIBRARY_PATH": str(home.proofs),
        _VARIABLE: str(_file(home)),
        "FAKETIME_CACHE_DURATION": str(_KEPT),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        # What it mends of waiting with that clock was wrong in an old glibc; in others each wait
        # of Java ends at once, and its threads go round without a pause.
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        "NO_FAKE_STAT": "1",
    }


def move(home: Home, offset: timedelta) -> None:
    """Set the clock of servers that have one, or will have; they read it within
    :data:`READ_WITHIN` seconds.

    Args:
        home: the runtime.
        offset: by how much it is ahead of the machine's.
    """
    file = _file(home)
    write_file(file, f"{offset.total_seconds():+.0f}\n")
    file.chmod(0o644)


def has_one(process: psutil.Process) -> bool:
    """Whether a server was started with such a clock, by this proof or by one that was killed."""
    try:
        return _VARIABLE in process.environ()
    except psutil.Error:
        return False


def _file(home: Home) -> Path:
    return home.proofs / "clock"
