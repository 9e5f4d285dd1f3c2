"""The commands of a page of the documentation, run as a reader runs them, and what it promises."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.tools import ROOT, Result

_BLOCK = re.compile(r"^```(console|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Command:
    """What a reader types.

    Attributes:
        text: a command; or a whole block of ``sh``, which is a script.
        promised: the lines that follow it on the page. One that begins with ``error:`` says that
            it fails.
    """

    text: str
    promised: list[str] = field(default_factory=list)

    @property
    def fails(self) -> bool:
        """Whether the page says that it fails."""
        return any(line.startswith("error:") for line in self.promised)


def commands(page: str) -> list[Command]:
    """The commands of a page, in their order: of blocks ``console`` and ``sh``."""
    found: list[Command] = []
    for kind, block in _BLOCK.findall((ROOT / page).read_text(encoding="utf-8")):
        if kind == "sh":
            found.append(Command(f"set -e\n{block}"))
            continue
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Command(line.removeprefix("$ ")))
            else:
                found[-1].promised.append(line)
    return found


def shape(line: str) -> str:
    """A line without what differs from run to run: times, ports, runs' ids and runs of blanks."""
    line = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", line)
    line = re.sub(r"\b\d{8}T\d{6}\b", "RUN", line)
    line = re.sub(r"localhost:\d+", "localhost:PORT", line)
    line = re.sub(r"[\d.]+ s\b", "N s", line)
    line = re.sub(r"(\S) +[\d.]+$", r"\1 N", line.rstrip())
    return re.sub(r"\s+", " ", line).strip()


def in_shell(text: str, folder: Path, environment: Mapping[str, str]) -> Result:
    """Run a command as a shell does."""
    done = subprocess.run(
        ["/bin/sh", "-c", text],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    return Result(done.returncode, done.stdout, done.stderr)


def follow(page: str, folder: Path, run: Callable[[str, Path], Result]) -> None:
    """Run the commands of a page in their order; each must end, and print, as the page says.

    Args:
        page: the page, in the project.
        folder: where the reader begins.
        run: runs a command in a folder.
    """
    for command in commands(page):
        done = run(command.text, folder)
        told = f"{command.text}\n{done.stdout}\n{done.stderr}"
        assert (done.code != 0) == command.fails, told
        assert not re.search(r" (DEBUG|INFO|WARNING|ERROR) ", told), told
        printed = [shape(line) for line in (done.stdout + done.stderr).splitlines()]
        for line in command.promised:
            assert shape(line) in printed, f"{page} promises {line!r}: {told}"
        if command.text.startswith("cd "):
            folder /= command.text.removeprefix("cd ")
