"""``idemflow init``: what is missing is made, what is there is kept."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from ruamel.yaml import YAML

from idemflow.cli import main
from idemflow.config import paths
from idemflow.config.settings import resolve


def init(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["init", *arguments])


def states(result: Result) -> dict[str, str]:
    assert result.exit_code == 0, result.output
    return {one["name"]: one["state"] for one in json.loads(result.output)["files"]}


def test_an_empty_folder_becomes_a_project(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    done = init(str(folder))
    assert done.exit_code == 0, done.output
    assert done.output.rstrip().endswith(f"next: cd {folder} && idemflow new NAME --from FILE")
    for name in ("flows", "scripts", "tests"):
        assert (folder / name).is_dir()
    assert paths.is_project(folder)
    assert resolve({"project": folder}).nifi_port == 8443
    tomllib.loads((folder / "idemflow.toml").read_text())
    workflow = YAML(typ="safe").load((folder / ".github/workflows/pipelines.yml").read_text())
    steps = workflow["jobs"]["pipelines"]["steps"]
    runs = [one["run"] for one in steps if "run" in one]
    # `up` first: it installs what the scripts import.
    assert runs[1:3] == ["idemflow up", "idemflow check"]
    assert runs[3].endswith("|| idemflow test")
    (script,) = [one["run"] for one in steps if one.get("shell") == "bash"]
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
    readme = (folder / "README.md").read_text()
    assert [line.split()[1] for line in readme.splitlines() if line.startswith("    ")] == [
        "new", "test", "up", "run",
    ]  # fmt: skip


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / ".gitignore").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "people.yaml").write_text("pipeline: people\n")
    found = states(init(str(tmp_path), "--json"))
    assert [name for name, state in found.items() if state == "kept"] == [
        "README.md", ".gitignore", "flows/.gitkeep",
    ]  # fmt: skip
    assert (tmp_path / "README.md").read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()
    assert [one.name for one in (tmp_path / "flows").iterdir()] == ["people.yaml"]
    before = {one: one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()}
    assert set(states(init(str(tmp_path), "--json")).values()) == {"kept"}
    assert {one: one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()} == before


def test_in_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert init().output.rstrip().endswith("next: idemflow new NAME --from FILE")


def test_a_folder_that_cannot_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = init(str(tmp_path / "file"))
    assert done.exit_code == 2
    assert "cannot make a project in" in done.output
    assert "next: idemflow init" in done.output
