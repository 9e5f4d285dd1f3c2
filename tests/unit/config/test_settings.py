"""Settings: their sources, their order, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from idemflow.config import settings
from idemflow.config.values import FILE
from idemflow.errors import IdemflowError, SettingError, UsageError


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(settings.PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "somebody"))
    (tmp_path / "project" / "flows").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")


def write(project: Path, text: str) -> None:
    (project / FILE).write_text(text, encoding="utf-8")


def test_defaults(tmp_path: Path) -> None:
    chosen = settings.resolve()
    assert chosen.project == tmp_path / "project"
    assert chosen.cache == tmp_path / "somebody" / ".cache" / "idemflow"
    assert (chosen.nifi_port, chosen.elasticsearch_port) == (8443, 9200)
    assert chosen.runtime == "embedded"


def test_the_project_is_the_nearest_folder_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / "project" / "scripts" / "deep"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    assert settings.resolve().project == tmp_path / "project"


def test_the_nearer_source_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "project", "[settings]\nnifi_port = 2001\nelasticsearch_port = 2002\n")
    assert settings.resolve().nifi_port == 2001
    monkeypatch.setenv("IDEMFLOW_NIFI_PORT", "3001")
    assert settings.resolve().nifi_port == 3001
    chosen = settings.resolve({"nifi_port": 4001, "nifi_heap": None})
    assert (chosen.nifi_port, chosen.elasticsearch_port, chosen.nifi_heap) == (4001, 2002, "1g")


def test_ports_given_once_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDEMFLOW_HOME", str(tmp_path / "home"))
    chosen = settings.resolve({"nifi_port": 4001, "elasticsearch_port": 4002})
    chosen.home.mkdir(parents=True)
    settings.remember(chosen)
    assert settings.resolve().nifi_port == 4001
    monkeypatch.setenv("IDEMFLOW_NIFI_PORT", "5001")
    assert settings.resolve().nifi_port == 5001


def test_folders_of_nars_given_once_are_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDEMFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    chosen = settings.resolve({"nars": ["mine", "../theirs"], "nifi_port": 4001})
    chosen.home.mkdir(parents=True)
    settings.remember(chosen)
    monkeypatch.chdir(tmp_path.parent)
    again = settings.resolve({"project": str(tmp_path)})
    assert (again.nars, again.nifi_port) == (chosen.nars, 4001)
    settings.remember(again.model_copy(update={"nars": ()}))
    forgotten = settings.resolve({"project": str(tmp_path)})
    assert (forgotten.nars, forgotten.nifi_port) == ((), 4001)


def test_the_ports_that_an_older_idemflow_remembered_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDEMFLOW_HOME", str(tmp_path))
    (tmp_path / "ports.json").write_text('{"nifi_port": 4001, "elasticsearch_port": 4002}')
    chosen = settings.resolve()
    assert (chosen.nifi_port, chosen.elasticsearch_port) == (4001, 4002)
    settings.remember(chosen)
    assert not (tmp_path / "ports.json").exists()
    assert settings.resolve().nifi_port == 4001
    for damaged in ("[]", "{", '{"nifi_port": "x", "nars": [5]}'):
        (tmp_path / "remembered.json").write_text(damaged)
        assert settings.resolve().nifi_port == 8443


def test_relative_paths_count_from_where_they_were_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "project", '[settings]\nnars = ["mine"]\ncache = "here"\n')
    monkeypatch.chdir(tmp_path)
    chosen = settings.resolve({"project": "project"})
    assert chosen.nars == (tmp_path / "project" / "mine",)
    assert chosen.cache == tmp_path / "project" / "here"
    assert settings.resolve({"project": "project", "cache": "x"}).cache == tmp_path / "x"


def test_a_secret_comes_from_the_environment_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    file.write_text("of a file\n", encoding="utf-8")
    for server in ("NIFI", "ELASTICSEARCH"):
        monkeypatch.setenv(f"IDEMFLOW_{server}_URL", "https://localhost:1")
    monkeypatch.setenv("IDEMFLOW_NIFI_PASSWORD_FILE", str(file))
    monkeypatch.setenv("IDEMFLOW_ELASTICSEARCH_PASSWORD", "of the environment")
    chosen = settings.resolve()
    assert chosen.nifi_password == SecretStr("of a file")
    assert chosen.elasticsearch_password == SecretStr("of the environment")
    assert "of a" not in repr(chosen)
    assert "of the" not in repr(chosen)


@pytest.mark.parametrize(
    ("name", "value", "cause"),
    [
        ("nifi_port", "80", "not between 1024 and 65535"),
        ("nifi_port", "8443x", "not a whole number"),
        ("elasticsearch_port", "8443", "different ports"),
        ("nifi_heap", "1 gigabyte", "not a Java heap size"),
        ("nifi_java_options", "server", "'server' is not an option such as -D"),
        ("nifi_java_options", "'-Da=b", "No closing quotation"),
        ("start_timeout", "0", "not between 1 and"),
        ("durability", "sometimes", "'sometimes' from the command line is not safe or fast"),
        ("nifi_url", "localhost", "not an address"),
        ("nifi_url", "https://me:secret@localhost", "not an address"),
        ("project", "/nowhere/at/all", "not a folder"),
    ],
)
def test_an_unusable_value_is_named(name: str, value: str, cause: str) -> None:
    with pytest.raises(SettingError, match=cause) as caught:
        settings.resolve({name: value})
    assert caught.value.name == name
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("[settings]\nnifi_prot = 1\n", "no such setting; known: .*nifi_port"),
        ('[settings]\nnifi_password = "x"\n', "secrets do not belong in"),
        ('[settings]\nproject = "x"\n', "no such setting"),
        ("settings = 1\n", "must be a table"),
        ("[settings]\nnars = 5\n", "nars: 5 from idemflow.toml is not a list of folders"),
        ("[settings]\nnars = [5]\n", "nars: 5 from idemflow.toml is not a text"),
        ("[settings\n", "idemflow.toml: "),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, cause: str) -> None:
    write(tmp_path / "project", text)
    with pytest.raises(IdemflowError, match=cause):
        settings.resolve()


@pytest.mark.parametrize("value", ["", " "])
@pytest.mark.parametrize(
    "name",
    ["home", "cache", "nifi_url", "nifi_heap", "run_as_user", "nars", "nifi_java_options"],
)
def test_a_setting_without_a_value_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """It stood for the default, or, as a path, for the project's own folder."""
    empty = rf"^setting {name}: .*empty.*: give it a value, or take it away$"
    with pytest.raises(SettingError, match=empty):
        settings.resolve({name: value})
    with monkeypatch.context() as here:
        here.setenv(settings.PREFIX + name.upper(), value)
        with pytest.raises(SettingError, match=empty):
            settings.resolve()
    write(tmp_path / "project", f'[settings]\n{name} = "{value}"\n')
    with pytest.raises(SettingError, match=empty):
        settings.resolve()


