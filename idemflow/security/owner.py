"""Whose the servers' files and processes are, and files that only they can read."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from idemflow.errors import SettingError

# The range that systemd gives to services with DynamicUser=, which no distribution assigns.
_DYNAMIC_UIDS = range(61184, 65520)
# Each has a user of its own, in this order, and all are in the group of the first.
_SERVERS = ("nifi", "elasticsearch", "demo-db")


@dataclass(frozen=True)
class Owner:
    """The user that the servers run as.

    Attributes:
        uid: its number.
        gid: its group's number.
        is_self: whether it is the user who runs idemflow.
    """

    uid: int
    gid: int
    is_self: bool

    def identity(self) -> dict[str, Any]:
        """What ``subprocess`` needs to start a process as this user."""
        return {} if self.is_self else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_reach(self, path: Path) -> bool:
        """Whether this user may read ``path`` and enter every folder above it."""
        if self.is_self:
            return True
        real = path.resolve()
        wanted = stat.S_IROTH | (stat.S_IXOTH if real.is_dir() else 0)
        if real.stat().st_mode & wanted != wanted:
            return False
        return all(p.stat().st_mode & stat.S_IXOTH for p in real.parents)


def servers_user(home: Path, wanted: str | None, server: str = "nifi") -> Owner:
    """Who a server runs as.

    As a normal user: oneself. As root: the wanted user, or else a number that no account has. That
    is always the same for a runtime's server, and another for each: a pipeline's script runs as
    NiFi's user, which must not reach the files of Elasticsearch. They have one group, which alone
    may enter the runtime's folders.

    Args:
        home: the runtime's folder.
        wanted: an account for all servers: its name or number.
        server: ``nifi``, ``elasticsearch`` or ``demo-db``.

    Raises:
        SettingError: the wanted user does not exist, or is root.
    """
    if os.geteuid() != 0:
        return Owner(os.geteuid(), os.getegid(), is_self=True)
    if wanted is None:
        taken: list[int] = []
        for name in _SERVERS[: _SERVERS.index(server) + 1]:
            taken.append(_number(home if name == _SERVERS[0] else home / name, taken))
        return Owner(taken[-1], taken[0], is_self=False)
    try:
        account = pwd.getpwuid(int(wanted)) if wanted.isdigit() else pwd.getpwnam(wanted)
    except KeyError:
        raise SettingError("run_as_user", f"there is no user {wanted}") from None
    if account.pw_uid == 0:
        raise SettingError("run_as_user", "Elasticsearch refuses to run as root")
    return Owner(account.pw_uid, account.pw_gid, is_self=False)


def _number(path: Path, taken: Sequence[int]) -> int:
    start = int.from_bytes(hashlib.sha256(os.fsencode(path)).digest()[:4], "big")
    count = len(_DYNAMIC_UIDS)
    numbers = (_DYNAMIC_UIDS[(start + i) % count] for i in range(count))
    return next(one for one in numbers if one not in taken and _is_free(one))


def _is_free(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return True
    return False


def folder(path: Path, mode: int, owner: Owner | None = None) -> Path:
    """Makes a folder, with this mode whatever the umask, and gives it to ``owner``."""
    path.mkdir(parents=True, exist_ok=True)
    if stat.S_IMODE(path.stat().st_mode) != mode:
        path.chmod(mode)
    if owner and not owner.is_self and path.stat().st_uid != owner.uid:
        os.chown(path, owner.uid, owner.gid)
    return path


def closed(path: Path, owner: Owner) -> Path:
    """Makes a folder that nobody but its maker and the servers' user can enter.

    Its maker alone may write in it; one that was open before is closed.
    """
    if owner.is_self:
        return folder(path, 0o700)
    path.mkdir(parents=True, exist_ok=True)
    found = path.stat()
    if found.st_gid != owner.gid:
        os.chown(path, -1, owner.gid)
    if stat.S_IMODE(found.st_mode) != 0o750:
        path.chmod(0o750)
    return path


def take_over(path: Path, owner: Owner, former: Owner) -> None:
    """Gives a server's folder, with all in it, to the user that it runs as now.

    What is neither its former user's nor that of the folder stays as it is: a hard link that they
    made to the file of somebody else gives nobody that file.

    Args:
        path: the folder; nothing is done where it is missing, or the user's already.
        owner: who it is to belong to.
        former: who it belonged to in an earlier version, when all servers had one user.
    """
    if owner.is_self or not path.is_dir() or path.lstat().st_uid == owner.uid:
        return
    givers = {path.lstat().st_uid, former.uid} - {0, owner.uid}
    os.chown(path, 0, 0)  # out of their reach meanwhile; the last step says that all is done
    for _, folders, files, at in os.fwalk(path):
        for name in (*folders, *files):
            if os.stat(name, dir_fd=at, follow_symlinks=False).st_uid in givers:
                os.chown(name, owner.uid, owner.gid, dir_fd=at, follow_symlinks=False)
    os.chown(path, owner.uid, owner.gid)


def write_file(path: Path, content: str | bytes, owner: Owner | None = None) -> None:
    """Replaces a file at once by one with mode 0600, which belongs to ``owner``.

    A new file takes the old one's place, so a link that a server's user may have put there is
    not followed.
    """
    data = content.encode() if isinstance(content, str) else content
    with _temporary(path) as temporary:
        temporary.write_bytes(data)
        if owner and not owner.is_self:
            os.chown(temporary, owner.uid, owner.gid)
        temporary.replace(path)


@contextlib.contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def open_own(path: Path, owner: Owner) -> BinaryIO:
    """Opens a file of a server's user; no link, and nobody else's file that they gave a name.

    Raises:
        PermissionError: it is something else.
        OSError: it is not there, or cannot be read.
    """
    other = PermissionError(f"{path} is not a file of that server's user")
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link, a socket
            raise other from error
        raise
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != owner.uid:
        os.close(handle)
        raise other
    return os.fdopen(handle, "rb")


def place(source: Path, target: Path) -> None:
    """Puts a file there by a hard link, or by a copy where that is impossible.

    A file that others may not read is always copied, and the copy is readable: what idemflow
    places are programs and libraries, never secrets.
    """
    info = source.stat()
    if (there := _found(target)) is not None:
        if _is_placed(info, there):
            return
        target.unlink()
    if info.st_mode & stat.S_IROTH:
        try:
            # A link of a symbolic link would be one, too.
            os.link(source.resolve() if source.is_symlink() else source, target)
        except OSError:  # another file system, or one without links
            pass
        else:
            return
    with _temporary(target) as temporary:
        shutil.copy2(source, temporary)
        temporary.chmod(stat.S_IMODE(info.st_mode) | 0o444 | (info.st_mode & 0o100 and 0o111))
        temporary.replace(target)


def _found(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:
        return None


def _is_placed(info: os.stat_result, there: os.stat_result) -> bool:
    if (there.st_dev, there.st_ino) == (info.st_dev, info.st_ino):
        return True
    return (
        there.st_size == info.st_size
        and there.st_mtime_ns == info.st_mtime_ns
        and bool(there.st_mode & stat.S_IROTH)
    )


def mirror(source: Path, target: Path, *, leave_out: frozenset[str] = frozenset()) -> Path:
    """Makes ``target`` the same tree as ``source``; cheap where it is already.

    Links are followed; the top-level names in ``leave_out`` are left out.
    """
    folder(target, 0o755)
    wanted: set[str] = set()
    with os.scandir(source) as entries:
        for entry in entries:
            if entry.name in leave_out:
                continue
            if entry.is_dir():
                mirror(Path(entry.path), target / entry.name)
            elif entry.is_file():
                place(Path(entry.path), target / entry.name)
            else:  # a link to nothing
                continue
            wanted.add(entry.name)
    with os.scandir(target) as entries:
        extra = [entry.path for entry in entries if entry.name not in wanted]
    for path in extra:
        remove(Path(path))
    return target


def remove(path: Path) -> None:
    """Removes a file or a whole folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
