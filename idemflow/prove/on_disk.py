"""What servers have on the disk: whether it is saved, has room, and is still there."""

from __future__ import annotations

import gzip
import json
import subprocess
import zlib
from pathlib import Path
from typing import Any

from idemflow.canvas.process_groups import TRIGGERS
from idemflow.config.paths import Home
from idemflow.security.owner import remove

# Beside NiFi's folder of component state, while a proof has taken it away.
_ASIDE = "state-while-proved"
_WITHIN = 20.0


def saved(home: Home, pipeline: str) -> bool:
    """Whether a NiFi that is killed now starts a pipeline's steps again.

    It writes changes of the canvas to disk some time later.
    """
    file = home.nifi / "data" / "flow.json.gz"
    try:
        root = json.loads(gzip.decompress(file.read_bytes()))["rootGroup"]
    except (OSError, EOFError, ValueError, zlib.error):  # it is being written
        return False
    states = {
        step["scheduledState"]
        for group in root["processGroups"]
        if group["name"] == pipeline
        for inner in group["processGroups"]
        for step in inner["processors"]
        if step["name"] not in TRIGGERS
    }
    return states == {"RUNNING"}


def limit(pid: int, size: str, owner: dict[str, Any]) -> str:
    """Limit how long the files are that a process writes to: with 0 it can write to none.

    It is RLIMIT_FSIZE, which can be set for a process that runs; only its own user may.

    Args:
        pid: the process.
        size: in bytes, or ``unlimited``.
        owner: what ``subprocess`` needs to be that user.

    Returns:
        The limit of before.

    Raises:
        OSError: there is no ``prlimit`` on this machine.
        subprocess.SubprocessError: it was refused.
    """
    command = ["prlimit", "--pid", str(pid)]
    before = _said([*command, "--fsize", "--output=SOFT", "--raw", "--noheadings"], owner)
    _said([*command, f"--fsize={size}:"], owner)
    return before


def _said(command: list[str], owner: dict[str, Any]) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=_WITHIN, cwd="/", **owner
    )
    return str(done.stdout).strip()


def take_state(home: Home) -> None:
    """Set aside what steps remember; for a NiFi that does not run.

    Raises:
        OSError: it cannot be renamed.
    """
    _state(home).rename(_aside(home))


def state_is_taken(home: Home) -> bool:
    """Whether it is set aside, by this proof or by one that was killed."""
    return _aside(home).is_dir()


def return_state(home: Home) -> None:
    """Put it back; for a NiFi that does not run.

    Raises:
        OSError: it cannot be renamed.
    """
    state = _state(home)
    if state.exists():
        remove(state)
    _aside(home).rename(state)


def _state(home: Home) -> Path:
    return home.nifi / "data" / "state"


def _aside(home: Home) -> Path:
    return home.nifi / "data" / _ASIDE