def test_so_are_a_project_a_secret_and_one_of_several_without_a_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingError, match=r"^setting project: it is empty"):
        settings.resolve({"project": ""})
    with pytest.raises(SettingError, match=r"^setting nars: it is empty"):
        settings.resolve({"nars": ("here", "")})
    (tmp_path / "password").write_text("\n")
    for name, value in (
        ("PROJECT", ""),
        ("NIFI_PASSWORD", ""),
        ("NIFI_PASSWORD_FILE", ""),
        ("NIFI_PASSWORD_FILE", str(tmp_path / "password")),
    ):
        with monkeypatch.context() as here:
            here.setenv(settings.PREFIX + name, value)
            with pytest.raises(SettingError, match="empty"):
                settings.resolve()


def test_a_file_that_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "project", f"a = {'[' * 5000}")
    with pytest.raises(UsageError, match=r"idemflow\.toml"):
        settings.resolve()


def test_an_unknown_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDEMFLOW_NIFI_PROT", "1")
    with pytest.raises(SettingError, match="IDEMFLOW_NIFI_PROT"):
        settings.resolve()


def test_options_are_a_list_or_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "project", '[settings]\nnifi_java_options = ["-Da=b c", "-Xint"]\n')
    monkeypatch.setenv("IDEMFLOW_ELASTICSEARCH_JAVA_OPTIONS", "'-Da=b c' -Xint")
    chosen = settings.resolve()
    assert chosen.nifi_java_options == chosen.elasticsearch_java_options == ("-Da=b c", "-Xint")


