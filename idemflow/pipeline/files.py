"""Reads the files of a project: regular ones, inside it, of a size that a person writes."""

from __future__ import annotations

import os
import stat
from pathlib import Path


class TooLarge(ValueError):
    """A file is longer than it may be.

    Args:
        limit: how many bytes it may have.
        line: the line, from 1, that the first byte too many is in.
    """

    def __init__(self, limit: int, line: int) -> None:
        super().__init__(f"it has more than {limit >> 10:,} KB")
        self.line = line


def read_text(project: Path, name: str, limit: int) -> str:
    """The text of a file of a project.

    A link is followed to where it leads inside the project, and no further: idemflow may run as
    root, and what it reads is shown on the canvas and kept in git.

    Args:
        project: the project's folder.
        name: the file's path in it.
        limit: how many bytes it may have.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be read.
        TooLarge: it is too long.
        ValueError: it is a link that leads out of the project, no regular file, or not UTF-8.
    """
    real = os.path.realpath(project / name, strict=True)
    if not Path(real).is_relative_to(os.path.realpath(project)):
        raise ValueError("it is a link that leads out of the project, or is behind one")
    # O_NONBLOCK: to open a pipe would wait for its other end.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(real, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("it is not a regular file")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise TooLarge(limit, data.count(b"\n", 0, limit) + 1)
    return data.decode("utf-8")


def reason(error: OSError | ValueError) -> str:
    """Why a file cannot be read, without its path."""
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 (byte {error.start + 1:,})"
    return (isinstance(error, OSError) and error.strerror) or str(error)
