"""docs/tutorial.md: each command of it, by a new user in a fresh folder, and the output shown."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from tests.integration.documented import follow, in_shell
from tests.integration.tools import Idemflow, Result

pytestmark = pytest.mark.timeout(300)


def test_the_tutorials_commands(
    idemflow: Idemflow, shared_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The servers run before and afterwards: that they start and stop is the README's test."""

    def run(text: str, folder: Path) -> Result:
        if text == "idemflow down":
            return Result(0, "", "")
        if not text.startswith("idemflow "):
            return in_shell(text, folder, os.environ)
        # In this process, where it need not import everything anew each time.
        monkeypatch.chdir(folder)
        return idemflow.inside(folder).run(*shlex.split(text)[1:])

    follow("docs/tutorial.md", shared_folder, run)
