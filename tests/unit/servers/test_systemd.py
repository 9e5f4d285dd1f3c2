"""The unit of systemd: what is in it, and what systemd itself says of it."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from idemflow.cli import main
from idemflow.config import settings
from idemflow.config.environment import passed_on
from idemflow.errors import SettingError

KINDS = ("system", "user")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose path has all that could be mistaken for something else."""
    made = tmp_path / 'a "b" \\ 100% $HOME %h'
    (made / "flows").mkdir(parents=True)
    monkeypatch.setenv("IDEMFLOW_PROJECT", str(made))
    return made


def unit(*options: str) -> str:
    done = CliRunner().invoke(main, ["supervise", "--systemd", *options])
    assert done.exit_code == 0, done.stderr
    return done.stdout


def values(text: str, key: str) -> list[str]:
    return [line.partition("=")[2] for line in text.splitlines() if line.startswith(f"{key}=")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("project")
def test_systemd_accepts_it(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    python = tmp_path / "a space %h" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))  # a user's own systemd looks for it
    file = tmp_path / "idemflow-test.service"
    file.write_text(unit(kind))
    option = "--user" if kind == "user" else "--system"
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", option, str(file)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if "idemflow" in line]
    assert (done.returncode, ours) == (0, [])
    # It is not blind: a unit that is wrong is told.
    file.write_text(unit(kind).replace(' "-P"', "").replace("/python", "/no-python"))
    wrong = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", option, str(file)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "no-python" in wrong.stderr


def test_signs_that_mean_something_to_systemd_are_escaped(project: Path) -> None:
    (found,) = (one for one in values(unit("user"), "Environment") if "PROJECT" in one)
    shown = str(project).replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
    assert found == f'"IDEMFLOW_PROJECT={shown}"'


def test_a_path_that_no_unit_can_hold_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = tmp_path / "a\nExecStartPre=rm"
    made.mkdir()
    monkeypatch.setenv("IDEMFLOW_PROJECT", str(made))
    done = CliRunner().invoke(main, ["supervise", "--systemd"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "has a character that a unit of systemd cannot hold" in " ".join(done.stderr.split())


@pytest.mark.usefixtures("project")
def test_the_kind_is_that_of_the_user_unless_it_is_given() -> None:
    own = "multi-user.target" if os.geteuid() == 0 else "default.target"
    assert values(unit(), "WantedBy") == [own]
    assert values(unit("system"), "WantedBy") == ["multi-user.target"]
    assert values(unit("user"), "WantedBy") == ["default.target"]
    assert bool(values(unit("system"), "User")) == (os.geteuid() != 0)


@pytest.mark.usefixtures("project")
def test_nothing_is_read_only_that_holds_the_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    assert values(unit("system"), "ProtectSystem") == ["full"]
    monkeypatch.setenv("IDEMFLOW_HOME", "/usr/local/runtime")
    assert values(unit("system"), "ProtectSystem") == []


@pytest.mark.usefixtures("project")
def test_the_command_is_the_same_python_and_has_the_same_options() -> None:
    (command,) = values(unit("user"), "ExecStart")
    assert command.endswith(" -P -m idemflow supervise")
    assert sys.executable in command
    (command,) = values(unit("user", "--silent-after", "120"), "ExecStart")
    assert command.endswith(" -m idemflow supervise --silent-after 120")
    found = json.loads(unit("user", "--json"))
    assert found["kind"] == "user"
    assert found["text"] == unit("user")


def test_settings_of_the_environment_go_along_and_those_of_files_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "idemflow.toml").write_text('[settings]\nelasticsearch_heap = "2g"\n')
    monkeypatch.chdir(tmp_path)
    given = {
        "IDEMFLOW_HOME": "here",
        "IDEMFLOW_NIFI_HEAP": "3g",
        "IDEMFLOW_NARS": "one:two",
        "IDEMFLOW_NIFI_JAVA_OPTIONS": "-Da='b c'",
        "IDEMFLOW_DEMO_DB_PORT": "5555",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    chosen = settings.resolve()
    assert passed_on(chosen, dict(os.environ)) == {
        "IDEMFLOW_CACHE": str(chosen.cache),
        "IDEMFLOW_DEMO_DB_PORT": "5555",
        "IDEMFLOW_HOME": str(tmp_path / "here"),
        "IDEMFLOW_NARS": f"{tmp_path}/one:{tmp_path}/two",
        "IDEMFLOW_NIFI_HEAP": "3g",
        "IDEMFLOW_NIFI_JAVA_OPTIONS": "'-Da=b c'",
        "IDEMFLOW_PROJECT": str(tmp_path),
    }


def test_no_secret_is_written_into_a_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IDEMFLOW_NIFI_URL", "https://nifi.example.org")
    monkeypatch.setenv("IDEMFLOW_NIFI_USERNAME", "me")
    monkeypatch.setenv("IDEMFLOW_NIFI_PASSWORD", "not to be shown")
    with pytest.raises(SettingError) as refused:
        passed_on(settings.resolve(), dict(os.environ))
    assert "not to be shown" not in str(refused.value)
    assert "export IDEMFLOW_NIFI_PASSWORD_FILE=FILE" in str(refused.value.next_command)

    monkeypatch.delenv("IDEMFLOW_NIFI_PASSWORD")
    (tmp_path / "password").write_text("not to be shown")
    (tmp_path / "password").chmod(stat.S_IRUSR)
    monkeypatch.setenv("IDEMFLOW_NIFI_PASSWORD_FILE", "password")
    text = unit("user")
    assert f"Environment=IDEMFLOW_NIFI_PASSWORD_FILE={tmp_path}/password" in text
    assert "not to be shown" not in text
