"""Whether the servers that run have the settings and packages that are asked for now."""

from __future__ import annotations

import shlex
from collections.abc import Collection

from idemflow.config.combinations import STARTED_WITH, TITLES, ServerName
from idemflow.config.environment import text
from idemflow.config.settings import Settings
from idemflow.errors import SettingError, UsageError
from idemflow.servers.state import State
from idemflow.supply import packages, requirements


def of(settings: Settings, server: ServerName) -> dict[str, str]:
    """The settings that a server is started with, as texts: they go on record."""
    return {name: text(getattr(settings, name)) for name in STARTED_WITH[server]}


def refuse_others(settings: Settings, state: State, running: Collection[str]) -> None:
    """Check that what runs has what was given: a default asks for nothing, but for a port.

    Raises:
        SettingError: it has not; names what differs, and how to get it.
    """
    for server in settings.embedded:
        if server not in running:
            continue
        record = state.servers[server]
        now = {**record.settings, f"{server}_port": str(record.port)}
        for name, wanted in of(settings, server).items():
            port = name == f"{server}_port"
            given = port or name in settings.model_fields_set
            if given and not _same(now.get(name, wanted), wanted):
                runs = "on port" if port else "with"
                raise SettingError(
                    name,
                    f"{TITLES[server]} runs {runs} {now[name] or 'none'}, not {wanted or 'none'}",
                    next_command=f"idemflow down && idemflow up{_option(settings, name)}",
                )


def refuse_other_packages(settings: Settings, state: State) -> None:
    """Check that an embedded NiFi which runs has the packages that requirements.txt says.

    Raises:
        UsageError: it has not.
    """
    if "nifi" not in settings.embedded or "nifi" not in state.running():
        return
    wanted = requirements.read(settings.project)
    if wanted is None:
        return
    now = packages.installed(settings)
    if now is None or now.name != state.servers["nifi"].packages:
        raise UsageError(
            f"NiFi runs without the packages that {wanted.file} says now, until it is restarted",
            next_command=packages.RESTART,
        )


def _same(one: str, other: str) -> bool:
    return one == other or (_is_size(one) and one.lower() == other.lower())


def _is_size(text: str) -> bool:
    return text[:-1].isdigit()


def _option(settings: Settings, name: str) -> str:
    """What says the same on the command line; nothing where only a file or a variable can."""
    if name in ("login_minutes", "durability") or name.endswith("_java_options"):
        return ""
    if name != "nars":
        return f" --{name.replace('_', '-')} {text(getattr(settings, name))}"
    folders = "".join(f" --nars {shlex.quote(str(folder))}" for folder in settings.nars)
    return folders or " --no-nars"
