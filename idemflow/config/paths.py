"""Where things are: what idemflow ships, what it caches, what a runtime owns."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from idemflow.config.pip import pip
from idemflow.errors import IdemflowError


def resources() -> Path:
    """The folder ``nifi/`` with the lock file, the bundle's sources and the templates.

    In a checkout it stands beside the package; an installed package carries a copy.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_nifi", package.parent / "nifi"):
        if (folder / "artifacts.toml").is_file():
            return folder
    raise IdemflowError(
        f"this installation of idemflow is incomplete: {package / '_nifi'} is missing",
        next_command=pip("install --force-reinstall idemflow"),
    )


def find_project(start: Path) -> Path:
    """The nearest folder, from ``start`` upwards, with ``flows/`` or ``idemflow.toml``.

    ``start`` itself where there is none.
    """
    return next(filter(is_project, (start, *start.parents)), start)


def is_project(folder: Path) -> bool:
    """Whether a folder has ``flows/`` or ``idemflow.toml``."""
    return (folder / "idemflow.toml").is_file() or (folder / "flows").is_dir()


def default_cache(home: Path, xdg_cache_home: str | None) -> Path:
    """The download cache that all checkouts of a user share (XDG base directories)."""
    base = Path(xdg_cache_home) if xdg_cache_home else home / ".cache"
    return base / "idemflow"


def default_runtime_home(project: Path) -> Path:
    """Where the runtime of a project lives: ``<project>/.idemflow``.

    Started by root, the servers run as another user; where that user could not enter the
    project (a home directory with mode 0700), the runtime goes below ``/var/lib/idemflow``.
    """
    if os.geteuid() != 0 or _others_can_enter(project):
        return project / ".idemflow"
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", project.name).strip("-") or "project"
    digest = hashlib.sha256(os.fsencode(project)).hexdigest()[:10]
    return Path("/var/lib/idemflow") / f"{name}-{digest}"


def _others_can_enter(folder: Path) -> bool:
    return all(p.stat().st_mode & stat.S_IXOTH for p in (folder, *folder.parents))


class _Below:
    """A path below ``root``, or below another path of a :class:`Home`."""

    def __init__(self, name: str, above: str = "root") -> None:
        self.name, self.above = name, above

    def __get__(self, home: Home, _: type[Home]) -> Path:
        above: Path = getattr(home, self.above)
        return above / self.name


@dataclass(frozen=True)
class Home:
    """The folders and files of one runtime.

    ``root`` and what idemflow writes in it belong to the user who runs idemflow; the servers may
    write below ``nifi_data``, ``nifi_logs``, ``nifi_work`` and ``elasticsearch`` only.
    """

    root: Path
    state = _Below("state.json")  # ports, processes, versions: see idemflow.servers.state
    remembered = _Below("remembered.json")  # see idemflow.config.remembered
    remembered_ports = _Below("ports.json")  # the same of an older idemflow
    project_id = _Below("project-id")  # see idemflow.config.project_id
    git_ignore = _Below(".gitignore")  # keeps the runtime out of the git repository around it
    lock = _Below("lock")  # held while a command changes the runtime
    supervisor_lock = _Below("supervisor.lock")  # held by `idemflow supervise` while it works
    canvas_lock = _Below("canvas.lock")  # held while a command changes the canvas
    proofs = _Below("proofs")  # copies of pipelines that are proved, and the journals
    turns = _Below("turns")  # the locks of turn()
    scratch = _Below("scratch")  # what commands write to disk in place of memory, 0700
    restoring = _Below("restoring")  # what `idemflow restore` has unpacked, until all is
    secrets = _Below("secrets")  # passwords and private keys, 0600 in a folder 0700
    certificates = _Below("certificates")  # the CA's certificate and the trust store; no secrets
    crash_log = _Below("crash.log")  # the report of the last unexpected error
    java = _Below("java")  # a copy of Java, where the servers' user cannot read the original
    python = _Below("python")  # a copy of the Python environment, for the same reason
    nifi = _Below("nifi")  # lib/, nars/ and conf/ of idemflow, the rest of NiFi
    nifi_logs = _Below("logs", above="nifi")
    drivers = _Below("drivers", above="nifi")  # the JDBC drivers that NiFi may load
    elasticsearch = _Below("elasticsearch")  # dist/ of idemflow, the rest of Elasticsearch
    elasticsearch_logs = _Below("logs", above="elasticsearch")
    elasticsearch_pid = _Below("tmp/elasticsearch.pid", above="elasticsearch")  # by the server
    flow_copies = _Below("flows")  # the folder of flows()

    def turn(self, pipeline: str) -> Path:
        """Held while a command waits for a run of a pipeline."""
        return self.turns / f"{pipeline}.lock"

    def driver(self, name: str) -> Path:
        """A JDBC driver; its name has no version, so that it stays the same on the canvas."""
        return self.drivers / f"{name}.jar"

    def flows(self, repository: Path) -> Path:
        """NiFi's bare copy of a project's git repository, where it may not write to that."""
        digest = hashlib.sha256(os.fsencode(repository)).hexdigest()[:10]
        return self.flow_copies / f"{repository.name}-{digest}.git"

    def log(self, server: str) -> Path:
        """The main log of ``nifi`` or ``elasticsearch``."""
        return {
            "nifi": self.nifi_logs / "nifi-app.log",
            "elasticsearch": self.elasticsearch_logs / "idemflow.log",
        }[server]
