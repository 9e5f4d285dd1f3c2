"""The databases that a pipeline's records may come from.

They stand in ``idemflow.toml`` as ``[databases.NAME]``, or a package brings them (entry points of
``idemflow.databases``).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from idemflow.config import registry
from idemflow.config.database_settings import UTC, ConfiguredDatabase
from idemflow.config.nifi_files import check_nifi_reads
from idemflow.config.settings import Settings
from idemflow.config.values import FILE
from idemflow.errors import IdemflowError, SettingError, UsageError, meant

POSTGRESQL = "postgresql"
POSTGRESQL_DRIVER = "org.postgresql.Driver"


@dataclass(frozen=True)
class Database:
    """How NiFi reaches a database.

    Attributes:
        name: the name in the pipeline's YAML.
        url: the JDBC address, e.g. ``jdbc:postgresql://127.0.0.1:5433/demo``; without a login.
        driver_class: the driver's Java class.
        driver_path: the driver's jar, on NiFi's machine.
        username: the user, if the database asks for one.
        password: that user's password.
    """

    name: str
    url: str
    driver_class: str
    driver_path: Path
    username: str | None
    password: str | None = field(repr=False)


Provider = Callable[[Settings, ConfiguredDatabase], Database]
"""What an entry point of ``idemflow.databases`` names; it gets its table of ``idemflow.toml``."""


def database(settings: Settings, name: str) -> Database:
    """The connection to a database.

    Args:
        name: the NAME of a table ``[databases.NAME]``, or of an entry point.

    Raises:
        UsageError: there is no such database.
        SettingError: its password or its driver is missing; names the field.
        RuntimeNotUp: a package brings it, and it does not run.
    """
    brought = registry.found("databases")
    found = _configured(settings, name)
    if name in brought:
        provider: Provider = brought[name].load()
        return provider(settings, found or ConfiguredDatabase(name))
    assert found  # else it is unknown
    assert found.url  # checked where it was read
    kind = found.url.split(":")[1]
    return Database(
        name,
        found.url,
        _driver_class(found, kind),
        driver_path(settings, found, kind),
        found.username,
        _password(found),
    )


def check(settings: Settings, name: str) -> None:
    """Check what is known of a database without NiFi and without asking it.

    Raises:
        UsageError: as :func:`database` does.
    """
    found = _configured(settings, name)
    if found is not None and found.url:
        kind = found.url.split(":")[1]
        _driver_class(found, kind)
        _named_driver(settings, found, kind)
        _password(found)


def _configured(settings: Settings, name: str) -> ConfiguredDatabase | None:
    """The table of a database; ``None`` where a package brings it, and there is no table.

    Raises:
        UsageError: there is no such database.
    """
    configured = {one.name: one for one in settings.databases}
    known = sorted({*configured, *registry.found("databases")})
    if name not in known:
        raise UsageError(
            f"there is no database {name!r}{meant(name, known) or '.'} Known: {', '.join(known)}.",
            next_command=f"add [databases.{name}] with its url to {settings.project / FILE}",
        )
    return configured.get(name)


def needs_utc(settings: Settings, name: str) -> bool:
    """Whether NiFi's clock must be in UTC, as a database's timestamps without a zone are."""
    return all(one.timezone == UTC for one in settings.databases if one.name == name)


def _driver_class(found: ConfiguredDatabase, kind: str) -> str:
    if found.driver_class:
        return found.driver_class
    if kind == POSTGRESQL:
        return POSTGRESQL_DRIVER
    raise SettingError(
        f"databases.{found.name}.driver_class",
        f"is missing: idemflow supplies the driver of PostgreSQL only, not of {kind}; "
        "name the driver's class, and its jar in driver_jar",
    )


def driver_path(settings: Settings, found: ConfiguredDatabase, kind: str) -> Path:
    """The driver's jar of a database of this kind (``postgresql``, ...), on NiFi's machine.

    Raises:
        SettingError: it has to be named, or cannot be read.
    """
    return _named_driver(settings, found, kind) or settings.folders.driver(POSTGRESQL)


def check_driver(settings: Settings, found: Database) -> None:
    """Check that the embedded NiFi was laid out with the driver that idemflow supplies.

    Raises:
        IdemflowError: it was not.
    """
    supplied = settings.folders.driver(POSTGRESQL)
    if found.driver_path == supplied and not supplied.is_file():
        raise IdemflowError(
            f"NiFi has no driver of PostgreSQL ({supplied})",
            next_command="idemflow down && idemflow up",
        )


def _named_driver(settings: Settings, found: ConfiguredDatabase, kind: str) -> Path | None:
    """The driver's jar that the settings name; ``None`` for the one that idemflow supplies.

    Raises:
        SettingError: it has to be named, or cannot be read.
    """
    place = f"databases.{found.name}.driver_jar"
    embedded = "nifi" in settings.embedded
    if found.driver_jar:
        if embedded:
            check_nifi_reads(settings, place, found.driver_jar)
        return found.driver_jar
    if kind != POSTGRESQL:
        raise SettingError(place, f"is missing: idemflow does not supply a driver of {kind}")
    if not embedded:
        raise SettingError(
            place,
            "is missing: your own NiFi needs the driver's jar, as a path on its machine",
        )
    return None


def _password(found: ConfiguredDatabase) -> str | None:
    if found.password_env:
        if found.password is None:
            raise SettingError(
                f"databases.{found.name}.password_env",
                f"the environment has no {found.password_env}",
                next_command=f"set {found.password_env} to the password of {found.username}",
            )
        return found.password
    return _read_private(found.name, found.password_file) if found.password_file else None


def _read_private(name: str, file: Path) -> str:
    place = f"databases.{name}.password_file"
    try:
        with file.open(encoding="utf-8") as stream:
            if os.fstat(stream.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise SettingError(
                    place,
                    f"others than its owner may read or write {file}",
                    next_command=f"chmod 600 {file}",
                )
            password = stream.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(place, f"cannot read {file}: {error}") from error
    if not password:
        raise SettingError(place, f"{file} is empty")
    return password
