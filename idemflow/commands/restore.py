"""``idemflow restore``: what a backup kept, in the empty folder of a runtime."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from idemflow.canvas import saved_flow
from idemflow.commands.backup import SECRETS, refuse_full, refuse_own
from idemflow.config import remembered
from idemflow.config.combinations import SERVERS
from idemflow.config.paths import Home
from idemflow.config.settings import Settings
from idemflow.drawing.parameters import context_name
from idemflow.errors import IdemflowError, UsageError
from idemflow.security import sealed
from idemflow.security.nifi_values import NifiValues
from idemflow.security.owner import folder, write_file
from idemflow.security.secrets import ensure_secrets
from idemflow.servers import keep, sizes
from idemflow.servers.archive import Archive, Manifest
from idemflow.servers.exclusive import explained_os_errors, locked, make_home
from idemflow.servers.provision import refuse_newer

_MADE_BY_ALL = frozenset({"lock", "turns"})
_CONTEXT = context_name("")


@dataclass(frozen=True)
class Restored:
    """What was restored, or could be.

    Attributes:
        file: the archive.
        home: the runtime's folder.
        made: when the backup was made, in UTC.
        idemflow: by which version.
        files: how many files.
        bytes: theirs.
        secrets: whether the logins are those of before.
        deploy: pipelines that a deployment has to give their passwords.
        unset: other sensitive values that a person has to set on the canvas.
        ports: the servers' ports.
    """

    file: Path
    home: Path
    made: str
    idemflow: str
    files: int
    bytes: int
    secrets: bool
    deploy: tuple[str, ...]
    unset: tuple[str, ...]
    ports: dict[str, int]


def restore(
    settings: Settings,
    file: Path,
    passphrase: Callable[[], str | None],
    *,
    check: bool = False,
) -> Restored:
    """Unpacks a backup; ``up`` then goes on where it was.

    Args:
        settings: the resolved settings; ports that they were given count, else those of before.
        file: the archive.
        passphrase: gives that of the secrets, if they are in the archive; ``None`` to do without.
        check: read all of it, and change nothing.

    Raises:
        UsageError: a server is the user's own, the folder has something already, or the passphrase
            is another.
        IdemflowError: the archive is damaged, or of a newer idemflow; or there is no room. Nothing
            was restored.
    """
    with Archive(file.expanduser().absolute()) as archive:
        manifest = archive.manifest
        if check:
            keep.refuse_others(archive, keep.parts(settings))
            archive.check()
            return _restored(settings, file, manifest, manifest.salt is not None, manifest.ports)
        refuse_own(settings, "restore")
        _refuse_occupied(settings)
        refuse_newer(settings, SERVERS, manifest.data)
        secrets = _opened(archive, passphrase)
        ports: dict[str, int] = {
            name: getattr(settings, f"{name}_port")
            if f"{name}_port" in settings.model_fields_set
            else manifest.ports.get(name, getattr(settings, f"{name}_port"))
            for name in SERVERS
        }
        with explained_os_errors(f"idemflow restore {file}"):
            make_home(settings)
            with locked(settings.folders):
                _refuse_occupied(settings)
                refuse_full(settings.home, manifest.bytes)
                change = partial(_change, settings, manifest, secrets, ports)
                try:
                    keep.place(archive, settings, change)
                except BaseException:
                    _leave_no_secrets(settings)
                    raise
        return _restored(settings, file, manifest, secrets is not None, ports)


def _restored(
    settings: Settings, file: Path, manifest: Manifest, secrets: bool, ports: dict[str, int]
) -> Restored:
    lost = () if secrets else manifest.withheld
    of_pipelines = [name for name in lost if name.startswith(_CONTEXT) and ": " in name]
    pipelines = [name.removeprefix(_CONTEXT).partition(": ")[0] for name in of_pipelines]
    return Restored(
        file=file,
        home=settings.home,
        made=manifest.made,
        idemflow=manifest.idemflow,
        files=len(manifest.files),
        bytes=manifest.bytes,
        secrets=secrets,
        deploy=tuple(sorted(set(pipelines))),
        unset=tuple(name for name in lost if name not in of_pipelines),
        ports=ports,
    )


def _refuse_occupied(settings: Settings) -> None:
    found = [one.name for one in sizes(settings.folders) if one.name not in _MADE_BY_ALL]
    if found:
        raise UsageError(
            f"{settings.home} is a runtime already ({', '.join(sorted(found))}): a backup is "
            "restored into an empty folder",
            next_command="another folder (IDEMFLOW_HOME); or give that one up, with all data: "
            "idemflow down --delete",
        )


def _opened(archive: Archive, passphrase: Callable[[], str | None]) -> Mapping[str, Any] | None:
    """The secrets; ``None`` where there are none, or the user does without."""
    salt = archive.manifest.salt
    given = passphrase() if salt is not None else None
    if salt is None or given is None:
        return None
    try:
        found = json.loads(sealed.unseal(archive.sealed(), given, bytes.fromhex(salt)))
        files, values = found["files"], found["values"]
        texts = [*files.values(), *values.values()]
        if set(files) <= set(SECRETS) and all(isinstance(one, str) for one in texts):
            return {"files": files, "values": values}
    except (ValueError, TypeError, AttributeError, KeyError):
        pass
    raise IdemflowError(
        f"the secrets in {archive.manifest.home}'s backup cannot be read",
        next_command="the same with --without-secrets",
    )


def _change(
    settings: Settings,
    manifest: Manifest,
    secrets: Mapping[str, Any] | None,
    ports: Mapping[str, int],
    stage: Path,
) -> None:
    """Makes what was unpacked fit this runtime: its logins, its folders, its ports."""
    home = settings.folders
    folder(home.secrets, 0o700)
    folder(home.certificates, 0o700)
    for name, text in (secrets or {"files": {}})["files"].items():
        write_file(home.root / name, text)
    key = ensure_secrets(home.secrets).sensitive_props_key
    before = f"https://localhost:{manifest.ports.get('elasticsearch')}"
    now = f"https://localhost:{ports['elasticsearch']}"

    def here(text: str) -> str:
        if text == before:
            return now
        if text.startswith(f"{manifest.home}/"):
            return f"{settings.home}{text.removeprefix(manifest.home)}"
        return text

    flow = stage / keep.FLOW
    values = {**manifest.references, **(secrets or {"values": {}})["values"]}
    moved = saved_flow.moved(flow.read_bytes(), here)
    flow.write_bytes(saved_flow.put_in(moved, values, NifiValues(key)))
    kept = remembered.read(Home(stage))
    nars = tuple(map(Path, kept.pop(remembered.NARS, ())))
    own = {f"{name}_port": port for name, port in ports.items()}
    remembered.write(Home(stage), {**kept, **own}, nars)


def _leave_no_secrets(settings: Settings) -> None:
    """So that the folder is as empty as it was."""
    for made in (settings.folders.secrets, settings.folders.certificates):
        shutil.rmtree(made, ignore_errors=True)
