"""Connections: what may stand in ``idemflow.toml``, and where passwords come from."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest

from idemflow.config import settings
from idemflow.config.databases import Database, check_driver, database
from idemflow.config.settings import Settings
from idemflow.errors import IdemflowError, RuntimeNotUp, SettingError, UsageError

SHOP = """
[databases.shop]
url = "jdbc:postgresql://db.example.com/shop"
username = "reader"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose NiFi has PostgreSQL's driver."""
    tmp_path.chmod(0o755)
    driver = tmp_path / ".idemflow" / "nifi" / "drivers" / "postgresql.jar"
    driver.parent.mkdir(parents=True)
    driver.touch()
    return tmp_path


def resolved(project: Path, text: str, **options: str) -> Settings:
    (project / "idemflow.toml").write_text(textwrap.dedent(text), encoding="utf-8")
    home = str(project / ".idemflow")
    return settings.resolve({"project": str(project), "home": home, **options})


def read(project: Path, text: str, name: str = "shop", **options: str) -> Database:
    return database(resolved(project, text, **options), name)


def test_a_password_from_the_environment(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "s3cret pass")
    found = read(project, SHOP + 'password_env = "SHOP_PASSWORD"')
    assert found == Database(
        name="shop",
        url="jdbc:postgresql://db.example.com/shop",
        driver_class="org.postgresql.Driver",
        driver_path=project / ".idemflow" / "nifi" / "drivers" / "postgresql.jar",
        username="reader",
        password="s3cret pass",
    )
    assert "s3cret" not in repr(found)
    assert "s3cret" not in repr(resolved(project, SHOP + 'password_env = "SHOP_PASSWORD"'))


@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_variable_matters_only_where_it_is_needed(
    project: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("SHOP_PASSWORD", raising=False)
    if value is not None:
        monkeypatch.setenv("SHOP_PASSWORD", value)
    chosen = resolved(project, SHOP + 'password_env = "SHOP_PASSWORD"')
    with pytest.raises(SettingError, match=r"databases.shop.password_env: .*no SHOP_PASSWORD"):
        database(chosen, "shop")


def test_a_password_from_a_file_beside_the_toml(project: Path) -> None:
    file = project / "shop.password"
    file.write_text("s3cret\n", encoding="utf-8")
    file.chmod(0o600)
    assert read(project, SHOP + 'password_file = "shop.password"').password == "s3cret"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o622])
def test_a_password_file_of_others_is_refused(project: Path, mode: int) -> None:
    file = project / "shop.password"
    file.write_text("s3cret", encoding="utf-8")
    file.chmod(mode)
    with pytest.raises(SettingError, match="others than its owner") as caught:
        read(project, SHOP + 'password_file = "shop.password"')
    assert caught.value.next_command == f"chmod 600 {file}"
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(("content", "cause"), [(None, "cannot read"), ("\n", "is empty")])
def test_a_useless_password_file(project: Path, content: str | None, cause: str) -> None:
    if content is not None:
        (project / "p").write_text(content)
        (project / "p").chmod(0o600)
    with pytest.raises(SettingError, match=rf"databases.shop.password_file: .*{cause}"):
        read(project, SHOP + 'password_file = "p"')


def test_a_database_without_a_login(project: Path) -> None:
    found = read(project, '[databases.shop]\nurl = "jdbc:postgresql://localhost/x"')
    assert (found.username, found.password) == (None, None)


