"""The embedded Elasticsearch: its folder, its users, its command line, and when it is ready."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from idemflow.config.paths import Home, resources
from idemflow.config.settings import Settings
from idemflow.config.templates import render
from idemflow.security import certificates
from idemflow.security.locks import LockFile
from idemflow.security.owner import Owner, closed, folder, mirror, remove, take_over, write_file
from idemflow.security.secrets import (
    ELASTICSEARCH_USER,
    LOADER_USER,
    Secrets,
    elasticsearch_password_hash,
)
from idemflow.servers import launch
from idemflow.supply.java import Java

_FOLDERS = ("config", "data", "logs", "tmp")
LOADER_ROLE = "idemflow_loader"
# Actions, where Elasticsearch's own names say more: `index` updates as well, and an update can ask
# for the document; `index`, `create` and `write` change mappings; `create_index` takes any mapping.
LOADER_PRIVILEGES = ("auto_configure", "indices:data/write/index*", "indices:data/write/bulk*")
LOADER_DELETES = "indices:data/write/delete"
# NiFi reads back nothing but what could not go in, to send it again.
LOADER_READS = "idemflow-dead-letters"
# Of runs, their manifests and dead letters nothing is taken away; no pipeline's index is named so.
LEDGER_PREFIX = "idemflow-"


def unpack(archive: Path, version: str, sha256: str, cache: Path) -> Path:
    """Unpacks the server's zip once into the cache, which several checkouts may use at once.

    Returns:
        the folder ``elasticsearch-<version>``.
    """
    target = cache / "unpacked" / f"elasticsearch-{version}-{sha256[:16]}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with LockFile(cache / "unpacked.lock"):
        if not target.is_dir():
            with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
                with zipfile.ZipFile(archive) as content:
                    content.extractall(scratch)
                unpacked = Path(scratch) / f"elasticsearch-{version}"
                for path in (unpacked, *unpacked.rglob("*")):
                    path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
                unpacked.rename(target)
    return target


def hand_over(home: Home, owner: Owner, former: Owner) -> None:
    """Gives its folders to the user that Elasticsearch runs as now."""
    for name in _FOLDERS:
        take_over(home.elasticsearch / name, owner, former)


def lay_out(
    settings: Settings,
    owner: Owner,
    distribution: Path,
    options: Sequence[str],
    authority: certificates.Authority,
    secrets: Secrets,
    grants: Sequence[str],
) -> None:
    """Makes Elasticsearch's folder, or brings it up to date; data stay."""
    home = settings.folders
    root = closed(home.elasticsearch, owner)
    mirror(distribution, root / "dist", leave_out=frozenset({"config"}))
    for name in _FOLDERS:
        folder(root / name, 0o700, owner)
    config = root / "config"
    folder(config / "jvm.options.d", 0o700, owner)
    values = {
        "data": root / "data",
        "logs": home.elasticsearch_logs,
        "tmp": root / "tmp",
        "home": root / "data",
        "options": "\n".join([*options, *settings.elasticsearch_java_options]),
        "heap": settings.elasticsearch_heap,
        "port": settings.elasticsearch_port,
        "project": settings.project,
    }
    for template in sorted((resources() / "conf" / "elasticsearch").iterdir()):
        write_file(config / template.name, render(template, values), owner)

    users = {
        ELASTICSEARCH_USER: secrets.elasticsearch_password,
        LOADER_USER: secrets.loader_password,
    }
    lines = [f"{user}:{elasticsearch_password_hash(p)}\n" for user, p in users.items()]
    write_file(config / "users", "".join(lines), owner)
    write_file(
        config / "users_roles",
        f"superuser:{ELASTICSEARCH_USER}\n{LOADER_ROLE}:{LOADER_USER}\n",
        owner,
    )
    write_roles(home, grants)

    certificate = config / "server.crt"
    if not certificates.is_current(certificate, authority):
        issued = certificates.issue(authority, "Elasticsearch of idemflow")
        write_file(config / "server.key", issued.key_pem(), owner)
        write_file(config / "ca.crt", authority.pem(), owner)
        write_file(certificate, issued.pem(), owner)
    certificate, issuer = config / "transport.crt", config / "transport-ca.crt"
    if not certificates.is_current(certificate, issuer):
        # Whoever it lets in is a node, and may do anything: the servers' certificates do not count.
        issued = certificates.issue_alone("Elasticsearch's nodes")
        write_file(config / "transport.key", issued.key_pem(), owner)
        write_file(issuer, issued.authority_pem(), owner)
        write_file(certificate, issued.pem(), owner)


def write_roles(home: Home, grants: Sequence[str]) -> None:
    """Writes what NiFi's user may do: see :func:`loader_privileges`.

    For the user that Elasticsearch runs as; an earlier version started it as NiFi's.
    """
    config = home.elasticsearch / "config"
    held = config.stat()
    owner = Owner(held.st_uid, held.st_gid, is_self=held.st_uid == os.geteuid())
    write_file(config / "roles.yml", _roles(grants), owner)


def has_roles(home: Home, grants: Sequence[str]) -> bool:
    """Whether that is what it may do; an earlier version gave it more."""
    try:
        return (home.elasticsearch / "config" / "roles.yml").read_text() == _roles(grants)
    except OSError:
        return False


def _roles(grants: Sequence[str]) -> str:
    roles = {LOADER_ROLE: {"cluster": [], "indices": loader_privileges(grants)}}
    return json.dumps(roles) + "\n"  # JSON is YAML, and needs no escaping rules of its own


def loader_privileges(grants: Sequence[str]) -> list[dict[str, list[str]]]:
    """What NiFi's user may do: send documents to these indices, and read the dead letters.

    An index that is not there is made as its template says, and gets fields as documents bring
    them. Of a pipeline's index it deletes as well.
    """
    if not grants:
        return []
    loads = [name for name in grants if not name.startswith(LEDGER_PREFIX)]
    found = [{"names": list(grants), "privileges": list(LOADER_PRIVILEGES)}]
    if loads:
        found.append({"names": loads, "privileges": [LOADER_DELETES]})
    return [*found, {"names": [LOADER_READS], "privileges": ["read"]}]


def command(settings: Settings, java: Java) -> launch.Command:
    """The official launcher in the foreground: it ends with the server, and the server with it."""
    home = settings.folders
    root = home.elasticsearch
    environment = launch.environment(root / "data", "elasticsearch", root / "tmp")
    environment["ES_JAVA_HOME"] = str(java.home)
    environment["ES_PATH_CONF"] = str(root / "config")
    environment["ES_TMPDIR"] = str(root / "tmp")
    # The launcher's own JVM works for a second and then waits: no time for the optimizing compiler.
    environment["CLI_JAVA_OPTS"] = "-XX:TieredStopAtLevel=1"
    return launch.Command(
        server="elasticsearch",
        arguments=[root / "dist" / "bin" / "elasticsearch", "-p", home.elasticsearch_pid],
        environment=environment,
        folder=root,
        output=home.elasticsearch_logs / "console.log",
        log=home.log("elasticsearch"),
    )


def clean(home: Home) -> None:
    """Removes what a former process left in its folder for temporary files."""
    for path in (home.elasticsearch / "tmp").iterdir():
        remove(path)
