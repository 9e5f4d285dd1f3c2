"""Stage one: every artifact in the cache, each with the SHA-256 of the lock file.

Coordinates become paths and addresses through jgo, a Maven resolver in Python; the cache has the
layout of a local Maven repository. The transfer is idemflow's own: parallel, resumable, verified
before a file gets its name.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import logging
import os
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import requests
from jgo.maven import MavenContext
from jgo.util import http

from idemflow.errors import SupplyError
from idemflow.security.locks import LockFile
from idemflow.supply.artifacts import Coordinate, Lock, Locked
from idemflow.supply.progress import Progress

_log = logging.getLogger(__name__)
PARALLEL = 6
ATTEMPTS = 4
TIMEOUT = 30.0  # seconds to connect, and between two pieces of a file
CHUNK = 1 << 17


@dataclass(frozen=True)
class Store:
    """The cache and where it is filled from.

    Args:
        cache: the cache's folder.
        repository: a mirror to use in place of Maven Central.
        pause: seconds before a second attempt; twice as many before each further one.
    """

    cache: Path
    repository: str | None = None
    pause: float = 1.0

    def context(self) -> MavenContext:
        """jgo on this cache."""
        remote = {"mirror": self.repository} if self.repository else None
        return MavenContext(repo_cache=self.cache / "maven", remote_repos=remote)

    def fetch(
        self, lock: Lock, wanted: Iterable[Coordinate], progress: Progress
    ) -> dict[Coordinate, Path]:
        """Brings the wanted artifacts into the cache.

        Each file is checked against the lock file's SHA-256, also one that was there already.

        Raises:
            SupplyError: names what could not be downloaded and what to do.
        """
        coordinates = sorted(set(wanted))
        missing_in_lock = [str(c) for c in coordinates if c not in lock.files]
        if missing_in_lock:
            raise SupplyError(
                f"{lock.source} does not list {', '.join(missing_in_lock)}",
                next_command="python -m idemflow.supply.lock",
            )
        context = self.context()
        artifacts = {c: artifact(context, c) for c in coordinates}
        files = {c: Path(one.cached_path) for c, one in artifacts.items()}
        _make_folder(self.cache)
        with LockFile(self.cache / "supply.lock"):
            absent = _absent(files, lock)
            if absent:
                progress.step(f"Fetching {len(absent)} artifacts of NiFi and Elasticsearch")
                progress.expect(len(absent), sum(lock.files[c].size for c in absent))
                # The largest first, so that no thread is left alone with it at the end.
                absent.sort(key=lambda c: -lock.files[c].size)
                with ThreadPoolExecutor(PARALLEL) as pool:
                    tasks = [
                        pool.submit(self._fetch_one, context, c, files[c], lock.files[c], progress)
                        for c in absent
                    ]
                    try:
                        for task in as_completed(tasks):
                            task.result()
                    except BaseException:
                        pool.shutdown(wait=True, cancel_futures=True)
                        raise
        return files

    def _fetch_one(
        self,
        context: MavenContext,
        coordinate: Coordinate,
        file: Path,
        locked: Locked,
        progress: Progress,
    ) -> None:
        name, part = coordinate.file_name, file.with_name(file.name + ".part")
        folder = artifact(context, coordinate).component.path_prefix.as_posix()
        addresses = [f"{base}/{folder}/{name}" for base in context.remote_repos.values()]
        _make_folder(file.parent)
        problem = ""
        for attempt, address in itertools.product(range(ATTEMPTS), addresses):
            if attempt and address == addresses[0]:
                time.sleep(self.pause * 2 ** (attempt - 1))
            try:
                _log.info("fetching %s", address)
                _transfer(address, name, part, locked, progress)
            except requests.RequestException as error:
                problem = _told(error)
                _log.info("%s: %s", address, problem)
                continue
            except OSError as error:
                raise _cannot_write(part, error) from error
            if _is_sound(part, locked):
                part.chmod(0o644)  # the servers may run as another user
                part.replace(file)
                progress.end(name)
                return
            problem = "what arrived has another SHA-256 than nifi/artifacts.toml says"
            progress.advance(name, -part.stat().st_size)
            part.unlink()
        raise SupplyError(
            f"{coordinate} could not be downloaded: {problem}",
            next_command="check the network (HTTPS_PROXY, REQUESTS_CA_BUNDLE) or set "
            "IDEMFLOW_REPOSITORY to a mirror of Maven Central, then: idemflow up",
        )


def sha256_of(file: Path) -> str:
    """The file's SHA-256 in hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def artifact(context: MavenContext, c: Coordinate):  # type: ignore[no-untyped-def]
    """A coordinate as jgo knows it."""
    component = context.project(c.group, c.artifact).at_version(c.version)
    return component.artifact(classifier=c.classifier, packaging=c.packaging)


def _absent(files: dict[Coordinate, Path], lock: Lock) -> list[Coordinate]:
    with ThreadPoolExecutor(PARALLEL) as pool:
        sound = pool.map(lambda item: _is_sound(item[1], lock.files[item[0]]), files.items())
        return [c for c, good in zip(files, sound, strict=True) if not good]


def _is_sound(file: Path, locked: Locked) -> bool:
    try:
        return file.stat().st_size == locked.size and sha256_of(file) == locked.sha256
    except FileNotFoundError:
        return False


def _transfer(address: str, name: str, part: Path, locked: Locked, progress: Progress) -> None:
    done = part.stat().st_size if part.exists() else 0
    if done >= locked.size:
        part.unlink()
        done = 0
    headers = {"Accept-Encoding": "identity"}
    if done:
        headers["Range"] = f"bytes={done}-"
    with http.get(address, headers=headers, stream=True, timeout=TIMEOUT) as reply:
        if reply.status_code == 416:
            part.unlink(missing_ok=True)
        if reply.status_code not in (200, 206):
            raise requests.HTTPError(f"the repository answered {reply.status_code} {reply.reason}")
        resumed = reply.status_code == 206
        progress.begin(name, locked.size, done if resumed else 0)
        with part.open("ab" if resumed else "wb") as stream:
            for piece in reply.iter_content(CHUNK):
                stream.write(piece)
                progress.advance(name, len(piece))


def _told(error: requests.RequestException) -> str:
    text = str(error).splitlines()[0][:200] if str(error) else "no details"
    return text if isinstance(error, requests.HTTPError) else f"{type(error).__name__} ({text})"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(folder, error) from error


def _cannot_write(path: Path, error: OSError) -> SupplyError:
    advice = "set IDEMFLOW_CACHE to a folder that you can write, then: idemflow up"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        advice = "free some disk space (about 1.5 GB are needed), then: idemflow up"
    reason = os.strerror(error.errno) if error.errno else str(error)
    return SupplyError(f"cannot write {path}: {reason}", next_command=advice)
