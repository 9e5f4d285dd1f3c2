"""What of a runtime's folder a backup keeps, and where a restored one gets it.

The servers do not run meanwhile: what NiFi has queued and read, and what Elasticsearch has, are of
one moment. What ``up`` lays out anew is not kept, nor what only tells of the past: logs, NiFi's
provenance and archives, what was set aside.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from idemflow.config.combinations import SERVERS
from idemflow.config.settings import Settings
from idemflow.security.owner import Owner, closed, folder, open_own, servers_user
from idemflow.servers.archive import Archive, Writer

FLOW = "nifi/data/flow.json.gz"
_OWN = ("state.json", "project-id", "remembered.json")
_PAST = frozenset({"nifi/data/archive", "nifi/data/provenance"})


@dataclass(frozen=True)
class Part:
    """A folder of the runtime's, and whose it is."""

    path: str
    owner: Owner


def parts(settings: Settings) -> tuple[Part, ...]:
    """The folders that are kept, of those that may be there."""
    home, wanted = settings.home, settings.run_as_user
    nifi, elasticsearch = (servers_user(home, wanted, name) for name in SERVERS)
    return (
        Part("nifi/data", nifi),
        Part("elasticsearch/data", elasticsearch),
        Part("flows", nifi),
    )


def size(settings: Settings) -> int:
    """The bytes of the files that are kept, before they are compressed."""
    found = 0
    for _, file in _files(settings):
        with contextlib.suppress(OSError):  # a server that runs has deleted it meanwhile
            found += file.lstat().st_size
    return found


def keep(settings: Settings, writer: Writer, instead: Mapping[str, bytes]) -> tuple[str, ...]:
    """Puts everything into an archive.

    Args:
        instead: contents of files by their paths, in place of what they have.

    Returns:
        files that were left out: they are not the server's own, or no text is their name.

    Raises:
        OSError: a file cannot be read, or the archive not be written.
    """
    left_out = []
    own = {name: settings.home / name for name in _OWN if (settings.home / name).exists()}
    ours = {name: file.read_bytes() for name, file in own.items()}
    for path, content in {**ours, **instead}.items():
        writer.add(path, io.BytesIO(content))
    for part, file in _files(settings):
        path = file.relative_to(settings.home).as_posix()
        if path in instead:
            continue
        try:
            path.encode()
            opened = open_own(file, part.owner)
        except (PermissionError, UnicodeEncodeError):
            left_out.append(path)
            continue
        with opened:
            writer.add(path, opened)
    for empty in _empty_folders(settings):
        writer.add_folder(empty.relative_to(settings.home).as_posix())
    return tuple(left_out)


def place(archive: Archive, settings: Settings, change: Callable[[Path], None]) -> None:
    """Unpacks an archive into a runtime's folder that has nothing yet.

    Args:
        change: is given the folder where all is unpacked, before it counts.

    Raises:
        IdemflowError: the archive is damaged; nothing is restored.
        OSError: something cannot be written; nothing is restored.
    """
    home = settings.folders
    stage = home.restoring
    known = parts(settings)
    refuse_others(archive, known)
    if stage.exists():
        shutil.rmtree(stage)
    folder(stage, 0o700)
    try:
        _unpack(archive, stage)
        change(stage)
        for part in known:
            source = stage / part.path
            # Of the folder of NiFi's repositories of flows, each of them is NiFi's, and not itself.
            whole = [source] if part.path.endswith("/data") else source.iterdir()
            for one in whole if source.is_dir() else ():
                target = home.root / one.relative_to(stage)
                closed(target.parent, part.owner)
                _hand_over(one, part.owner)
                one.rename(target)
        for name in reversed(_OWN):  # the state last: with it, the folder is a runtime
            if (stage / name).exists():
                (stage / name).rename(home.root / name)
    finally:
        shutil.rmtree(stage)


def refuse_others(archive: Archive, known: tuple[Part, ...]) -> None:
    """Raises IdemflowError where an archive has something that no backup keeps."""
    roots = tuple(f"{part.path}/" for part in known)
    paths = [*archive.manifest.folders, *(one.path for one in archive.manifest.files)]
    if FLOW not in paths:
        raise archive.damaged("it has no flow")
    for path in paths:
        if path not in _OWN and not path.startswith(roots):
            raise archive.damaged(f"{path} is nothing that a backup keeps")


def _unpack(archive: Archive, stage: Path) -> None:
    def opened(path: str) -> int:
        target = stage / path
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(target, flags, 0o600)

    archive.unpack(opened)
    for path in archive.manifest.folders:
        (stage / path).mkdir(parents=True, exist_ok=True, mode=0o700)


def _hand_over(root: Path, owner: Owner) -> None:
    for place_, folders, files in os.walk(root):
        for path in (Path(place_), *(Path(place_) / name for name in (*folders, *files))):
            path.chmod(0o700 if path.is_dir() else 0o600)
            if not owner.is_self:
                os.chown(path, owner.uid, owner.gid)


def _files(settings: Settings) -> Iterator[tuple[Part, Path]]:
    for part, place_, _, files in _walk(settings):
        for name in files:
            yield part, place_ / name


def _empty_folders(settings: Settings) -> Iterator[Path]:
    """Folders that no file brings with it: git takes none for a repository that lacks some."""
    for _, place_, folders, files in _walk(settings):
        if not folders and not files:
            yield place_


def _walk(settings: Settings) -> Iterator[tuple[Part, Path, list[str], list[str]]]:
    """The folders that are kept, links not followed."""
    for part in parts(settings):
        for place_, folders, files in os.walk(settings.home / part.path, onerror=_told):
            here = Path(place_)
            within = here.relative_to(settings.home).as_posix()
            kept = [name for name in folders if not _is_past(within, name)]
            folders[:] = kept
            yield part, here, kept, [name for name in files if ".damaged-" not in name]


def _told(error: OSError) -> None:
    """What cannot be read is not passed over in silence; what is not there is."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _is_past(within: str, name: str) -> bool:
    archived = within.startswith("nifi/data/content/") and name == "archive"
    return archived or f"{within}/{name}" in _PAST or ".damaged-" in name
