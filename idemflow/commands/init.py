"""``idemflow init``: a folder becomes a project."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from idemflow.commands._project_files import FILES
from idemflow.errors import UsageError


@dataclass(frozen=True)
class ProjectFile:
    """A file of a project.

    Attributes:
        name: its path in the project.
        state: whether it was made, was there and is kept as it is, or got lines at its end.
    """

    name: str
    state: Literal["made", "kept", "added to"]


@dataclass(frozen=True)
class Project:
    """What became of the folder.

    Attributes:
        folder: the project's folder, absolute.
        files: its files.
        next_command: what to run next.
    """

    folder: Path
    files: tuple[ProjectFile, ...]
    next_command: str


def init(folder: Path) -> Project:
    """Make what a project has and the folder lacks; nothing that is there is changed.

    Args:
        folder: the project's folder; it is made where it is not there.

    Raises:
        UsageError: it cannot be made or written to.
    """
    folder = folder.absolute()
    try:
        files = [ProjectFile(name, _make(folder / name, text)) for name, text in FILES.items()]
    except OSError as error:
        raise UsageError(
            f"cannot make a project in {folder}: {error.strerror or error} ({error.filename})",
            next_command="idemflow init in a folder that you may write to",
        ) from error
    return Project(folder, tuple(files), _next(folder))


def _make(file: Path, text: str) -> Literal["made", "kept"]:
    # A folder that has something needs no file that only keeps it.
    if file.name == ".gitkeep" and file.parent.is_dir() and any(file.parent.iterdir()):
        return "kept"
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        # Never through a link, and never over what another program makes just now.
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return "kept"
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    return "made"


def _next(folder: Path) -> str:
    new = "idemflow new NAME --from FILE"
    return new if folder == Path.cwd() else f"cd {folder} && {new}"
