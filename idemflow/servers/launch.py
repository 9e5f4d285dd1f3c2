"""Stage three: starts the servers' processes, and stops exactly those."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from idemflow.errors import ServerError
from idemflow.security.owner import Owner

_log = logging.getLogger(__name__)
UMASK = 0o077
# NiFi lets its processors finish for 10 s; Elasticsearch needs a few to close its shards.
TERMINATE_SECONDS = 25.0
KILL_SECONDS = 10.0


@dataclass(frozen=True)
class Command:
    """A process to start.

    Attributes:
        server: ``nifi`` or ``elasticsearch``.
        arguments: the command line; never holds a secret.
        environment: the whole environment.
        folder: the working directory.
        output: the file that takes its standard output and errors.
        log: the server's own log.
    """

    server: str
    arguments: Sequence[str | Path]
    environment: Mapping[str, str]
    folder: Path
    output: Path
    log: Path


def start(command: Command, owner: Owner) -> psutil.Process:
    """Starts a process of its own session as the servers' user.

    Returns:
        the process, with its start; also of one that has ended already.

    Raises:
        ServerError: it cannot be started.
    """
    _log.debug("command of %s: %s", command.server, " ".join(map(str, command.arguments)))
    with contextlib.suppress(FileNotFoundError):
        command.output.unlink()
    handle = os.open(command.output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        child = subprocess.Popen(
            command.arguments,
            cwd=command.folder,
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=UMASK,
            **owner.identity(),
        )
        # Looked at while nobody can have waited for it: it is found even if it died at once.
        process = psutil.Process(child.pid)
        process.create_time()  # kept by the object
        return process
    except OSError as error:
        raise ServerError(
            command.server,
            f"{command.server} cannot be started: {error}",
            next_command="idemflow doctor",
        ) from error
    finally:
        os.close(handle)


def stop(processes: Iterable[psutil.Process]) -> list[int]:
    """Ends processes and their children: TERM, and KILL for what is left after a while.

    One that somebody has stopped (SIGSTOP) goes on, so that it can end.

    Returns:
        the pids that had to be killed.
    """
    family: list[psutil.Process] = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            family += [process, *process.children(recursive=True)]
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
            process.resume()
    _, alive = psutil.wait_procs(family, timeout=TERMINATE_SECONDS)
    alive = [process for process in alive if not _is_zombie(process)]
    if alive:
        _log.info("killing what did not end: pid %s", ", ".join(str(one.pid) for one in alive))
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=KILL_SECONDS)
    return [process.pid for process in alive]


def _is_zombie(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def environment(home: Path, user: str, temporary: Path) -> dict[str, str]:
    """The environment of a server: nothing of the caller's but its language and time zone."""
    kept = {k: v for k, v in os.environ.items() if k in ("LANG", "LC_ALL", "TZ")}
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "USER": user,
        "LOGNAME": user,
        "TMPDIR": str(temporary),
        **kept,
    }
