"""``idemflow convert``: a script written for Jython becomes one for the engine's Python 3."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from idemflow.commands import _jython, _python3
from idemflow.commands._jython import Left
from idemflow.errors import UsageError

__all__ = ["Converted", "Left", "convert"]


@dataclass(frozen=True)
class Converted:
    """A converted script.

    Attributes:
        script: the file that was read.
        text: the script in Python 3.
        changed: whether it differs from what was read.
        diff: from what was read to ``text``, as ``diff -u`` has it.
        left: what is left to a person, by lines of ``text``; none where it is complete.
        written: the file that was written; ``None`` where none was named.
    """

    script: Path
    text: str
    changed: bool
    diff: str
    left: tuple[Left, ...]
    written: Path | None = None

    @property
    def complete(self) -> bool:
        """Whether nothing is left to a person."""
        return not self.left


def convert(script: Path, output: Path | None = None, *, force: bool = False) -> Converted:
    """Convert a script, which is read and never run.

    Args:
        script: the script for Jython 2.
        output: the file to write, in UTF-8.
        force: whether a file that is there may be overwritten.

    Raises:
        UsageError: the script cannot be read, or is no Python; or the file is there already or
            cannot be written.
    """
    before = _python3.read(script)
    after, floors = _python3.converted(before, script)
    diff = difflib.unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        str(script),
        str(output or script),
    )
    if output is not None:
        _write(output, after, force=force)
    left = _jython.left(after, floors=floors)
    return Converted(script, after, before != after, "".join(diff), left, output)


def _write(file: Path, text: str, *, force: bool) -> None:
    try:
        with file.open("w" if force else "x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError as error:
        raise UsageError(
            f"{file} is there already, and nothing was written",
            next_command="the same command with --force, or with another file behind -o",
        ) from error
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from error
