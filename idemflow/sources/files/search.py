"""Finds the files of a watched directory, and opens them with care.

Runs inside NiFi: standard library only. What others put into the directory is untrusted: no link
leads out of it, nothing but regular files is opened, and no name is a surprise to Java.
"""

import os
import stat
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO

# How the names end of files that another program is still writing.
UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload", "~")


class CannotCollect(Exception):
    """The run cannot start; the message says what to do."""

    # Its name on the canvas, without the module.
    __module__ = "builtins"


class CannotRead(Exception):
    """Why a file is not read, at this time."""


class WatchedDirectory:
    """A directory whose files are collected.

    Args:
        directory: its absolute path.
        pipeline: the name of the pipeline that watches it.

    Raises:
        CannotCollect: it is not there, or NiFi may not read it.
    """

    def __init__(self, directory: str, pipeline: str) -> None:
        fix = f"fix collect.files.directory in flows/{pipeline}.yaml and deploy it"
        try:
            os.scandir(directory).close()
            self._root = Path(directory).resolve(strict=True)
        except FileNotFoundError:
            message = f"there is no directory {directory}: make it, or {fix}"
        except NotADirectoryError:
            message = f"{directory} is not a directory: {fix}"
        except PermissionError:
            message = (
                f"NiFi (user id {os.geteuid()}) may not read the directory {directory}: "
                f"let it, here and above (chmod a+rx), or {fix}"
            )
        except OSError as error:
            message = f"the directory {directory} cannot be read ({error.strerror}): {fix}"
        else:
            return
        raise CannotCollect(message)

    def find(self, pattern: str) -> Iterator[tuple[str, Path]]:
        """The files that match a glob, without hidden and unfinished ones.

        Links to directories are not followed.

        Args:
            pattern: ``*``, ``?`` and ``[...]`` within a name, ``**`` for any number of folders.
                It is tried on a name without ``.gz`` as well.

        Yields:
            The path below the directory as text that Java can hold, and the path. A folder that
            cannot be read is among them.
        """
        wanted = [part for part in pattern.split("/") if part not in ("", ".")]
        unreadable: list[OSError] = []
        for folder, folders, names in os.walk(self._root, onerror=unreadable.append):
            inside = Path(folder).relative_to(self._root).parts
            deeper = "**" in wanted or len(inside) < len(wanted) - 1
            folders[:] = [name for name in folders if deeper and not name.startswith(".")]
            for name in names:
                if name.startswith(".") or name.lower().endswith(UNFINISHED):
                    continue
                if _matches((*inside, name), wanted) or (
                    name.endswith(".gz") and _matches((*inside, name.removesuffix(".gz")), wanted)
                ):
                    yield self._named(Path(folder, name))
        for error in unreadable:
            yield self._named(Path(error.filename))

    def status(self, path: Path) -> os.stat_result | None:
        """Size and times of a regular file; ``None`` for what is no file, and no matter.

        Raises:
            FileNotFoundError: it is gone, or a link that leads nowhere.
            OSError: it cannot be told; or it is a folder that cannot be read.
            CannotRead: it is a link that leads out of the directory.
        """
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            status = self._inside(path).stat()
        if stat.S_ISDIR(status.st_mode):
            os.scandir(path).close()
        return status if stat.S_ISREG(status.st_mode) else None

    def open(self, path: Path, buffering: int) -> BinaryIO:
        """Open a file that was found, unless it is another thing by now.

        Raises:
            FileNotFoundError: it is gone.
            OSError: it cannot be opened.
            CannotRead: it is not a regular file of the directory any more.
        """
        # O_NONBLOCK: to open a pipe would wait for its other end.
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.fdopen(os.open(self._inside(path), flags), "rb", buffering=buffering)
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise CannotRead("it is not a regular file")
        return file

    def _inside(self, path: Path) -> Path:
        real = path.resolve(strict=True)
        if not real.is_relative_to(self._root):
            raise CannotRead("it is a link that leads out of the directory")
        return real

    def _named(self, path: Path) -> tuple[str, Path]:
        name = os.fsencode(path.relative_to(self._root)).decode("utf-8", "backslashreplace")
        return name, path


def cannot_read(name: str, error: OSError | CannotRead) -> str:
    """What a dead letter says of a file that is not read."""
    if isinstance(error, PermissionError):
        cause = f"permission denied to NiFi (user id {os.geteuid()})"
    elif isinstance(error, OSError):
        cause = error.strerror or str(error)
    else:
        cause = str(error)
    return f"{name} cannot be read: {cause}"


def _matches(names: tuple[str, ...], wanted: list[str]) -> bool:
    if not wanted:
        return not names
    if wanted[0] == "**":
        return _matches(names, wanted[1:]) or (bool(names) and _matches(names[1:], wanted))
    return bool(names) and fnmatchcase(names[0], wanted[0]) and _matches(names[1:], wanted[1:])
