"""The tables ``[databases.NAME]`` of ``idemflow.toml``: read and checked.

    [databases.shop]
    url = "jdbc:postgresql://db.example.com/shop"
    username = "reader"
    password_env = "SHOP_PASSWORD"           # or password_file = "shop.password"

Passwords are never in the file itself, which is committed.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from idemflow.config import registry
from idemflow.errors import SettingError, UsageError

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# user:password@host; scott/tiger@host of Oracle; ?user=&password= and ;user=;password= of the rest.
_LOGIN_IN_URL = re.compile(
    r"//[^/?#]*@|^jdbc:oracle:\w+:[^@]*/[^@]*@"
    r"|[?&;](user|username|uid|password|passwd|pwd|sslpassword)=",
    re.IGNORECASE,
)


UTC, NIFI = "UTC", "NiFi"


@dataclass(frozen=True)
class ConfiguredDatabase:
    """A table ``[databases.NAME]``.

    Attributes:
        name: its name.
        url: the JDBC address; none where a package brings the database.
        username: the user, if the database asks for one.
        password_env: the environment's variable with the password.
        password_file: the file with the password.
        driver_class: the driver's Java class.
        driver_jar: the driver's jar, as a path on NiFi's machine.
        timezone: the zone of its timestamps without a zone: ``UTC``, or ``NiFi`` for that of NiFi's
            clock, by which a driver reads them.
        password: the value of ``password_env``; ``None`` where it is not set.
    """

    name: str
    url: str | None = None
    username: str | None = None
    password_env: str | None = None
    password_file: Path | None = None
    driver_class: str | None = None
    driver_jar: Path | None = None
    timezone: str = UTC
    password: str | None = field(default=None, repr=False)


_FIELDS = {one.name for one in dataclasses.fields(ConfiguredDatabase)} - {"name", "password"}


def read_databases(
    tables: object, file: Path, environ: Mapping[str, str]
) -> tuple[ConfiguredDatabase, ...]:
    """Reads ``[databases.*]``.

    Args:
        tables: the parsed table ``databases``.
        file: the file that it is from; relative paths count from its folder.
        environ: the environment, for ``password_env``.

    Raises:
        UsageError: it is not a table of tables.
        SettingError: a field cannot be used; names it.
    """
    if not isinstance(tables, dict):
        raise UsageError(f"{file}: [databases] must be tables such as [databases.shop]")
    return tuple(_read(name, table, file, environ) for name, table in tables.items())


def _read(name: str, table: object, file: Path, environ: Mapping[str, str]) -> ConfiguredDatabase:
    place = f"databases.{name}"
    if not _NAME.fullmatch(name):
        raise SettingError(place, "a name has lower-case letters, digits, - and _, a letter first")
    if not isinstance(table, dict):
        raise SettingError(place, f"{file}: must be a table: [{place}]")
    _check_fields(place, name, table, file)
    values: dict[str, Any] = {
        key: file.parent / Path(value).expanduser()
        if key in ("password_file", "driver_jar")
        else value
        for key, value in table.items()
    }
    password = environ.get(table["password_env"]) if "password_env" in table else None
    return ConfiguredDatabase(name=name, password=password or None, **values)


def _check_fields(place: str, name: str, table: Mapping[str, Any], file: Path) -> None:
    if "password" in table:
        raise SettingError(
            f"{place}.password",
            f"passwords do not belong in {file}; use password_env, the name of an environment "
            "variable, or password_file",
        )
    brought = name in registry.found("databases")
    allowed = {"driver_jar", "timezone"} if brought else _FIELDS
    for key, value in table.items():
        if key not in allowed:
            known = ", ".join(sorted(allowed))
            raise SettingError(f"{place}.{key}", f"{file} has no such field; known: {known}")
        if not isinstance(value, str) or not value:
            raise SettingError(f"{place}.{key}", f"{value!r} in {file} is not a text")
    if table.get("timezone", UTC) not in (UTC, NIFI):
        raise SettingError(f"{place}.timezone", f"is {UTC!r} or {NIFI!r} (the zone of its clock)")
    if brought:
        return
    if "url" not in table:
        raise SettingError(f"{place}.url", f"is missing in {file}")
    _check_url(f"{place}.url", table["url"])
    if "password_env" in table and "password_file" in table:
        raise SettingError(place, "has password_env and password_file; use one of them")
    if not _VARIABLE.fullmatch(table.get("password_env", "ok")):
        raise SettingError(f"{place}.password_env", "is the name of an environment variable")
    if ("password_env" in table or "password_file" in table) and "username" not in table:
        raise SettingError(f"{place}.username", "is missing: a password needs a user")


def _check_url(place: str, url: str) -> None:
    # The address itself is not shown: it may hold a password.
    if _LOGIN_IN_URL.search(url):
        raise SettingError(
            place,
            "must not hold a login; use username and password_env or password_file",
        )
    if not re.fullmatch(r"jdbc:[a-z0-9]+:\S+", url):
        raise SettingError(place, "is not a JDBC address such as jdbc:postgresql://host/database")
