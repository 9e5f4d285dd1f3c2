"""The settings: one table, and the only place that reads the environment.

A setting comes from, in this order: the command line, the environment (``IDEMFLOW_<NAME>``),
``idemflow.toml`` in the project's folder (table ``[settings]``), what ``idemflow up`` was given
before, the default. ``idemflow.config.database_settings`` reads the file's databases.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SecretStr,
    SkipValidation,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from idemflow.config import paths, registry, remembered
from idemflow.config.combinations import SERVERS, ServerName, without_effect
from idemflow.config.database_settings import ConfiguredDatabase, read_databases
from idemflow.config.values import (
    COMMAND_LINE,
    DEFAULT,
    ENVIRONMENT,
    FILE,
    Durability,
    File,
    Files,
    Given,
    Heap,
    Minutes,
    Options,
    Port,
    ProjectId,
    Seconds,
    Secret,
    Text,
    Url,
    UrlOrFile,
)
from idemflow.errors import SettingError, UsageError

PREFIX = "IDEMFLOW_"
PORTS = ("nifi_port", "elasticsearch_port")
_WAY_OUT = "give it a value, or take it away"


def _is(what: str, default: Any = None) -> Any:
    return Field(default, description=what)


class Settings(BaseSettings):
    """What a command runs with; made by :func:`resolve`. Paths are absolute."""

    model_config = SettingsConfigDict(
        frozen=True,
        env_prefix=PREFIX,
        enable_decoding=False,
        validate_default=False,
    )

    project: File = _is("The folder with flows/ and scripts/; default: the nearest one above.", ...)
    home: File = Field(
        description="The runtime's folder: configuration, data, logs, secrets.",
        default_factory=lambda found: paths.default_runtime_home(found["project"]),
    )
    project_id: ProjectId | None = _is("Whose the things on the servers are; default: a random id.")
    cache: File = Field(
        description="The download cache, shared by all checkouts.",
        default_factory=lambda: paths.default_cache(Path.home(), os.getenv("XDG_CACHE_HOME")),
    )
    nifi_port: Port = _is("The port of NiFi's canvas and API on loopback.", 8443)
    elasticsearch_port: Port = _is("The port of Elasticsearch on loopback.", 9200)
    further_ports: dict[str, Port] = _is("The ports of other servers, by <name>_port.", {})
    nifi_heap: Heap = _is("NiFi's Java heap.", "1g")
    elasticsearch_heap: Heap = _is("Elasticsearch's Java heap.", "1g")
    nifi_java_options: Options = _is("More options for NiFi's Java.", ())
    elasticsearch_java_options: Options = _is("More options for Elasticsearch's Java.", ())
    nars: Files = _is("Folders with your own NARs; what they bring replaces the bundle's.", ())
    login_minutes: Minutes = _is("How many minutes a login on the embedded NiFi lasts.", 720)
    durability: Durability = _is("What a power cut may take: safe, nothing; or fast.", "safe")
    run_as_user: Text | None = _is("The servers' user where idemflow runs as root.")
    start_timeout: Seconds = _is("How long the servers may take to start.", 300)
    verify_memory: Heap = _is("The memory that comparing ids may take; more goes to disk.", "256m")
    flow_repository: File | None = _is("The git repository of the flows; default: the project's.")
    lineage: UrlOrFile | None = _is("Where OpenLineage events of runs go: an address or a file.")
    repository: Url | None = _is("A mirror to use in place of Maven Central.")
    nifi_url: Url | None = _is("Your own NiFi, in place of the embedded one.")
    nifi_username: Text | None = _is("The user on your own NiFi.")
    nifi_password: Secret | None = _is("That user's password.")
    nifi_ca: File | None = _is("The CA certificate (PEM) of your own NiFi.")
    elasticsearch_url: Url | None = _is("Your own Elasticsearch, in place of the embedded one.")
    elasticsearch_username: Text | None = _is("The user that idemflow reads and verifies with.")
    elasticsearch_password: Secret | None = _is("That user's password.")
    elasticsearch_ca: File | None = _is("The CA certificate (PEM) of your own Elasticsearch.")
    loader_url: Url | None = _is("Elasticsearch as NiFi reaches it; default: as idemflow does.")
    loader_username: Text | None = _is("NiFi's user there; default: elasticsearch_username.")
    loader_password: Secret | None = _is("That user's password.")
    loader_truststore: File | None = _is("A PKCS12 file with Elasticsearch's CA, as NiFi reads it.")
    loader_truststore_password: Secret | None = _is("The password of loader_truststore.")
    databases: SkipValidation[tuple[ConfiguredDatabase, ...]] = _is("[databases.NAME].", ())
    _from: dict[str, tuple[str, str]] = PrivateAttr(default_factory=dict)

    def origin(self, name: str) -> tuple[str, str]:
        """Where a setting comes from: in words, and the option, variable or file; "" if none."""
        return self._from.get(name, (DEFAULT, ""))

    def own_url(self, server: ServerName) -> str | None:
        """The address of a server of the user's own; ``None`` where it is the embedded one."""
        return self.nifi_url if server == "nifi" else self.elasticsearch_url

    @property
    def embedded(self) -> tuple[ServerName, ...]:
        """The servers that idemflow starts and stops: those that are not the user's own."""
        return tuple(name for name in SERVERS if self.own_url(name) is None)

    @property
    def runtime(self) -> Literal["embedded", "external", "mixed"]:
        """Whose the two servers are: idemflow's, the user's own, or one of each."""
        return "mixed" if len(self.embedded) == 1 else "embedded" if self.embedded else "external"

    @property
    def folders(self) -> paths.Home:
        """The folders of the embedded runtime."""
        return paths.Home(self.home)

    @property
    def verify_bytes(self) -> int:
        """``verify_memory`` in bytes."""
        return int(self.verify_memory[:-1]) << {"m": 20, "g": 30}[self.verify_memory[-1].lower()]

    def secrets(self) -> set[str]:
        """Every password in them, to keep it out of what is shown."""
        own = {one.get_secret_value() for _, one in self if isinstance(one, SecretStr)}
        return own | {one.password for one in self.databases if one.password}

    def port_of(self, server: str, default: int) -> int:
        """The port of a further server.

        Raises:
            SettingError: NiFi or Elasticsearch has this port.
        """
        name = port_name(server)
        ports = {**_ports(self), name: self.further_ports.get(name, default)}
        _refuse_equal(ports)
        return ports[name]

    @model_validator(mode="wrap")
    @classmethod
    def _have_an_effect(cls, given: dict[str, Any], read: ModelWrapValidatorHandler[Self]) -> Self:
        for name, instead, why in without_effect(given):
            # What is nearer to the command takes the place of what is farther away.
            if instead is None or given[name].distance <= given[instead].distance:
                source = given[name].source
                raise SettingError(name, f"from {source} has no effect: {why}")
        settings = read(given)
        every = {**given, **given.get("further_ports", {})}.values()
        settings._from = {g.name: (g.source, g.place) for g in every if isinstance(g, Given)}
        return settings

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (pydantic's signature)
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The sources, the nearest first."""
        project = init_settings()["project"].value
        return (
            init_settings,
            _Environment(settings_cls),
            _ProjectFile(settings_cls, project / FILE),
            _Remembered(settings_cls, {}),
        )


TABLE = {
    name: f
    for name, f in Settings.model_fields.items()
    if name not in ("databases", "further_ports")
}
SECRETS = frozenset(name for name, f in TABLE.items() if f.annotation == (Secret | None))


class _Environment(EnvSettingsSource):
    """The environment's variables; refuses one that means nothing."""

    def __call__(self) -> dict[str, Any]:
        here, others, places = Path.cwd(), {}, {}
        for key, value in os.environ.items():
            name = key.removeprefix(PREFIX).lower()
            if not key.startswith(PREFIX):
                continue
            if _is_blank(value):
                raise SettingError(name, f"{key} in the environment is empty: {_WAY_OUT}")
            places[name] = key
            if name in TABLE:
                continue
            if name.removesuffix("_file") in SECRETS and name.endswith("_file"):
                secret = name.removesuffix("_file")
                others[secret], places[secret] = _secret_file(name, Path(value)), key
            elif _is_further_port(name):
                others[name] = value
            else:
                raise SettingError(name, f"there is no such setting ({key} in the environment)")
        return _given({**super().__call__(), **others}, ENVIRONMENT, here, places)


class _ProjectFile(TomlConfigSettingsSource):
    """``idemflow.toml``: [settings] and [databases.NAME]."""

    def __init__(self, settings_cls: type[BaseSettings], file: Path) -> None:
        self.file = file
        try:
            super().__init__(settings_cls, file)
        except (OSError, ValueError, RecursionError) as error:
            raise UsageError(f"{file}: {error}") from error

    def __call__(self) -> dict[str, Any]:
        for name in self.toml_data:
            if name not in ("settings", "databases"):
                raise UsageError(
                    f"{self.file}: unknown [{name}]; known: [settings], [databases.NAME]"
                )
        table = self.toml_data.get("settings", {})
        if not isinstance(table, dict):
            raise UsageError(f"{self.file}: [settings] must be a table")
        for name in table:
            variable = PREFIX + name.upper()
            if name in SECRETS:
                raise SettingError(
                    name,
                    f"secrets do not belong in {self.file}; use {variable} or {variable}_FILE",
                )
            if name == "project" or (name not in TABLE and not _is_further_port(name)):
                known = ", ".join(n for n in TABLE if n != "project" and n not in SECRETS)
                raise SettingError(name, f"{self.file} has no such setting; known: {known}")
        databases = read_databases(self.toml_data.get("databases", {}), self.file, os.environ)
        return {**_given(table, FILE, self.file.parent), "databases": databases}


class _Remembered(InitSettingsSource):
    """What :func:`remember` kept, in the home that the sources before name."""

    def __call__(self) -> dict[str, Any]:
        state = self.current_state
        home = paths.Home(
            state["home"].path()
            if state.get("home")
            else paths.default_runtime_home(state["project"].value)
        )
        found = {
            name: value
            for name, value in remembered.read(home).items()
            if name in (*PORTS, remembered.NARS) or _is_further_port(name)
        }
        return _given(found, str(home.remembered), home.root)


def resolve(options: Mapping[str, Any] | None = None) -> Settings:
    """Puts the settings together.

    Args:
        options: values of the command line by setting name; ``None`` values count as not given.

    Raises:
        SettingError: a value cannot be used; names the setting and where it came from.
    """
    here = Path.cwd()
    given = {name: value for name, value in (options or {}).items() if value is not None}
    flags, variable = {name: "--" + name.replace("_", "-") for name in given}, f"{PREFIX}PROJECT"
    source, place = (COMMAND_LINE, flags["project"]) if "project" in given else (DEFAULT, "")
    if not place and variable in os.environ:
        source, place = ENVIRONMENT, variable
    project = given.pop("project", os.environ.get(variable))
    if _is_blank(project):
        raise SettingError("project", f"it is empty: {_WAY_OUT}")
    folder = (here / Path(project).expanduser()).resolve() if project else paths.find_project(here)
    if not folder.is_dir():
        raise SettingError("project", f"{folder} is not a folder")
    found: dict[str, Any] = {"project": Given("project", folder, source, here, place)}
    settings = Settings(**found, **_given(given, COMMAND_LINE, here, flags))
    _refuse_equal(_ports(settings))
    return settings


def remember(settings: Settings) -> None:
    """Keeps the ports and the folders of NARs for later commands on this runtime."""
    remembered.write(settings.folders, _ports(settings), settings.nars)


def _given(
    found: Mapping[str, Any], source: str, base: Path, places: Mapping[str, str] | None = None
) -> dict[str, Any]:
    for name, value in found.items():
        # Nothing is no value: `home = ""` would be the project's folder, and an address that a
        # script left empty the embedded server.
        if any(map(_is_blank, value if isinstance(value, list | tuple) else (value,))):
            raise SettingError(name, f"it is empty, from {source}: {_WAY_OUT}")
    at = places or {}
    values = {
        name: Given(name, value, source, base, at.get(name, source))
        for name, value in found.items()
    }
    further = {name: values.pop(name) for name in found if _is_further_port(name)}
    return {**values, "further_ports": further} if further else values


def _is_blank(value: object) -> bool:
    return isinstance(value, str) and not value.strip()


def port_name(server: str) -> str:
    return server.replace("-", "_") + "_port"


def _is_further_port(name: str) -> bool:
    return name not in TABLE and name in map(port_name, registry.found("servers"))


def _ports(settings: Settings) -> dict[str, int]:
    return {**{name: getattr(settings, name) for name in PORTS}, **settings.further_ports}


def _refuse_equal(ports: Mapping[str, int]) -> None:
    used: set[int] = set()
    for name, port in ports.items():
        if port in used:
            raise SettingError(name, f"the servers need different ports ({', '.join(ports)})")
        used.add(port)


def _secret_file(name: str, file: Path) -> str:
    try:
        found = file.expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(name, f"cannot read {file}: {error}") from error
    if not found:
        raise SettingError(name, f"{file} is empty: {_WAY_OUT}")
    return found
