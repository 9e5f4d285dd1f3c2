"""``-v``, ``--log-file``, and what a crash leaves."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from idemflow.cli import main
from idemflow.cli.base import resolve
from idemflow.config.masking import masked

SECRET = "correct-horse-battery"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "flows").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IDEMFLOW_HOME", str(tmp_path / ".idemflow"))
    (tmp_path / ".idemflow" / "secrets").mkdir(parents=True)
    return tmp_path / ".idemflow"


@pytest.fixture
def commands() -> Iterator[None]:
    """Two commands, and they go again."""

    @main.command()
    @click.pass_context
    def talk(context: click.Context) -> None:
        resolve(context)
        logging.getLogger("idemflow.canvas").info("a change")
        logging.getLogger("idemflow.canvas").debug("a detail, password=%s", SECRET)
        logging.getLogger("urllib3.connectionpool").debug('"GET /nifi-api/flow/status" 200')
        logging.getLogger("urllib3.connectionpool").warning("Retrying /nifi-api/flow/status")
        logging.getLogger("somebody.else").error("not ours")

    @main.command()
    @click.argument("words", nargs=-1)
    def crash(words: tuple[str, ...]) -> None:
        logging.getLogger("idemflow.canvas").debug("just before, of %s", SECRET)
        raise RuntimeError(f"no rule for {words}")

    yield
    for name in ("talk", "crash"):
        del main.commands[name]


def call(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, arguments, env=environment, prog_name="idemflow")


@pytest.mark.usefixtures("home", "commands")
@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize(
    ("flag", "shown"), [(None, 0), ("-v", 1), ("--verbose", 1), ("-vv", 4), ("-vvv", 4)]
)
def test_verbosity(flag: str | None, shown: int, behind: bool) -> None:
    given = [flag] if flag else []
    done = call(*(["talk", *given] if behind else [*given, "talk"]))
    assert (done.exit_code, done.stdout) == (0, "")
    lines = done.stderr.splitlines()
    assert len(lines) == shown
    for line, said in zip(lines, ("a change", "a detail", "/nifi-api/flow/status"), strict=False):
        assert said in line
    assert SECRET not in done.stderr
    assert logging.getLogger("idemflow").handlers == []


@pytest.mark.usefixtures("home", "commands")
@pytest.mark.parametrize("behind", [False, True])
def test_the_log_file_holds_everything(tmp_path: Path, behind: bool) -> None:
    file = tmp_path / "idemflow.log"
    given = ["--log-file", str(file)]
    done = call(*(["talk", *given] if behind else [*given, "talk"]))
    assert (done.exit_code, done.output) == (0, "")
    text = file.read_text()
    assert "INFO idemflow.canvas: a change" in text
    assert "DEBUG idemflow.canvas: a detail" in text
    assert SECRET not in text
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("command", [["demo-db", "status"], ["dead-letters", "list", "people"]])
def test_every_command_takes_the_options(command: list[str], tmp_path: Path) -> None:
    done = call(*command, "-v", "--log-file", str(tmp_path / "log"))
    assert done.exit_code in (2, 3)  # there is nothing to show
    assert "No such option" not in done.stderr
    assert (tmp_path / "log").exists()


@pytest.mark.usefixtures("home", "commands")
def test_a_log_file_that_cannot_be_written(tmp_path: Path) -> None:
    done = call("talk", "--log-file", str(tmp_path / "nowhere" / "log"))
    assert done.exit_code == 2
    assert done.stderr.startswith("error: --log-file: cannot write")


@pytest.mark.usefixtures("commands")
def test_a_crash_leaves_one_file_without_secrets(home: Path, tmp_path: Path) -> None:
    other, owner = "staple-of-a-file", "the-owner-of-the-demo"
    (home / "secrets" / "login.json").write_text(json.dumps({"nifi_password": other}))
    (home / "secrets" / "demo-db.json").write_text(json.dumps({"idemflow": owner}))
    (tmp_path / "idemflow.toml").write_text(
        '[databases.shop]\nurl = "jdbc:postgresql://h/d"\nusername = "me"\n'
        'password_env = "SHOP_PASSWORD"\n[settings]\nnifi_port = 9443\n'
    )
    secrets = (SECRET, other, owner, "of-the-shop", "in-an-address")
    arguments = (SECRET, other, owner, "of-the-shop", "https://me:in-an-address@host/")
    environment = {
        "IDEMFLOW_NIFI_URL": "https://nifi", "IDEMFLOW_NIFI_PASSWORD": SECRET,
        "SHOP_PASSWORD": "of-the-shop",
    }  # fmt: skip
    for _ in range(2):
        done = call("crash", *arguments, **environment)
        assert done.exit_code == 70
        assert "Traceback" not in done.stderr
        assert f"next: please report this, with {home / 'crash.log'}\n" in done.stderr
    file = home / "crash.log"
    assert file.stat().st_mode & 0o777 == 0o600
    text = file.read_text()
    for said in (
        "== command\nidemflow crash",
        "idemflow 0.1.0",
        "Python 3.",
        "embedded NiFi 2.3.0, Elasticsearch 8.17.4",
        "nifi_port = 9443",
        "nifi_password = SecretStr('**********')",
        "Traceback (most recent call last)",
        "RuntimeError: no rule for",
        "DEBUG idemflow.canvas: just before",
    ):
        assert said in text
    assert text.count("Traceback (most recent call last)") == 1
    assert not [one for one in secrets if one in text]


@pytest.mark.usefixtures("commands")
def test_the_report_of_a_crash_is_its_owners_alone(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever was in its place; where there is no home, in the folder that all may write to."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for environment, file in (
        ({}, home / "crash.log"),
        ({"IDEMFLOW_NIFI_PORT": "no"}, tmp_path / "idemflow-crash.log"),
    ):
        other = tmp_path / "other"
        other.write_text("of another")
        file.symlink_to(other)
        assert call("crash", **environment).exit_code == 70
        assert other.read_text() == "of another"
        assert (file.is_symlink(), file.stat().st_mode & 0o777) == (False, 0o600)
        file.chmod(0o644)
        call("crash", **environment)
        assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("commands")
def test_a_crash_with_settings_that_cannot_be_used(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    done = call("crash", IDEMFLOW_NIFI_PORT="no")
    assert done.exit_code == 70
    text = (tmp_path / "tmp" / "idemflow-crash.log").read_text()
    assert "setting nifi_port: 'no' from the environment is not a whole number" in text
    assert "RuntimeError" in text
    assert not (home / "crash.log").exists()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("password=abc def", "password=*** def"),
        ('{"nifi_password": "abc"}', '{"nifi_password": "***"}'),
        ("nifi_password = None", "nifi_password = None"),
        ("https://me:abc@host/x", "https://me:***@host/x"),
        ("Authorization: Bearer abcdefghijk", "Authorization: Bearer ***"),
        ("jdbc:sqlserver://host;user=me;Password=abc;x=1", "jdbc:sqlserver://host;user=me;Password=***;x=1"),
        ("-Dproxy.password=a,b -Xss8m", "-Dproxy.password=*** -Xss8m"),
        ("no login: https://host:8443/nifi", "no login: https://host:8443/nifi"),
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_masked(text: str, shown: str) -> None:
    assert masked(text) == shown
