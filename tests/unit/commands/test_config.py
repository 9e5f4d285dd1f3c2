"""``idemflow config``: values, where they come from, and no password."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from idemflow.cli import main
from idemflow.commands.config import Setting, config
from idemflow.config import settings
from idemflow.config.project_id import project_id
from idemflow.errors import SettingError

FILE = """\
# nifi_port = 1
[settings]
nifi_port = 8543
elasticsearch_java_options = ["-Dhttp.proxyPassword=opensesame", "-Xss8m"]

[databases.shop]
url = "jdbc:postgresql://db.example.com/shop"
username = "reader"
password_env = "SHOP_PASSWORD"

[databases.stock]
url = "jdbc:postgresql://db.example.com/stock"
username = "reader"
password_file = "stock.password"
"""


@pytest.fixture(autouse=True)
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "idemflow.toml").write_text(FILE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name in ("NIFI_PORT", "NIFI_HEAP", "PROJECT", "HOME"):
        monkeypatch.delenv(settings.PREFIX + name, raising=False)
    return tmp_path


def shown(name: str | None = None, **options: str) -> dict[str, Setting]:
    return {one.name: one for one in config(settings.resolve(options), name)}


def call(*words: str) -> Result:
    return CliRunner().invoke(main, ["config", *words], env={"COLUMNS": "200"})


def test_every_setting_is_there() -> None:
    assert {*settings.TABLE, "demo_db_port"} <= set(shown())


def test_each_source_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDEMFLOW_NIFI_HEAP", "2g")
    first = settings.resolve({"elasticsearch_port": 9300, "demo_db_port": 5444})
    first.home.mkdir()
    settings.remember(first)
    found = {
        name: (one.value, one.source, one.place)
        for name, one in shown(project=str(project)).items()
    }
    kept = str(first.folders.remembered)
    assert found["project"] == (str(project), "option", "--project")
    assert found["nifi_heap"] == ("2g", "environment", "IDEMFLOW_NIFI_HEAP")
    assert found["nifi_port"] == (8543, "file", "idemflow.toml:3")
    assert found["elasticsearch_port"] == (9300, "runtime", kept)
    assert found["demo_db_port"] == (5444, "runtime", kept)
    assert found["elasticsearch_heap"] == ("1g", "default", None)
    assert found["databases.shop.url"] == (
        "jdbc:postgresql://db.example.com/shop", "file", "idemflow.toml",
    )  # fmt: skip


def test_the_project_of_the_environment(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown("project")["project"].source == "default"
    monkeypatch.setenv("IDEMFLOW_PROJECT", str(project))
    assert shown("project")["project"].place == "IDEMFLOW_PROJECT"


def test_a_line_that_may_be_another_s_is_not_named(project: Path) -> None:
    (project / "idemflow.toml").write_text("[settings]\nnifi_port = 8543\n", encoding="utf-8")
    assert shown("nifi_port")["nifi_port"].place == "idemflow.toml:2"
    text = '[settings]\nflow_repository = """a\nnifi_port = 1"""\nnifi_port = 8543\n'
    (project / "idemflow.toml").write_text(text, encoding="utf-8")
    assert shown("nifi_port")["nifi_port"].place == "idemflow.toml"


def test_no_password_is_shown(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "secret").write_text("opensesame\n", encoding="utf-8")
    monkeypatch.setenv("IDEMFLOW_NIFI_URL", "https://nifi.example.com:8443")
    lineage = 'lineage = "https://events.example.com/?api_key=opensesame"'
    text = FILE.replace("nifi_port = 8543", lineage)
    (project / "idemflow.toml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("IDEMFLOW_NIFI_PASSWORD_FILE", str(project / "secret"))
    monkeypatch.setenv("SHOP_PASSWORD", "opensesame")
    found = shown()
    password = found["nifi_password"]
    assert (password.value, password.place) == ("set", "IDEMFLOW_NIFI_PASSWORD_FILE")
    assert found["loader_password"].value == "not set"
    assert found["elasticsearch_java_options"].value == ("-Dhttp.proxyPassword=***", "-Xss8m")
    assert found["lineage"].value == "https://events.example.com/?api_key=***"
    assert found["databases.shop.password"].value == "set"
    assert found["databases.shop.password"].place == "SHOP_PASSWORD"
    assert found["databases.stock.password"].value == "not set"
    for words in ((), ("--json",)):
        done = call(*words)
        assert done.exit_code == 0, done.output
        assert "***" in done.output
        assert "opensesame" not in done.output


def test_an_error_shows_no_password_of_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDEMFLOW_NIFI_URL", "https://ada:opensesame@nifi.example.com")
    done = call()
    assert done.exit_code == 2
    assert "error: setting nifi_url" in done.output
    assert "opensesame" not in done.output


def test_the_id_that_the_runtime_keeps_is_shown_and_none_is_made() -> None:
    assert shown("project_id")["project_id"].value is None
    assert shown("project_id")["project_id"].value is None
    chosen = settings.resolve()
    made = project_id(chosen)
    found = shown("project_id")["project_id"]
    assert (found.value, found.place) == (made, str(chosen.folders.project_id))


def test_one_setting_and_one_database() -> None:
    assert list(shown("nifi_port")) == ["nifi_port"]
    assert list(shown("IDEMFLOW_NIFI_PORT")) == ["nifi_port"]
    names = list(shown("databases.shop"))
    assert names[0] == "databases.shop.url"
    assert all(one.startswith("databases.shop.") for one in names)
    done = call("nifi_port")
    assert "NiFi's canvas" in done.output
    [one] = json.loads(call("nifi_port", "--json").output)["settings"]
    assert (one["value"], one["source"], one["secret"]) == (8543, "file", False)


def test_a_setting_that_is_none_is_refused_with_the_nearest() -> None:
    with pytest.raises(SettingError, match="did you mean 'nifi_port'"):
        shown("nifi_prot")


def test_a_value_that_cannot_be_used_is_one_error(project: Path) -> None:
    (project / "idemflow.toml").write_text("[settings]\nnifi_port = 80\n", encoding="utf-8")
    done = call()
    assert done.exit_code == 2
    assert done.output.startswith("error: setting nifi_port: 80 from idemflow.toml is not between")
    assert done.output.count("\n") == 1
