"""The unit by which systemd runs a supervisor."""

from __future__ import annotations

import os
import pwd
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from idemflow.config.environment import passed_on
from idemflow.config.settings import Settings
from idemflow.errors import UsageError
from idemflow.servers.supervision import END_SECONDS

Kind = Literal["system", "user"]
# What root needs to start the servers as users of their own, and to stop them.
_CAPABILITIES = "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL CAP_SETGID CAP_SETUID"
# These need no mount namespace: a user's own systemd cannot make one everywhere.
_HARDENED = """\
NoNewPrivileges=yes
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
RestrictAddressFamilies=AF_INET AF_INET6 AF_NETLINK AF_UNIX
"""
# Home directories and /tmp stay as they are: projects, and files that pipelines read, are there.
_HARDENED_SYSTEM = """\
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
"""
_READ_ONLY = ("/usr", "/etc", "/boot", "/efi")  # what ProtectSystem=full makes so


@dataclass(frozen=True)
class Unit:
    """A unit of systemd.

    Attributes:
        name: of its file, e.g. ``idemflow-shop.service``.
        kind: of the system, or of a user's own systemd.
        text: what is in the file.
    """

    name: str
    kind: Kind
    text: str


def unit(
    settings: Settings, kind: Kind | None, variables: Mapping[str, str], options: tuple[str, ...]
) -> Unit:
    """The unit that runs ``idemflow supervise`` with the settings of this process.

    Args:
        kind: by default ``system`` for root, and ``user`` for everybody else.
        variables: this process' environment.
        options: of the command.

    Raises:
        SettingError: a secret stands in a variable, and not in a file.
        UsageError: a path has a character that no unit can hold.
    """
    root = os.geteuid() == 0
    kind = kind or ("system" if root else "user")
    project = settings.project
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", project.name).strip("-.") or "project"
    file = f"idemflow-{name}.service"
    # -P: what lies in the working directory is no module of idemflow's.
    command = [_quoted(sys.executable), "-P", "-m", "idemflow", "supervise"]
    command += [_quoted(option).replace("$", "$$") for option in options]
    environment = [
        f"Environment={_quoted(f'{variable}={value}')}\n"
        for variable, value in passed_on(settings, variables).items()
    ]
    hardened = _HARDENED
    if kind == "system":
        hardened += _HARDENED_SYSTEM
        if not any(_is_below(path) for path in (settings.home, settings.cache)):
            hardened += "ProtectSystem=full\n"
        if root:
            hardened += f"CapabilityBoundingSet={_CAPABILITIES}\n"
    text = (
        f"# {_how_to_install(file, kind)}\n"
        "[Unit]\n"
        f"Description=NiFi and Elasticsearch of {_plain(str(project))}\n"
        "StartLimitIntervalSec=0\n"
        "\n"
        "[Service]\n"
        "Type=exec\n"
        f"ExecStart={' '.join(command)}\n"
        f"{''.join(environment)}"
        f"{_user(kind, root)}"
        "# It ends with 0 when `idemflow down` ends it, and with 2 where a setting is wrong.\n"
        "Restart=on-failure\n"
        "RestartSec=10\n"
        "RestartPreventExitStatus=2\n"
        "# It stops the servers itself, one after the other, and starts one that was killed.\n"
        "KillMode=mixed\n"
        f"TimeoutStopSec={END_SECONDS:.0f}\n"
        "OOMPolicy=continue\n"
        "LimitNOFILE=65536\n"
        "UMask=0077\n"
        f"{hardened}"
        "\n"
        "[Install]\n"
        f"WantedBy={'multi-user' if kind == 'system' else 'default'}.target\n"
    )
    return Unit(file, kind, text)


def _how_to_install(file: str, kind: Kind) -> str:
    if kind == "system":
        return (
            f"Put this into /etc/systemd/system/{file}, then:\n"
            f"#   systemctl daemon-reload && systemctl enable --now {file}"
        )
    return (
        f"Put this into ~/.config/systemd/user/{file}, then:\n"
        f"#   systemctl --user daemon-reload && systemctl --user enable --now {file}\n"
        "# It runs while you are logged in; from boot on after: loginctl enable-linger"
    )


def _user(kind: Kind, root: bool) -> str:
    return f"User={pwd.getpwuid(os.geteuid()).pw_name}\n" if kind == "system" and not root else ""


def _is_below(path: Path) -> bool:
    return any(path.is_relative_to(one) for one in _READ_ONLY)


def _quoted(text: str) -> str:
    """A word of a unit: spaces, quotes and the signs of systemd's specifiers mean themselves."""
    escaped = _plain(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if re.search(r"[^\w/.:=+@%,-]", escaped, re.ASCII) else escaped


def _plain(text: str) -> str:
    if not text.isprintable():
        raise UsageError(f"{text!r} has a character that a unit of systemd cannot hold")
    return text.replace("%", "%%")
