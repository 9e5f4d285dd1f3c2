"""Stage two: lays out both servers from the cache, with their secrets and certificates."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from idemflow.config.combinations import TITLES, ServerName
from idemflow.config.formats import OR_ANOTHER_HOME, upgrade
from idemflow.config.paths import Home, resources
from idemflow.config.settings import Settings
from idemflow.errors import IdemflowError, SettingError
from idemflow.security import certificates
from idemflow.security.locks import LockFile
from idemflow.security.owner import Owner, folder, servers_user
from idemflow.security.secrets import ensure_secrets, login_file
from idemflow.servers import elasticsearch, nifi
from idemflow.servers.exclusive import make_home
from idemflow.servers.launch import Command
from idemflow.supply import bundle, packages
from idemflow.supply.artifacts import Coordinate, Lock, read_lock
from idemflow.supply.java import installed_java, servers_java, start_options
from idemflow.supply.modules import read_modules
from idemflow.supply.nar import types_of
from idemflow.supply.progress import Progress
from idemflow.supply.python_env import python_environment
from idemflow.supply.store import Store

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Provisioned:
    """Servers that are ready to be started.

    Attributes:
        owners: the users that they run as.
        commands: how to start each.
        versions: each server's version.
        mended: what a crash had left and was set right, for the user.
        packages: the name of the folder with the packages that NiFi's Python has for the project.
    """

    owners: dict[ServerName, Owner]
    commands: dict[ServerName, Command]
    versions: dict[ServerName, str]
    mended: tuple[str, ...] = ()
    packages: str = ""


def provision(
    settings: Settings, servers: Collection[ServerName], grants: tuple[str, ...], progress: Progress
) -> Provisioned:
    """Lays out the servers.

    Args:
        servers: which ones; a running server's folder is left alone.
        grants: the indices that NiFi's user may write to.
        progress: told of downloads and builds.

    Raises:
        UsageError: requirements.txt cannot be read.
        SupplyError: an artifact could not be downloaded, or a package not be installed.
        IdemflowError: this machine cannot run the servers; says why.
    """
    home = settings.folders
    owner = make_home(settings)
    _log.info("laying out %s in %s", ", ".join(servers), settings.home)
    lock = read_lock(resources() / "artifacts.toml")
    _refuse_lost_secrets(home)
    secrets = ensure_secrets(home.secrets)
    folder(home.certificates, 0o700 if owner.is_self else 0o755)
    # Browsers trust it where the canvas is idemflow's; a NiFi of the user's own has a copy of it.
    starting = set(servers)
    authority = certificates.ensure_authority(
        home.certificates / "ca.crt",
        home.secrets / "ca.key",
        replaceable="nifi" in starting and starting == set(settings.embedded),
    )
    java = servers_java(home, owner)
    options = start_options(java, home)
    store = Store(settings.cache, settings.repository)
    commands: dict[ServerName, Command] = {}
    owners: dict[ServerName, Owner] = {"nifi": owner}
    mended: tuple[str, ...] = ()
    installed = ""
    if "nifi" in servers:
        parts = _nifi_parts(settings, lock, store, progress)
        own = packages.install(settings, progress)
        installed = own.name if own else ""
        python = python_environment(home, owner, own)
        restored = nifi.lay_out(settings, owner, parts, authority, secrets, python)
        mended = (restored,) if restored else ()
        commands["nifi"] = nifi.command(settings, java, options, python)
    if "elasticsearch" in servers:
        zip_file = store.fetch(lock, [lock.elasticsearch], progress)[lock.elasticsearch]
        checksum = lock.files[lock.elasticsearch].sha256
        distribution = elasticsearch.unpack(
            zip_file, lock.elasticsearch_version, checksum, settings.cache
        )
        theirs = owners["elasticsearch"] = servers_user(
            settings.home, settings.run_as_user, "elasticsearch"
        )
        elasticsearch.hand_over(home, theirs, owner)
        elasticsearch.lay_out(settings, theirs, distribution, options, authority, secrets, grants)
        elasticsearch.clean(home)
        commands["elasticsearch"] = elasticsearch.command(settings, java)
    versions: dict[ServerName, str] = {
        "nifi": lock.nifi_version,
        "elasticsearch": lock.elasticsearch_version,
    }
    for told in mended:
        _log.warning("%s", told)
    return Provisioned(owners, commands, versions, mended, installed)


def refuse_newer(
    settings: Settings, servers: Iterable[ServerName], data: Mapping[str, str]
) -> None:
    """Check that no newer server wrote the data: the older one would not start, or harm them.

    Args:
        data: the versions of the servers that wrote them, as far as they are on record.

    Raises:
        IdemflowError: one did.
    """
    lock = read_lock(resources() / "artifacts.toml")
    ours = {"nifi": lock.nifi_version, "elasticsearch": lock.elasticsearch_version}
    for name in servers:
        theirs = data.get(name, ours[name])
        if _numbers(theirs) > _numbers(ours[name]):
            raise IdemflowError(
                f"{settings.home} has data of {TITLES[name]} {theirs}, and this idemflow brings "
                f"{ours[name]}, which cannot read them",
                next_command=upgrade() + OR_ANOTHER_HOME,
            )


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d{1,9}", version)]


def _refuse_lost_secrets(home: Home) -> None:
    if (home.nifi / "data" / "flow.json.gz").exists() and not login_file(home.secrets).exists():
        raise IdemflowError(
            f"{login_file(home.secrets)} is gone: without it NiFi cannot read the passwords in its "
            "flow",
            next_command="put it back, or start anew: idemflow down --delete && idemflow up",
        )


def _nifi_parts(settings: Settings, lock: Lock, store: Store, progress: Progress) -> nifi.NifiParts:
    modules = read_modules(resources() / "bundle")
    wanted: set[Coordinate] = {*lock.lib, *lock.nars, *lock.drivers, lock.elasticsearch}
    files = store.fetch(lock, wanted | bundle.needed(modules, lock), progress)
    java = installed_java()
    progress.step("Making the bundle ready")
    # Another checkout that starts now would make the same files.
    with LockFile(settings.cache / "built.lock"), ThreadPoolExecutor(2) as pool:
        built = bundle.build_bundle(modules, files, lock, java, settings.cache, pool)
        packing = [
            pool.submit(bundle.build_packed, p, files, lock, java, settings.cache, built)
            for p in lock.packed
        ]
        packed = [p.result() for p in packing]
    own = own_nars(settings.nars)
    kept = not_replaced([b.nar for b in built if b.nar], own)
    jars = [file for b in built for file in b.lib]
    return nifi.NifiParts(
        lib=(*(files[c] for c in lock.lib), *jars),
        nars=(*(files[c] for c in lock.nars), *packed, *kept, *own),
        drivers={c.artifact: files[c] for c in lock.drivers},
    )


def not_replaced(nars: Iterable[Path], own: Iterable[Path]) -> list[Path]:
    """The bundle's NARs without those that have a type which one of the user's brings.

    Raises:
        SettingError: one of the user's files is not a NAR.
    """
    theirs = {name for nar in own for name in _types(nar)}
    return [nar for nar in nars if not theirs & types_of(nar)]


def own_nars(folders: Iterable[Path]) -> list[Path]:
    """The NARs in the user's folders.

    Raises:
        SettingError: a folder is missing, or has none.
    """
    found: list[Path] = []
    for place in folders:
        nars = sorted(place.glob("*.nar")) if place.is_dir() else []
        if not nars:
            raise SettingError(
                "nars",
                f"{place} is not a folder with NARs in it",
                next_command="name one that is (idemflow up --nars FOLDER); idemflow up --no-nars "
                "forgets what was named before",
            )
        found += nars
    return found


def _types(nar: Path) -> set[str]:
    try:
        return types_of(nar)
    except ValueError as error:
        raise SettingError("nars", f"{nar} is not a NAR: {error}") from error