@pytest.mark.parametrize(
    "url",
    [
        "jdbc:postgresql://me:s3cret@host/db",
        "jdbc:postgresql://me@host/db",
        "jdbc:postgresql://host/db?user=me&password=s3cret",
        "jdbc:mysql://host/db?useSSL=true&PASSWORD=s3cret",
        "jdbc:sqlserver://host:1433;databaseName=db;user=sa;password=s3cret",
        "jdbc:oracle:thin:scott/s3cret@//host:1521/db",
    ],
)
def test_a_login_in_the_url_is_refused_and_not_shown(project: Path, url: str) -> None:
    with pytest.raises(SettingError, match=r"databases.shop.url: must not hold a login") as caught:
        read(project, f'[databases.shop]\nurl = "{url}"')
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "jdbc:oracle:thin:@//host:1521/db",
        "jdbc:sqlserver://host:1433;databaseName=db;encrypt=true",
        "jdbc:postgresql://host/db?sslmode=verify-full&currentSchema=users",
        "jdbc:mariadb://host/db",
    ],
)
def test_urls_of_all_kinds(project: Path, url: str) -> None:
    jar = project / "driver.jar"
    jar.touch(mode=0o644)
    text = f'[databases.shop]\nurl = "{url}"\ndriver_class = "a.B"\ndriver_jar = "driver.jar"'
    if os.geteuid() == 0:  # the jar must be in the reach of NiFi's user
        with pytest.raises(SettingError, match="NiFi's user cannot read"):
            read(project, text)
        text = text.replace("driver.jar", "/etc/passwd")
        jar = Path("/etc/passwd")
    found = read(project, text)
    assert (found.url, found.driver_class, found.driver_path) == (url, "a.B", jar)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("databases = 1", "must be tables"),
        ("[databases]\nshop = 1", "databases.shop: .*must be a table"),
        ('[databases.Shop]\nurl = "x"', "databases.Shop: a name has"),
        ("[databases.shop]\n", "databases.shop.url: is missing"),
        ('[databases.shop]\nurl = "postgresql://host/db"', "url: is not a JDBC address"),
        ('[databases.shop]\nurl = ""', "url: '' in .* is not a text"),
        ("[databases.shop]\nurl = 5", "url: 5 in .* is not a text"),
        (SHOP + 'password = "s3cret"', "databases.shop.password: passwords do not belong in"),
        (SHOP + 'pasword_env = "X"', "pasword_env: .*no such field; known: .*password_env"),
        (SHOP + 'password_env = "A"\npassword_file = "b"', "use one of them"),
        (SHOP + 'password_env = "my password!"', "is the name of an environment variable"),
        (
            '[databases.shop]\nurl = "jdbc:postgresql://h/d"\npassword_env = "A"',
            "databases.shop.username: is missing",
        ),
        (SHOP + 'timezone = "CET"', "databases.shop.timezone: is 'UTC' or 'NiFi'"),
        ('[databases.demo]\nurl = "jdbc:postgresql://h/d"', "databases.demo.url: .*driver_jar"),
        ('[database.shop]\nurl = "x"', r"unknown \[database\]; known: .*\[databases.NAME\]"),
    ],
)
def test_a_wrong_table_is_named_by_every_command(project: Path, text: str, cause: str) -> None:
    with pytest.raises(UsageError, match=cause) as caught:
        resolved(project, text)
    assert caught.value.exit_code == 2
    assert "s3cret" not in str(caught.value)


def test_no_such_database(project: Path) -> None:
    with pytest.raises(UsageError, match=r"no database 'shpo'; did you mean 'shop'\?") as caught:
        read(project, SHOP, "shpo")
    assert "[databases.shpo]" in str(caught.value.next_command)


@pytest.mark.parametrize(
    ("extra", "field"),
    [('driver_jar = "/etc/passwd"', "driver_class"), ('driver_class = "a.B"', "driver_jar")],
)
def test_drivers_of_other_databases_have_to_be_named(project: Path, extra: str, field: str) -> None:
    with pytest.raises(SettingError, match=rf"databases.shop.{field}: is missing: .* of mysql"):
        read(project, f'[databases.shop]\nurl = "jdbc:mysql://host/db"\n{extra}')


def test_a_driver_that_is_not_there(project: Path) -> None:
    with pytest.raises(SettingError, match=r"driver_jar: there is no file .*/nope.jar"):
        read(project, SHOP + 'driver_jar = "nope.jar"')


def test_a_nifi_from_before_the_driver(project: Path) -> None:
    check_driver(resolved(project, SHOP), read(project, SHOP))
    (project / ".idemflow" / "nifi" / "drivers" / "postgresql.jar").unlink()
    with pytest.raises(IdemflowError, match="no driver of PostgreSQL") as caught:
        check_driver(resolved(project, SHOP), read(project, SHOP))
    assert caught.value.next_command == "idemflow down && idemflow up"


def test_an_own_nifi_needs_a_path_on_its_machine(project: Path) -> None:
    own = {"nifi_url": "https://nifi.example.com"}
    with pytest.raises(SettingError, match=r"driver_jar: is missing: your own NiFi"):
        read(project, SHOP, **own)
    found = read(project, SHOP + 'driver_jar = "/opt/drivers/pg.jar"', **own)
    assert found.driver_path == Path("/opt/drivers/pg.jar")


def test_the_demo_database_has_to_run(project: Path) -> None:
    with pytest.raises(RuntimeNotUp, match="does not run") as caught:
        read(project, "", "demo")
    assert caught.value.next_command == "idemflow demo-db start"
    assert caught.value.exit_code == 3
