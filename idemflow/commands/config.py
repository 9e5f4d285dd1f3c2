"""``idemflow config``: each setting, its value, and where it comes from."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

from idemflow.config import project_id
from idemflow.config.database_settings import ConfiguredDatabase
from idemflow.config.masking import without_login
from idemflow.config.settings import PREFIX, SECRETS, TABLE, Settings, port_name
from idemflow.config.values import COMMAND_LINE, DEFAULT, ENVIRONMENT, FILE
from idemflow.errors import SettingError, meant
from idemflow.servers.further import further

Source = Literal["default", "option", "environment", "file", "runtime"]
Value = str | int | tuple[str, ...] | None
_SOURCES: dict[str, Source] = {
    DEFAULT: "default",
    COMMAND_LINE: "option",
    ENVIRONMENT: "environment",
    FILE: "file",
}
_PASSWORD_FIELDS = ("password", "password_env", "password_file")


@dataclass(frozen=True)
class Setting:
    """A setting.

    Attributes:
        name: its name; a field of a database's table is ``databases.NAME.FIELD``.
        value: the value in use, without the passwords that an address may hold; ``None`` where
            there is none. Of a secret it is ``set`` or ``not set``.
        source: what kind of place it comes from; ``file`` is ``idemflow.toml`` or a file that it
            names, ``runtime`` a file in the runtime's folder.
        place: the option, the variable, or the file and its line; ``None`` for a default.
        secret: whether its value is never shown.
        meaning: what it is.
    """

    name: str
    value: Value
    source: Source
    place: str | None
    secret: bool
    meaning: str


def config(settings: Settings, name: str | None = None) -> tuple[Setting, ...]:
    """The settings, without any server.

    Args:
        settings: what they are resolved to.
        name: the setting, or the beginning of the names of several: ``databases.shop``.

    Raises:
        SettingError: there is no such setting, or the file that keeps the project's id is damaged.
    """
    every = (*_table(settings), *_further_ports(settings), *_databases(settings))
    if name is None:
        return every
    wanted = name.removeprefix(PREFIX).lower()
    found = tuple(one for one in every if f"{one.name}.".startswith(f"{wanted}."))
    if not found and wanted != "databases":
        raise SettingError(
            name,
            f"there is no such setting{meant(wanted, (one.name for one in every))}",
            next_command="idemflow config",
        )
    return found


def _table(settings: Settings) -> Iterator[Setting]:
    for name, field in TABLE.items():
        value, secret = getattr(settings, name), name in SECRETS
        one = _setting(settings, name, value, field.description or "", secret=secret)
        if name == "project_id" and value is None and (kept := project_id.kept(settings)):
            file = str(settings.folders.project_id)
            one = dataclasses.replace(one, value=kept, source="runtime", place=file)
        yield one


def _further_ports(settings: Settings) -> Iterator[Setting]:
    for server, one in further().items():
        name = port_name(server)
        value = settings.further_ports.get(name, one.port)
        yield _setting(settings, name, value, f"The port of {one.title} on loopback.")


def _setting(
    settings: Settings, name: str, value: object, meaning: str, *, secret: bool = False
) -> Setting:
    source, place = settings.origin(name)
    if source == FILE:
        place = _line(settings.project / FILE, name)
    return Setting(
        name,
        _mark(isinstance(value, SecretStr)) if secret else _shown(value),
        _SOURCES.get(source, "runtime"),
        place or None,
        secret,
        meaning,
    )


def _line(file: Path, name: str) -> str:
    """``idemflow.toml:LINE`` of a setting, where one line alone may set it."""
    texts = file.read_text(encoding="utf-8").splitlines()
    lines = [n for n, text in enumerate(texts, 1) if re.match(rf"\s*{name}\s*=", text)]
    return f"{FILE}:{lines[0]}" if len(lines) == 1 else FILE


def _databases(settings: Settings) -> Iterator[Setting]:
    for database in settings.databases:
        beginning = f"databases.{database.name}"
        for name, value in vars(database).items():
            if name != "name" and name not in _PASSWORD_FIELDS and value is not None:
                meaning = f"The {name} of the database {database.name}."
                yield Setting(f"{beginning}.{name}", _shown(value), "file", FILE, False, meaning)
        yield _password(database)


def _password(database: ConfiguredDatabase) -> Setting:
    meaning = f"The password of {database.username or 'nobody'} on the database {database.name}."
    name, file = f"databases.{database.name}.password", database.password_file
    if file:
        return Setting(name, _mark(file.is_file()), "file", str(file), True, meaning)
    variable = database.password_env
    source: Source = "environment" if variable else "default"
    return Setting(name, _mark(database.password is not None), source, variable, True, meaning)


def _mark(is_set: bool) -> str:
    return "set" if is_set else "not set"


def _shown(value: object) -> Value:
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, tuple):
        return tuple(without_login(str(one)) for one in value)
    return without_login(str(value))
