"""``idemflow backup``: all that a runtime has, of one moment, in one file."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from idemflow import __version__
from idemflow.canvas import saved_flow
from idemflow.config.combinations import SERVERS, TITLES
from idemflow.config.paths import Home
from idemflow.config.settings import Settings
from idemflow.errors import IdemflowError, UsageError
from idemflow.security import sealed
from idemflow.security.nifi_values import NifiValues
from idemflow.security.owner import open_own, servers_user
from idemflow.security.secrets import load_secrets
from idemflow.servers import keep, read_state
from idemflow.servers.archive import ARCHIVE, Manifest, writing
from idemflow.servers.exclusive import explained_os_errors
from idemflow.servers.paused import as_started, paused
from idemflow.servers.state import FORMAT
from idemflow.supply.progress import Progress, Silent

# Without them a runtime has other logins; of further servers nothing is kept.
SECRETS = ("secrets/login.json", "secrets/ca.key", "secrets/metrics.json", "certificates/ca.crt")


@dataclass(frozen=True)
class Planned:
    """What is about to be done.

    Attributes:
        servers: what is stopped, and started again afterwards.
        size: bytes that are read.
    """

    servers: tuple[str, ...]
    size: int


@dataclass(frozen=True)
class Backup:
    """What was written.

    Attributes:
        file: the archive.
        size: its bytes.
        files: how many files of the runtime are in it.
        bytes: theirs.
        secrets: whether the secrets are in it.
        withheld: the sensitive values of the flow that are not, by their names.
        left_out: files that are nobody's of the servers'.
        restarted: the servers that were stopped meanwhile.
        killed: pids that did not end by themselves in time.
        seconds: how long it took, until they could be used again.
        told: what starting them again has to say.
    """

    file: Path
    size: int
    files: int
    bytes: int
    secrets: bool
    withheld: tuple[str, ...]
    left_out: tuple[str, ...]
    restarted: tuple[str, ...]
    killed: tuple[int, ...]
    seconds: float
    told: tuple[str, ...]


def backup(
    settings: Settings,
    file: Path,
    passphrase: str | None,
    progress: Progress | None = None,
    *,
    confirm: Callable[[Planned], None] = lambda _: None,
) -> Backup:
    """Writes all that the embedded servers have into a new file.

    The servers do not run meanwhile; those that ran run again in the end, whatever happens.

    Args:
        settings: the resolved settings.
        file: the archive; there is none of that name yet.
        passphrase: encrypts the secrets, which are left out without it.
        progress: told what happens.
        confirm: told what is done before anything is stopped; raises to leave it.

    Raises:
        UsageError: a server is the user's own, or the file cannot be made.
        IdemflowError: there is nothing to keep, no room for it, or something cannot be read.
    """
    refuse_own(settings, "backup")
    home, file = settings.folders, file.expanduser().absolute()
    if not (home.root / keep.FLOW).exists():
        raise IdemflowError(
            f"{home.root} has no flow and no data: there is nothing to keep",
            next_command="idemflow up",
        )
    _refuse_place(home, file)
    size = keep.size(settings)
    refuse_full(file.parent, size)
    state = read_state(home.state)
    confirm(Planned(tuple(name for name in SERVERS if name in state.running()), size))
    progress, began = progress or Silent(), time.monotonic()
    ports = as_started(settings, state)
    with explained_os_errors(f"idemflow backup {file}"), paused(settings, progress) as stopped:
        progress.step(f"Writing {file}")
        manifest, left_out = _write(ports, file, passphrase)
    return Backup(
        file=file,
        size=file.stat().st_size,
        files=len(manifest.files),
        bytes=manifest.bytes,
        secrets=manifest.salt is not None,
        withheld=() if manifest.salt else manifest.withheld,
        left_out=left_out,
        restarted=stopped.servers,
        killed=stopped.killed,
        seconds=round(time.monotonic() - began, 1),
        told=stopped.told,
    )


def refuse_own(settings: Settings, command: str) -> None:
    """Raises UsageError where a server is the user's own."""
    for name in SERVERS:
        if (url := settings.own_url(name)) is not None:
            raise UsageError(
                f"{name}_url names your own {TITLES[name]} ({url}), which idemflow does not stop: "
                f"`{command}` is for the two embedded servers, whose data are of one moment",
                next_command="docs/backup.md says what to keep of servers of your own",
            )


def _write(
    settings: Settings, file: Path, passphrase: str | None
) -> tuple[Manifest, tuple[str, ...]]:
    home = settings.folders
    opened = saved_flow.taken_out(
        _read(home, settings, keep.FLOW), NifiValues(load_secrets(home.secrets).sensitive_props_key)
    )
    salt = sealed.new_salt() if passphrase else None
    manifest = Manifest(
        archive=ARCHIVE,
        format=FORMAT,
        idemflow=__version__,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        home=str(home.root),
        ports={name: getattr(settings, f"{name}_port") for name in SERVERS},
        data=read_state(home.state).data,
        references=opened.references,
        withheld=opened.names,
        salt=salt.hex() if salt else None,
    )
    secret = {
        "values": opened.secrets,
        "files": {name: _text(home, name) for name in SECRETS if (home.root / name).exists()},
    }
    try:
        with writing(file) as archive:
            left_out = keep.keep(settings, archive, {keep.FLOW: opened.flow})
            token = (
                sealed.seal(json.dumps(secret).encode(), passphrase, salt)
                if passphrase and salt
                else None
            )
            return archive.finish(manifest, token), left_out
    except OSError as error:
        # One of writing has no name.
        raise OSError(error.errno, error.strerror, error.filename or str(file)) from error


def _read(home: Home, settings: Settings, path: str) -> bytes:
    owner = servers_user(settings.home, settings.run_as_user)
    with open_own(home.root / path, owner) as file:
        return file.read()


def _text(home: Home, name: str) -> str:
    return (home.root / name).read_text(encoding="utf-8")


def _refuse_place(home: Home, file: Path) -> None:
    if file.exists() or file.is_symlink():
        raise UsageError(f"{file} is there already", next_command="the same with another name")
    if not file.parent.is_dir() or not os.access(file.parent, os.W_OK):
        raise UsageError(f"{file.parent} is no folder that you can write")
    for inside in (home.nifi, home.elasticsearch, home.flow_copies):
        if file.parent.resolve().is_relative_to(inside.resolve()):
            raise UsageError(f"{inside} is what is kept: the file must be somewhere else")


def refuse_full(folder: Path, size: int) -> None:
    """Raises IdemflowError where a disk lacks room for that many bytes."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise IdemflowError(
            f"{folder} has {free / 1024**2:,.0f} MiB free, and up to {size / 1024**2:,.0f} MiB "
            "are needed",
            next_command="free some disk space, or choose another folder",
        )
