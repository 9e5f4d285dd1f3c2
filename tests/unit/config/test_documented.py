"""Each setting and each command is documented, and each package is installed."""

from __future__ import annotations

import tomllib
from pathlib import Path

import click
import pytest

from idemflow.cli import main
from idemflow.config.settings import TABLE, Settings
from idemflow.demo.server import PORT

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")


def command(name: str) -> click.Command:
    found = main.get_command(click.Context(main), name)
    assert found
    return found


DEFAULTS = {
    **{name: f.default for name, f in Settings.model_fields.items() if name != "further_ports"},
    "demo_db_port": PORT,
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_settings(name: str) -> None:
    (row,) = [line for line in PAGE.splitlines() if line.startswith("| `") and f"`{name}`" in line]
    if isinstance(DEFAULTS[name], int | str):
        assert f"| {DEFAULTS[name]} |" in row


@pytest.mark.parametrize("name", ["up", "down", "status", "open", "logs", "doctor", "supervise"])
def test_commands(name: str) -> None:
    assert f"`idemflow {name}" in PAGE
    for option in command(name).params:
        if option.name not in (*TABLE, "as_json", "lines"):
            assert any(flag in PAGE for flag in option.opts), option.opts


@pytest.mark.parametrize("name", ["start", "change", "status", "stop"])
def test_demo_db(name: str) -> None:
    page = (ROOT / "docs" / "databases.md").read_text(encoding="utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith(f"| `idemflow demo-db {name}`")]
    group = command("demo-db")
    assert isinstance(group, click.Group)
    for option in group.commands[name].params:
        hidden = isinstance(option, click.Option) and option.hidden  # of all commands
        if option.name != "as_json" and not hidden:
            assert any(flag in row for flag in option.opts), option.opts


def test_every_package_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = set(project["tool"]["setuptools"]["packages"]) - {"idemflow._nifi"}
    found = {
        ".".join(file.parent.relative_to(ROOT).parts)
        for file in (ROOT / "idemflow").rglob("__init__.py")
    }
    assert listed == found