def test_every_setting_has_a_help() -> None:
    for name, field in settings.Settings.model_fields.items():
        assert str(field.description).endswith("."), name


OWN_NIFI = {"nifi_url": "https://nifi"}
OWN_ELASTICSEARCH = {"elasticsearch_url": "https://search"}


@pytest.mark.parametrize(
    ("urls", "embedded", "runtime"),
    [
        ({}, ("nifi", "elasticsearch"), "embedded"),
        (OWN_NIFI, ("elasticsearch",), "mixed"),
        (OWN_ELASTICSEARCH, ("nifi",), "mixed"),
        (OWN_NIFI | OWN_ELASTICSEARCH, (), "external"),
    ],
)
def test_each_server_is_embedded_or_ones_own(
    urls: dict[str, str], embedded: tuple[str, ...], runtime: str
) -> None:
    chosen = settings.resolve(urls)
    assert (chosen.embedded, chosen.runtime) == (embedded, runtime)


@pytest.mark.parametrize(
    ("given", "name", "cause"),
    [
        ({"elasticsearch_username": "me"}, "elasticsearch_username", "elasticsearch_url names no"),
        ({"nifi_ca": "ca.crt"}, "nifi_ca", "nifi_url names none"),
        ({"nifi_password": "secret"}, "nifi_password", "nifi_url names none"),
        (OWN_NIFI | {"nifi_port": "8444"}, "nifi_port", "nifi_url names your own"),
        (OWN_NIFI | {"nars": ["mine"]}, "nars", "of the embedded NiFi"),
        (OWN_ELASTICSEARCH | {"elasticsearch_heap": "2g"}, "elasticsearch_heap", "embedded"),
        (OWN_NIFI | {"loader_username": "me"}, "loader_username", "has a user for NiFi"),
        ({"loader_url": "https://search"}, "loader_url", "both servers are the embedded ones"),
        ({"loader_truststore": "x.p12"}, "loader_truststore", "both servers are the embedded ones"),
        (OWN_ELASTICSEARCH | {"loader_password": "x"}, "loader_password", "needs loader_username"),
        (
            OWN_ELASTICSEARCH | {"loader_truststore_password": "x"},
            "loader_truststore_password",
            "needs loader_truststore",
        ),
    ],
)
def test_a_setting_without_effect_is_refused(
    given: dict[str, object], name: str, cause: str
) -> None:
    with pytest.raises(SettingError, match="from the command line has no effect: ") as caught:
        settings.resolve(given)
    assert (caught.value.name, caught.value.exit_code) == (name, 2)
    assert cause in caught.value.message
    assert "secret" not in caught.value.message


def test_a_nearer_address_takes_the_place_of_what_the_file_says_of_the_embedded_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "project", '[settings]\nnifi_port = 2001\nnifi_heap = "2g"\n')
    remembered = settings.resolve({"elasticsearch_port": 4002})
    remembered.home.mkdir(parents=True)
    settings.remember(remembered)
    monkeypatch.setenv("IDEMFLOW_ELASTICSEARCH_URL", "https://search")
    assert settings.resolve(OWN_NIFI).runtime == "external"
    monkeypatch.setenv("IDEMFLOW_NIFI_HEAP", "3g")
    assert settings.resolve(OWN_NIFI).runtime == "external"
    write(tmp_path / "project", '[settings]\nnifi_url = "https://nifi"\n')
    with pytest.raises(SettingError, match="nifi_heap: from the environment has no effect"):
        settings.resolve()
