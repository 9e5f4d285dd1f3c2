"""What another process needs in its environment to have the settings of this one."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from idemflow.config.settings import PREFIX, SECRETS, TABLE, Settings
from idemflow.errors import SettingError

_FILE = "_FILE"


def text(value: object) -> str:
    """A setting's value as a variable has it."""
    if not isinstance(value, tuple):
        return str(value)
    if all(isinstance(one, str) for one in value):
        return shlex.join(value)
    return os.pathsep.join(map(str, value))


def passed_on(settings: Settings, variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that give a process elsewhere the settings of this one.

    What ``idemflow.toml`` or an earlier ``up`` says is left to them. The folders of the project
    and of the cache are always there: the other process may have another home directory.

    Args:
        variables: this process' environment.

    Raises:
        SettingError: a secret stands in a variable, and not in a file.
    """
    found = {"PROJECT": str(settings.project), "CACHE": str(settings.cache)}
    for variable, value in variables.items():
        if not variable.startswith(PREFIX):
            continue
        name = variable.removeprefix(PREFIX)
        if name.lower() in SECRETS:
            raise SettingError(
                name.lower(),
                f"a secret is not written into a unit, and {variable} is one",
                next_command=f"put it into a file with mode 0600, then: unset {variable}; "
                f"export {variable}{_FILE}=FILE",
            )
        if name.endswith(_FILE) and name.removesuffix(_FILE).lower() in SECRETS:
            found[name] = str(Path(value).expanduser().absolute())
        elif name.lower() in TABLE:
            found.setdefault(name, text(getattr(settings, name.lower())))
        else:  # the port of a further server
            found[name] = value
    return {PREFIX + name: value for name, value in sorted(found.items())}
