"""Which pip a person is told to type."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from idemflow.config.pip import pip


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the Python is that runs this, in a folder with a space."""
    found = tmp_path / "an environment"
    found.mkdir()
    monkeypatch.setattr(sys, "executable", str(found / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return found


def command(file: Path) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)


def test_that_of_the_shell_where_it_is_the_same(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command(environment / "pip")
    monkeypatch.setenv("PATH", str(environment))
    assert pip("install x") == "pip install x"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/pip").symlink_to(environment / "pip")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert pip("install x") == "pip install x"


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("others", [True, False])
def test_that_of_python_where_it_is_anothers(
    environment: Path, tmp_path: Path, *, own: bool, others: bool
) -> None:
    if own:
        command(environment / "pip")
    if others:
        command(tmp_path / "bin/pip")
    assert pip("install 'a[b]'") == f"'{environment / 'python'}' -m pip install 'a[b]'"
