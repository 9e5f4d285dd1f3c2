"""Who supervises a runtime: one process at most, which holds a lock and can be told to end."""

from __future__ import annotations

import contextlib
import time

import psutil

from idemflow.config.paths import Home
from idemflow.errors import IdemflowError
from idemflow.security.locks import LockFile
from idemflow.servers import launch, upkeep

# It ends what it does beside them, and stops the two servers one after the other.
END_SECONDS = upkeep.END_SECONDS + 2 * (launch.TERMINATE_SECONDS + launch.KILL_SECONDS) + 30.0
_POLL = 0.1


def supervisor_lock(home: Home) -> LockFile:
    """What a supervisor holds as long as it lives."""
    return LockFile(home.supervisor_lock, "the supervisor of this runtime")


def supervisor(home: Home) -> int | None:
    """The process id of the supervisor, if there is one."""
    return supervisor_lock(home).holder_pid()


def end_supervisor(home: Home) -> int | None:
    """Tells the supervisor to stop the servers and to end, and waits until it has.

    Returns:
        its process id; ``None`` where there is none.

    Raises:
        IdemflowError: it does not end in time, or belongs to another user.
    """
    pid = supervisor(home)
    if pid is None:
        return None
    try:
        psutil.Process(pid).terminate()
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied as error:
        raise IdemflowError(
            f"the supervisor of this runtime (pid {pid}) belongs to another user",
            next_command="the same command as that user",
        ) from error
    deadline = time.monotonic() + END_SECONDS
    while supervisor(home) == pid:
        if time.monotonic() > deadline:
            raise IdemflowError(
                f"the supervisor of this runtime (pid {pid}) does not end",
                next_command=f"kill -KILL {pid}, then: idemflow down",
            )
        with contextlib.suppress(psutil.Error):
            if psutil.Process(pid).status() == psutil.STATUS_STOPPED:
                raise IdemflowError(
                    f"the supervisor of this runtime (pid {pid}) cannot end: somebody has stopped "
                    "its process",
                    next_command=f"kill -CONT {pid}",
                )
        time.sleep(_POLL)
    return pid
