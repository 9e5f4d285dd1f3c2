"""What commands that change a runtime need: its folder, its lock, words for the disk's errors."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from idemflow.config.paths import Home
from idemflow.config.settings import Settings
from idemflow.errors import IdemflowError
from idemflow.security.locks import LockFile
from idemflow.security.owner import Owner, closed, folder, servers_user, write_file

LOCK_SECONDS = 600.0  # as long as a first `up` with a slow network may take


def make_home(settings: Settings) -> Owner:
    """Makes the runtime's folder.

    Returns:
        the user that the servers run as.
    """
    owner = servers_user(settings.home, settings.run_as_user)
    folder(settings.home, 0o700 if owner.is_self else 0o755)
    home = settings.folders
    for path in (home.nifi, home.elasticsearch, home.python, home.flow_copies):
        if path.is_dir():  # an earlier version left some of them open
            closed(path, owner)
    folder(home.turns, 0o700)
    # By default it lies in the project: a `git add .` there must not take secrets and data along.
    ignore = home.git_ignore
    if not ignore.exists():
        write_file(ignore, "*\n")
    return owner


def runtime_lock(home: Home) -> LockFile:
    """What a command holds while it changes the runtime."""
    return LockFile(home.lock, "another idemflow command on this runtime")


@contextlib.contextmanager
def locked(home: Home) -> Iterator[None]:
    """Keeps other commands from changing the runtime meanwhile.

    Raises:
        IdemflowError: another command goes on for too long.
    """
    lock = runtime_lock(home)
    lock.acquire(LOCK_SECONDS)
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def explained_os_errors(command: str = "idemflow up") -> Iterator[None]:
    """Turns an error of the operating system into one that says what to do.

    Args:
        command: what to run afterwards.

    Raises:
        IdemflowError: names the file and the cause.
    """
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        advice = f"set IDEMFLOW_HOME to a folder that you can write, then: {command}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            advice = f"free some disk space, then: {command}"
        raise IdemflowError(f"{error.filename}: {reason}", next_command=advice) from error
