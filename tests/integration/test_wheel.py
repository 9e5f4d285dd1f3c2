"""What the built wheel brings, far from any checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests import packages

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packages.own_wheel(tmp_path_factory.mktemp("wheel"))


def test_it_has_every_file_of_the_package_and_of_nifi(wheel: Path) -> None:
    there = set(zipfile.ZipFile(wheel).namelist())
    for folder, inside in ((ROOT / "idemflow", "idemflow"), (ROOT / "nifi", "idemflow/_nifi")):
        for file in folder.rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                assert f"{inside}/{file.relative_to(folder).as_posix()}" in there


def test_it_works_by_itself(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)

    program = (
        "from idemflow.config import paths; from idemflow.cli import main; "
        "print(paths.resources()); main(['init', 'project'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert Path(done.stdout.splitlines()[0]) == site / "idemflow" / "_nifi"
    project = tmp_path / "project"
    assert (project / "idemflow.toml").is_file()

    (project / "sales.csv").write_text("order;price\n1;2,50\n2;3,00\n")
    for arguments in (["new", "sales", "--from", "sales.csv"], ["test"]):
        subprocess.run(
            [sys.executable, "-m", "idemflow", *arguments],
            cwd=project,
            env={**os.environ, "PYTHONPATH": str(site)},
            check=True,
            capture_output=True,
        )
