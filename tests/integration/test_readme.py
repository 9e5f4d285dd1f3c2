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
from tests.integration.documented import commands, follow, in_shell
from tests.integration.terminal import Terminal, text_of
from tests.integration.tools import ROOT, Result, free_ports

pytestmark = pytest.mark.timeout(900)

# The README's picture of a terminal has its commands up to this one; `SCREENSHOTS=1` makes it.
PICTURE = ROOT / "docs/images/terminal.svg"
SHOWN_LAST = ".venv/bin/idemflow verify installed"


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
    found = commands("README.md")
    assert found[0].text == "make run"
    last = [one.text for one in found].index(SHOWN_LAST)
    screen, shown = Terminal(), {one.text for one in found[: last + 1]}

    def run(text: str, folder: Path) -> Result:
        if text in shown and os.environ.get("SCREENSHOTS"):
            return screen.run(text, folder, environment)
        return in_shell(text, folder, environment)

    follow("README.md", folder, run)
    if os.environ.get("SCREENSHOTS"):
        PICTURE.write_text(screen.picture("idemflow"), encoding="utf-8")
    told = text_of(PICTURE.read_text(encoding="utf-8"))
    for text in shown:
        assert f"$ {text}" in told, "make it anew with SCREENSHOTS=1"
    assert found[-1].text.endswith("idemflow down")
    status = subprocess.run(
        [folder / ".venv/bin/idemflow", "status"],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert status.returncode == 3


def test_what_the_readme_links_to_is_there() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (ROOT / target).exists(), target


def test_what_contributing_says_is_where_it_says() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| `([^`\s]+)`", text, re.MULTILINE)
    assert {"flows/", "canvas/", "docs/"} <= {*found}
    for name in found:
        assert (ROOT / name).exists() or (ROOT / "idemflow" / name).exists(), name


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
