"""``prove`` without servers: what it refuses before anything is touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from idemflow.cli import main
from idemflow.config.paths import Home
from idemflow.prove.methods import METHODS
from idemflow.servers.supervision import supervisor_lock
from tests.integration.tools import Project

GROUP = ["--process-group", "flow", "--trigger", "Start", "--index", "people"]
MAY = ["--yes-disturb", "flow"]
SCRIPT = "    def records():\n        yield {'id': 1}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("IDEMFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IDEMFLOW_PROJECT", str(tmp_path))
    made = Project(tmp_path)
    made.pipeline("one", SCRIPT)
    return made


def prove(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["prove", *arguments])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["two"], 2, "there is no pipeline 'two'"),
        (["one", "--method", "reboot"], 2, "there is no method 'reboot'"),
        (["one", "--quick", "--all"], 2, "exclude each other"),
        (["one", "--quick", "--method", "rerun"], 2, "exclude each other"),
        (["one", "--yes-disturb", "two"], 2, "does not name 'one', and nothing was done"),
        (["one", "--method", "stop-nifi", "--no-kill"], 2, "nothing is left to try"),
        (["one", "--tries", "0"], 2, "--tries"),
        (["one", "--for", "soon"], 2, "'soon' is not a time such as 90s, 30m or 2h"),
        (["one", "--for", "1m", "--tries", "2"], 2, "--for and --tries exclude each other"),
        ([*GROUP, "--yes-disturb", "other"], 2, "does not name 'flow', and nothing was done"),
        (GROUP, 2, "this disturbs 'flow', and nothing was done"),
        (GROUP[:4], 2, "either a PIPELINE, or --process-group, --trigger and --index"),
        ([*GROUP, "one"], 2, "either a PIPELINE, or --process-group, --trigger and --index"),
        ([*GROUP, "--quick"], 2, "are for pipelines, not for --process-group"),
        ([*GROUP, *MAY, "--method", "lose-state"], 2, "no method 'lose-state' for a process group"),
        ([*GROUP, *MAY, "--method", "kill-nifi", "--no-kill"], 2, "nothing is left to try"),
        ([*GROUP[:-1], "pe*", *MAY], 2, "--index 'pe*' is not the name of one index"),
        ([*GROUP, *MAY], 3, "not running"),
        (["run", "one"], 3, "not running"),
        (["show", "nowhere.json"], 2, "nowhere.json cannot be read"),
    ],
)
@pytest.mark.usefixtures("project")
def test_refused(arguments: list[str], code: int, said: str) -> None:
    done = prove(*arguments)
    assert (done.exit_code, "Traceback" in done.output) == (code, False), done.output
    assert said in " ".join(done.stderr.split())


@pytest.mark.usefixtures("project")
def test_what_is_not_killed_where_the_servers_are_the_users_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (
        ("NIFI_URL", "https://nifi.example.org"), ("NIFI_USERNAME", "a"), ("NIFI_PASSWORD", "b"),
    ):  # fmt: skip
        monkeypatch.setenv(f"IDEMFLOW_{name}", value)
    done = prove("one", "--method", "kill-nifi-commit")
    assert (done.exit_code, "has not started both servers" in done.stderr) == (2, True)


def test_supervised_servers_are_not_killed(project: Project) -> None:
    home = Home(project.path / "home")
    home.root.mkdir()
    with supervisor_lock(home):
        done = prove("one", "--method", "kill-nifi-commit")
        assert (done.exit_code, "are supervised" in done.stderr) == (2, True), done.stderr
        assert "supervised" not in prove("one", "--no-kill").stderr


def test_methods_are_listed() -> None:
    done = CliRunner().invoke(main, ["prove", "methods"], env={"COLUMNS": None})
    lines = done.stdout.splitlines()[1:]
    assert [line.split()[0] for line in lines] == [one.name for one in METHODS]
