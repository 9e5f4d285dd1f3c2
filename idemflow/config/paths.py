"""Where things are: what idemflow ships, what it caches, what a runtime owns."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

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
        next_command="pip install --force-reinstall idemflow",
    )


def find_project(start: Path) -> Path:
    """The nearest folder, from ``start`` upwards, with ``flows/`` or ``idemflow.toml``.

    ``start`` itself where there is none.
    """
    for folder in (start, *start.parents):
        if (folder / "idemflow.toml").is_file() or (folder / "flows").is_dir():
            return folder
    return start


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


@dataclass(frozen=True)
class Home:
    """The folders and files of one runtime.

    ``root`` and what idemflow writes in it belong to the user who runs idemflow; the servers may
    write below ``nifi_data``, ``nifi_logs``, ``nifi_work``, ``elasticsearch`` and ``demo_db`` only.
    """

    root: Path

    @property
    def state(self) -> Path:
        """Ports, processes, versions: see ``idemflow.servers.state``."""
        return self.root / "state.json"

    @property
    def ports(self) -> Path:
        """The ports that ``idemflow up`` was given last."""
        return self.root / "ports.json"

    @property
    def git_ignore(self) -> Path:
        """Keeps the runtime out of the git repository that it may lie in."""
        return self.root / ".gitignore"

    @property
    def lock(self) -> Path:
        """Held while a command changes the runtime."""
        return self.root / "lock"

    def turn(self, pipeline: str) -> Path:
        """Held while a command waits for a run of a pipeline."""
        return self.turns / f"{pipeline}.lock"

    @property
    def turns(self) -> Path:
        """The locks of :meth:`turn`."""
        return self.root / "turns"

    @property
    def scratch(self) -> Path:
        """What commands at work have written to disk in place of memory, 0700."""
        return self.root / "scratch"

    @property
    def secrets(self) -> Path:
        """Passwords and private keys, 0600 in a folder 0700."""
        return self.root / "secrets"

    @property
    def certificates(self) -> Path:
        """The CA's certificate and the trust store; no secrets."""
        return self.root / "certificates"

    @property
    def crash_log(self) -> Path:
        """Tracebacks of unexpected errors."""
        return self.root / "crash.log"

    @property
    def java(self) -> Path:
        """A copy of the Java runtime, where the servers' user cannot read the original."""
        return self.root / "java"

    @property
    def python(self) -> Path:
        """A copy of the Python environment, for the same reason."""
        return self.root / "python"

    @property
    def nifi(self) -> Path:
        """NiFi's folder: lib/, nars/ and conf/ of idemflow, the rest of NiFi."""
        return self.root / "nifi"

    @property
    def nifi_logs(self) -> Path:
        """NiFi's logs."""
        return self.nifi / "logs"

    @property
    def drivers(self) -> Path:
        """The JDBC drivers that NiFi may load."""
        return self.nifi / "drivers"

    def driver(self, name: str) -> Path:
        """A JDBC driver; its name has no version, so that it stays the same on the canvas."""
        return self.drivers / f"{name}.jar"

    @property
    def elasticsearch(self) -> Path:
        """Elasticsearch's folder: dist/ of idemflow, config/, data/, logs/ of the server."""
        return self.root / "elasticsearch"

    @property
    def elasticsearch_logs(self) -> Path:
        """Elasticsearch's logs."""
        return self.elasticsearch / "logs"

    def flows(self, repository: Path) -> Path:
        """NiFi's bare copy of a project's git repository, where it may not write to that."""
        digest = hashlib.sha256(os.fsencode(repository)).hexdigest()[:10]
        return self.flow_copies / f"{repository.name}-{digest}.git"

    @property
    def flow_copies(self) -> Path:
        """The folder of :meth:`flows`."""
        return self.root / "flows"

    @property
    def demo_db(self) -> Path:
        """The demo database's folder: data/ and logs/ of the server."""
        return self.root / "demo-db"

    @property
    def demo_db_state(self) -> Path:
        """The demo database's process."""
        return self.root / "demo-db.json"

    def log(self, server: str) -> Path:
        """The main log of ``nifi``, ``elasticsearch`` or ``demo-db``."""
        return {
            "nifi": self.nifi_logs / "nifi-app.log",
            "elasticsearch": self.elasticsearch_logs / "idemflow.log",
            "demo-db": self.demo_db / "logs" / "postgresql.log",
        }[server]
