"""Lock files: what a command holds so that no other does the same meanwhile, and who holds one.

A lock is held by ``flock``, so the system frees it when its process ends. Whoever can open a file
can hold it: a lock file can be opened by its owner alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import pwd
import stat
import sys
import time
from datetime import datetime
from pathlib import Path
from types import TracebackType

import psutil

from idemflow.errors import IdemflowError

_log = logging.getLogger(__name__)
_PRIVATE = 0o600
_POLL = 0.05
# Who waits longer is told for whom, and again each minute; in seconds.
TOLD_AFTER = 1.0
TOLD_EVERY = 60.0
# Of a command line, so many characters are shown.
_SHOWN = 120


class LockFile:
    """A file that one process at a time holds; in it stands which. A context manager.

    It says through ``logging`` for whom it waits: at once, and then each minute.

    Args:
        file: the lock file; its folder is there.
        held_for: what whoever holds it is at, as in "waiting until ... has ended".
    """

    def __init__(self, file: Path, held_for: str = "another idemflow command") -> None:
        self._file = file
        self._held_for = held_for
        self._handle: int | None = None

    def try_acquire(self) -> bool:
        """Take the lock if nobody has it.

        Raises:
            IdemflowError: the file belongs to another user.
            OSError: it cannot be made.
        """
        handle = self._open()
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        except BaseException:
            os.close(handle)
            raise
        if not self._is_there(handle):
            # Whoever had it has deleted the file: the next one to come would make a new one.
            os.close(handle)
            return self.try_acquire()
        self._handle = handle
        self._sign(handle)
        return True

    def acquire(self, seconds: float | None = None) -> None:
        """Wait until the lock is free, and take it.

        Args:
            seconds: how long, at most; without it as long as it takes.

        Raises:
            IdemflowError: it was not free in time, or the file belongs to another user.
            OSError: it cannot be made.
        """
        began = time.monotonic()
        told = TOLD_AFTER
        while not self.try_acquire():
            waited = time.monotonic() - began
            if seconds is not None and waited > seconds:
                raise IdemflowError(
                    f"{self._held_for} goes on for too long: {self.holder()} holds {self._file}",
                    next_command="idemflow status",
                )
            if waited > told:
                _log.warning("waiting until %s has ended: %s", self._held_for, self.holder())
                told = waited + TOLD_EVERY
            time.sleep(_POLL)

    def release(self) -> None:
        """Free the lock; the file stays."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> LockFile:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def holder(self) -> str:
        """Who holds the lock: its command, process id, and since when."""
        signed = self._signature()
        pids = _pids_of(self._file)
        pid = signed.get("pid")
        if isinstance(pid, int) and (pid in pids if pids else psutil.pid_exists(pid)):
            return f"{_plain(signed.get('command'))} (pid {pid}, since {signed.get('since')})"
        # Held by something else than a command of this version.
        return _process(pids[0]) if pids else "a process that cannot be seen from here"

    def holder_pid(self) -> int | None:
        """The process that holds the lock as the system tells; ``None`` where nobody does."""
        return next(iter(_pids_of(self._file)), None)

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            handle = os.open(self._file, flags, _PRIVATE)
        except PermissionError as error:
            if (owner := _owner(self._file)) is None:
                raise
            raise IdemflowError(
                f"{self._file} belongs to {owner}, and no other user may hold it",
                next_command=f"the same command as {owner}",
            ) from error
        if stat.S_IMODE(os.fstat(handle).st_mode) != _PRIVATE:
            # Of an earlier version, whose lock files all could read.
            with contextlib.suppress(PermissionError):
                os.fchmod(handle, _PRIVATE)
        return handle

    def _is_there(self, handle: int) -> bool:
        try:
            return os.path.samestat(os.fstat(handle), self._file.stat())
        except FileNotFoundError:
            return False

    def _sign(self, handle: int) -> None:
        command = " ".join([_name(sys.argv[0]), *sys.argv[1:]])
        since = f"{datetime.now():%Y-%m-%d %H:%M:%S}"
        signature = {"pid": os.getpid(), "command": command, "since": since}
        with contextlib.suppress(OSError):  # a full disk: then the system still knows the process
            os.truncate(handle, 0)
            os.pwrite(handle, json.dumps(signature).encode(), 0)

    def _signature(self) -> dict[str, object]:
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def _name(program: str) -> str:
    """``idemflow``, however it was called."""
    path = Path(program)
    return path.parent.name if path.name == "__main__.py" else path.name


def _pids_of(file: Path) -> list[int]:
    """The processes that hold a file by ``flock``, as far as the system tells."""
    try:
        inode = str(file.stat().st_ino)
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return []
    # 1: FLOCK  ADVISORY  WRITE 4711 fe:01:131 0 EOF; one that waits has an arrow behind the number.
    rows = [line.split() for line in lines if "->" not in line]
    return [
        int(row[4])
        for row in rows
        if row[1] == "FLOCK" and row[5].rpartition(":")[2] == inode and int(row[4]) > 0
    ]


def _process(pid: int) -> str:
    """A process that has not signed."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            command = _plain(" ".join(process.cmdline()) or process.name())
            began = f"{datetime.fromtimestamp(process.create_time()):%Y-%m-%d %H:%M:%S}"
            return f"{command} (pid {pid} of {process.username()}, started {began})"
    except psutil.Error:
        return f"pid {pid}"


def _plain(command: object) -> str:
    """A command line on one line."""
    text = "".join(one if one.isprintable() else "?" for one in str(command))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _owner(file: Path) -> str | None:
    """The user whom a file belongs to; ``None`` where there is none."""
    try:
        uid = file.stat().st_uid
    except OSError:
        return None
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
