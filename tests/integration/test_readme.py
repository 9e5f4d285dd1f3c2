"""The README's commands, run by a new user in a fresh copy, and the output that it promises."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from idemflow.cli import main
from idemflow.config import settings
from tests.integration.tools import ROOT, free_ports

pytestmark = pytest.mark.timeout(900)

_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands() -> list[tuple[str, list[str]]]:
    """Each command of the README with the output lines that follow it there."""
    found: list[tuple[str, list[str]]] = []
    for block in _BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8")):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line.removeprefix("$ "), []))
            else:
                found[-1][1].append(line)
    return found


def shape(line: str) -> str:
    """A line without what differs from run to run: times and ports, and runs of blanks."""
    line = re.sub(r"localhost:\d+", "localhost:PORT", line)
    line = re.sub(r"\d+ s\.", "N s.", line)
    line = re.sub(r"(\S) +[\d.]+$", r"\1 N", line.rstrip())
    return re.sub(r"\s+", " ", line).strip()


@pytest.fixture
def copy(shared_folder: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A copy of the project in a path with a space, a new HOME, and the shared cache."""
    target = shared_folder / "my project"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    home = shared_folder / "home"
    home.mkdir()
    nifi_port, elasticsearch_port = free_ports(2)
    pip_cache = subprocess.run(
        [sys.executable, "-m", "pip", "cache", "dir"], check=True, capture_output=True, text=True
    ).stdout.strip()
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("IDEMFLOW_")},
        "HOME": str(home),
        "PIP_CACHE_DIR": pip_cache,
        "IDEMFLOW_CACHE": str(settings.resolve({}).cache),
        "IDEMFLOW_NIFI_PORT": str(nifi_port),
        "IDEMFLOW_ELASTICSEARCH_PORT": str(elasticsearch_port),
    }
    yield target, environment
    subprocess.run(
        [target / ".venv/bin/idemflow", "down", "--delete", "--yes"],
        cwd=target,
        env=environment,
        check=False,
    )


def test_the_readmes_commands(copy: tuple[Path, dict[str, str]]) -> None:
    folder, environment = copy
    assert commands()[0][0] == "make run"
    for command, promised in commands():
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert not re.search(r" (DEBUG|INFO|WARNING|ERROR) ", done.stdout + done.stderr), (
            done.stderr
        )
        printed = [shape(line) for line in done.stdout.splitlines()]
        for line in promised:
            assert shape(line) in printed, f"{command}: the README promises {line!r}\n{done.stdout}"
    assert commands()[-1][0].endswith("idemflow down")
    status = subprocess.run(
        [folder / ".venv/bin/idemflow", "status"],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert status.returncode == 3


def test_what_the_readme_links_to_is_there() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / target).exists(), target
    for name in re.findall(r"^\| `([^`]+)`", text, re.MULTILINE):
        assert (ROOT / name).exists(), name


def test_every_command_is_in_the_docs() -> None:
    documented = "\n".join(
        path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *ROOT.glob("docs/*.md")]
    )
    context = click.Context(main)
    for name in main.list_commands(context):
        assert f"idemflow {name}" in documented, name
        command = main.get_command(context, name)
        assert command
        assert "Example" in (command.help or ""), f"--help of {name} has no example"
