"""The settings: one table, and the only place that reads the environment.

A setting comes from, in this order: the command line, the environment (``IDEMFLOW_<NAME>``),
``idemflow.toml`` in the project's folder (table ``[settings]``), what ``idemflow up`` was given
before for this runtime (ports only), the default. Databases have tables of their own there: see
``idemflow.config.database_settings``.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from idemflow.config import paths
from idemflow.config.database_settings import ConfiguredDatabase, read_databases
from idemflow.errors import SettingError, UsageError

PREFIX = "IDEMFLOW_"
FILE = "idemflow.toml"


def _is(kind: str, help_text: str) -> dict[str, str]:
    return {"kind": kind, "help": help_text}


@dataclass(frozen=True)
class Settings:
    """What a command runs with. ``metadata`` of each field holds its kind and its help.

    Kinds: ``path`` (absolute here), ``paths``, ``port``, ``heap`` (Java's notation), ``options``
    (Java's; a list, or a line as in a shell), ``seconds``, ``text``, ``url``, ``secret`` (never on
    a command line nor in ``idemflow.toml``), and ``tables`` (only in ``idemflow.toml``).
    """

    project: Path = field(
        metadata=_is("path", "The folder with flows/ and scripts/; default: the nearest one above.")
    )
    home: Path = field(
        metadata=_is("path", "The runtime's folder: configuration, data, logs, secrets.")
    )
    cache: Path = field(metadata=_is("path", "The download cache, shared by all checkouts."))
    nifi_port: int = field(
        default=8443, metadata=_is("port", "The port of NiFi's canvas and API on loopback.")
    )
    elasticsearch_port: int = field(
        default=9200, metadata=_is("port", "The port of Elasticsearch on loopback.")
    )
    demo_db_port: int = field(
        default=5433, metadata=_is("port", "The port of the demo database on loopback.")
    )
    nifi_heap: str = field(default="1g", metadata=_is("heap", "NiFi's Java heap."))
    elasticsearch_heap: str = field(
        default="1g", metadata=_is("heap", "Elasticsearch's Java heap.")
    )
    nifi_java_options: tuple[str, ...] = field(
        default=(), metadata=_is("options", "More options for NiFi's Java.")
    )
    elasticsearch_java_options: tuple[str, ...] = field(
        default=(), metadata=_is("options", "More options for Elasticsearch's Java.")
    )
    nars: tuple[Path, ...] = field(
        default=(),
        metadata=_is("paths", "Folders with your own NARs; what they bring replaces the bundle's."),
    )
    run_as_user: str | None = field(
        default=None,
        metadata=_is("text", "The servers' user where idemflow runs as root: a name or a number."),
    )
    start_timeout: int = field(
        default=300, metadata=_is("seconds", "How long the servers may take to start.")
    )
    verify_memory: str = field(
        default="256m",
        metadata=_is("heap", "The memory that comparing ids may take; more goes to the disk."),
    )
    flow_repository: Path | None = field(
        default=None,
        metadata=_is("path", "The git repository of the flows; default: the project's."),
    )
    repository: str | None = field(
        default=None, metadata=_is("url", "A mirror to use in place of Maven Central.")
    )
    nifi_url: str | None = field(
        default=None, metadata=_is("url", "Your own NiFi, in place of the embedded runtime.")
    )
    nifi_username: str | None = field(
        default=None, metadata=_is("text", "The user on your own NiFi.")
    )
    nifi_password: str | None = field(default=None, metadata=_is("secret", "That user's password."))
    nifi_ca: Path | None = field(
        default=None, metadata=_is("path", "The CA certificate (PEM) of your own NiFi.")
    )
    elasticsearch_url: str | None = field(
        default=None, metadata=_is("url", "Your own Elasticsearch.")
    )
    elasticsearch_username: str | None = field(
        default=None, metadata=_is("text", "The user that idemflow itself reads and verifies with.")
    )
    elasticsearch_password: str | None = field(
        default=None, metadata=_is("secret", "That user's password.")
    )
    elasticsearch_ca: Path | None = field(
        default=None, metadata=_is("path", "The CA certificate (PEM) of your own Elasticsearch.")
    )
    loader_url: str | None = field(
        default=None,
        metadata=_is("url", "Elasticsearch as your NiFi reaches it; default: elasticsearch_url."),
    )
    loader_username: str | None = field(
        default=None,
        metadata=_is("text", "The user that NiFi loads with; default: elasticsearch_username."),
    )
    loader_password: str | None = field(
        default=None, metadata=_is("secret", "That user's password.")
    )
    loader_truststore: Path | None = field(
        default=None,
        metadata=_is("path", "PKCS12 file with Elasticsearch's CA, as a path on NiFi's machine."),
    )
    loader_truststore_password: str | None = field(
        default=None, metadata=_is("secret", "The password of loader_truststore.")
    )
    databases: tuple[ConfiguredDatabase, ...] = field(
        default=(), metadata=_is("tables", "The databases of [databases.NAME].")
    )

    @property
    def runtime(self) -> Literal["embedded", "external"]:
        """``external`` as soon as a NiFi of the user's own is named."""
        return "external" if self.nifi_url else "embedded"

    @property
    def folders(self) -> paths.Home:
        """The folders of the embedded runtime."""
        return paths.Home(self.home)

    @property
    def verify_bytes(self) -> int:
        """``verify_memory`` in bytes."""
        return int(self.verify_memory[:-1]) << {"m": 20, "g": 30}[self.verify_memory[-1].lower()]

    def __repr__(self) -> str:
        shown = (
            f"{f.name}={'***' if value and f.metadata['kind'] == 'secret' else repr(value)}"
            for f in dataclasses.fields(self)
            for value in (getattr(self, f.name),)
        )
        return f"Settings({', '.join(shown)})"


TABLE = {f.name: f for f in dataclasses.fields(Settings) if f.metadata["kind"] != "tables"}
PORTS = tuple(name for name, f in TABLE.items() if f.metadata["kind"] == "port")


def resolve(options: Mapping[str, Any] | None = None) -> Settings:
    """Puts the settings together.

    Args:
        options: values of the command line by setting name; ``None`` values count as not given.

    Raises:
        SettingError: a value cannot be used; names the setting and where it came from.
    """
    given = {name: value for name, value in (options or {}).items() if value is not None}
    here = Path.cwd()
    environment = _from_environment(os.environ)

    project_text = given.get("project", environment.pop("project", None))
    if project_text is None:
        project = paths.find_project(here)
    else:
        project = _path(project_text, here).resolve()
        if not project.is_dir():
            raise SettingError("project", f"{project} is not a folder")
    values: dict[str, Any] = {}
    content = _parsed(project / FILE)
    _merge(values, _from_file(project / FILE, content), project, FILE)
    _merge(values, environment, here, "the environment")
    _merge(values, given, here, "the command line")
    values["project"] = project
    values.setdefault("cache", paths.default_cache(Path.home(), os.environ.get("XDG_CACHE_HOME")))
    values.setdefault("home", paths.default_runtime_home(project))
    for name, port in _remembered(values["home"]).items():
        values.setdefault(name, port)
    values["databases"] = read_databases(content.get("databases", {}), project / FILE, os.environ)
    settings = Settings(**values)
    used: set[int] = set()
    for name in PORTS:
        if getattr(settings, name) in used:
            raise SettingError(name, f"the servers need different ports ({', '.join(PORTS)})")
        used.add(getattr(settings, name))
    return settings


def remember_ports(settings: Settings) -> None:
    """Keeps the ports for later commands on this runtime."""
    file = settings.folders.ports
    ports = {name: getattr(settings, name) for name in PORTS}
    if _remembered(settings.home) != ports:
        file.write_text(json.dumps(ports), encoding="utf-8")


def _remembered(home: Path) -> dict[str, int]:
    try:
        found = json.loads(paths.Home(home).ports.read_text(encoding="utf-8"))
        return {name: int(found[name]) for name in PORTS if name in found}
    except (OSError, ValueError, TypeError):
        return {}


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in environ.items():
        name = key.removeprefix(PREFIX).lower()
        if not key.startswith(PREFIX) or not value:
            continue
        if name.endswith("_file") and _is_secret(name.removesuffix("_file")):
            found[name.removesuffix("_file")] = _secret_file(name, Path(value))
        elif name not in TABLE:
            raise SettingError(name, f"there is no such setting ({key} in the environment)")
        else:
            found[name] = value
    return found


def _is_secret(name: str) -> bool:
    return name in TABLE and TABLE[name].metadata["kind"] == "secret"


def _secret_file(name: str, file: Path) -> str:
    try:
        return file.expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(name, f"cannot read {file}: {error}") from error


def _parsed(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: {error}") from error
    for name in content:
        if name not in ("settings", "databases"):
            raise UsageError(f"{file}: unknown [{name}]; known: [settings], [databases.NAME]")
    return content


def _from_file(file: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    table = content.get("settings", {})
    if not isinstance(table, dict):
        raise UsageError(f"{file}: [settings] must be a table")
    for name in table:
        if name not in TABLE or name == "project":
            known = ", ".join(n for n in TABLE if n != "project" and not _is_secret(n))
            raise SettingError(name, f"{file} has no such setting; known: {known}")
        if _is_secret(name):
            raise SettingError(
                name,
                f"secrets do not belong in {file}; "
                f"use {PREFIX}{name.upper()} or {PREFIX}{name.upper()}_FILE",
            )
    return table


def _merge(into: dict[str, Any], found: Mapping[str, Any], base: Path, source: str) -> None:
    for name, value in found.items():
        if name != "project":
            into[name] = _convert(name, value, base, source)


def _convert(name: str, value: Any, base: Path, source: str) -> Any:
    kind = TABLE[name].metadata["kind"]
    where = f"{value!r} from {source}"
    if kind == "paths":
        many = value.split(os.pathsep) if isinstance(value, str) else list(value)
        return tuple(_path(one, base) for one in many if one)
    if kind == "options":
        return _options(name, value, where)
    if kind in ("port", "seconds"):
        if isinstance(value, bool) or not re.fullmatch(r"\d{1,6}", str(value)):
            raise SettingError(name, f"{where} is not a whole number")
        number = int(value)
        low, high = (1024, 65535) if kind == "port" else (1, 86400)
        if not low <= number <= high:
            raise SettingError(name, f"{where} is not between {low} and {high}")
        return number
    if not isinstance(value, str | Path):
        raise SettingError(name, f"{where} is not a text")
    if kind == "path":
        return _path(value, base)
    text = str(value)
    if kind == "heap" and not re.fullmatch(r"[1-9]\d*[mMgG]", text):
        raise SettingError(name, f"{where} is not a Java heap size such as 768m or 2g")
    if kind == "url" and not re.fullmatch(r"https?://[^\s/@]+(/\S*)?", text):
        raise SettingError(name, f"{where} is not an address such as https://host:port")
    return text.rstrip("/") if kind == "url" else text


def _options(name: str, value: Any, where: str) -> tuple[str, ...]:
    try:
        options = shlex.split(value) if isinstance(value, str) else [*map(str, value)]
    except (TypeError, ValueError) as error:
        raise SettingError(name, f"{where}: {error}") from error
    for option in options:
        if not re.fullmatch(r"-\S.*", option):
            raise SettingError(name, f"{where}: {option!r} is not an option such as -Dname=value")
    return tuple(options)


def _path(value: str | Path, base: Path) -> Path:
    return base / Path(value).expanduser()
