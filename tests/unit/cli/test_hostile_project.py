"""A project that somebody made to do harm, as a command meets it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from idemflow.cli import main
from tests.unit.pipeline.test_hostile_files import BOMB


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    return tmp_path


def deploy(project: Path, text: str) -> Result:
    (project / "flows/things.yaml").write_text(text)
    return CliRunner().invoke(main, ["--project", str(project), "deploy", "things"])


@pytest.mark.parametrize("text", [BOMB, f"pipeline: {'[' * 5000}"])
def test_yaml_beyond_the_limits_is_one_line_and_no_crash(project: Path, text: str) -> None:
    result = deploy(project, text)
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: flows/things.yaml:")
    assert list(project.rglob("crash.log")) == []


def test_what_a_file_says_is_no_order_to_the_terminal(project: Path) -> None:
    """A field may have any name; its mistake was printed as the terminal would take it."""
    keys = (r"\e[2J\e]0;mine\a", r"\u202e", "[red]")
    text = "pipeline: things\n" + "".join(f'"{key}": 1\n' for key in keys)
    result = deploy(project, text)
    assert result.exit_code == 2
    assert all(one.isprintable() or one == "\n" for one in result.stderr)
    for shown in (r"\x1b[2J\x1b]0;mine\x07: unknown field", r"\u202e: ", "[red]: "):
        assert shown in result.stderr
