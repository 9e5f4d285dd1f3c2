"""Which browser ``idemflow open`` opens, with programs of its own in the place of browsers."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
URL = "https://localhost:8443/nifi/#/process-groups/0a1b"
CALL = """
import os, sys
from idemflow.commands._browser import browse
print(browse(sys.argv[1], os.environ))
"""


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder of programs that write their argument into the file ``NAME.opened``."""
    for name in ("firefox", "xdg-open", "lynx", "my-browser"):
        program = tmp_path / name
        program.write_text(
            f'#!/bin/sh\nprintf %s "$1" > "{program}.new"\n'
            f'/bin/mv "{program}.new" "{program}.opened"\n'
        )
        program.chmod(0o755)
    return tmp_path


def opened(programs: Path, **environment: str) -> str:
    """The programs that were called, by ``idemflow open`` in a process of its own."""
    here = {"PATH": str(programs), "TERM": "xterm", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", CALL, URL],
        env={**here, **environment},
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    if done.stdout.strip() == "False":
        assert not list(programs.glob("*.opened"))
        return ""
    deadline = time.monotonic() + 20
    while not (found := list(programs.glob("*.opened"))):
        assert time.monotonic() < deadline, "no browser was called"
        time.sleep(0.05)
    (file,) = found
    assert file.read_text() == URL
    return file.stem


def test_the_browser_of_the_desktop(programs: Path) -> None:
    assert opened(programs, DISPLAY=":0") == "xdg-open"
    (programs / "xdg-open.opened").unlink()
    assert opened(programs, WAYLAND_DISPLAY="wayland-0") == "xdg-open"


def test_the_browser_of_the_persons_choice_without_a_desktop(programs: Path) -> None:
    assert opened(programs, BROWSER="my-browser", SSH_CONNECTION="1 2 3 4") == "my-browser"


def test_a_choice_with_a_place_for_the_address(programs: Path) -> None:
    assert opened(programs, BROWSER="my-browser %s", DISPLAY=":0") == "my-browser"


@pytest.mark.parametrize("environment", [{}, {"SSH_CONNECTION": "1 2 3 4"}, {"BROWSER": "lynx"}])
def test_no_desktop_and_no_text_browser(programs: Path, environment: dict[str, str]) -> None:
    assert opened(programs, **environment) == ""


def test_a_desktop_with_a_text_browser_alone(programs: Path) -> None:
    for name in ("firefox", "xdg-open"):
        (programs / name).unlink()
    assert opened(programs, DISPLAY=":0") == ""
