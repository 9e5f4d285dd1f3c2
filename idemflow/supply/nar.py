"""Packs NARs and jars.

A NAR is a zip with a manifest that names it and its parent, its jars in
``META-INF/bundled-dependencies/``, and what *View Documentation* shows in ``META-INF/docs/``.
NiFi's unpacker needs entries for all folders.
"""

from __future__ import annotations

import os
import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from idemflow.supply.artifacts import Coordinate

BUNDLED = "META-INF/bundled-dependencies/"
SERVICES = "META-INF/services/"
DOCS = PurePosixPath("META-INF/docs")
# Equal contents give equal bytes: the earliest time that a zip can hold.
_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class NarName:
    """What a NAR's manifest says of it."""

    group: str
    name: str
    version: str
    parent: Coordinate | None = None

    def manifest(self) -> bytes:
        """The text of ``MANIFEST.MF``."""
        lines = [
            "Manifest-Version: 1.0",
            f"Nar-Id: {self.name}",
            f"Nar-Group: {self.group}",
            f"Nar-Version: {self.version}",
        ]
        if self.parent:
            lines += [
                f"Nar-Dependency-Group: {self.parent.group}",
                f"Nar-Dependency-Id: {self.parent.artifact}",
                f"Nar-Dependency-Version: {self.parent.version}",
            ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


def pack_nar(target: Path, name: NarName, jars: Iterable[Path], docs: Path | None = None) -> None:
    """Writes a NAR; ``docs`` is the folder of its documentation."""

    def entries() -> Iterator[tuple[str, bytes]]:
        yield "META-INF/", b""
        yield "META-INF/MANIFEST.MF", name.manifest()
        yield BUNDLED, b""
        for jar in jars:
            yield BUNDLED + jar.name, jar.read_bytes()
        if docs:
            for path in (docs, *sorted(docs.rglob("*"))):
                entry = (DOCS / path.relative_to(docs)).as_posix()
                yield (f"{entry}/", b"") if path.is_dir() else (entry, path.read_bytes())

    _write_zip(target, entries(), zipfile.ZIP_STORED)


def pack_jar(target: Path, folders: Iterable[Path]) -> None:
    """Writes a jar with all files below ``folders``."""

    def entries() -> Iterator[tuple[str, bytes]]:
        yield "META-INF/", b""
        yield "META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\r\n\r\n"
        for folder in folders:
            for file in files_below(folder):
                yield file.relative_to(folder).as_posix(), file.read_bytes()

    _write_zip(target, entries(), zipfile.ZIP_DEFLATED)


def files_below(folder: Path) -> list[Path]:
    """All files below a folder, in order; not Python's compiled ones, which come and go."""
    found = (f for f in folder.rglob("*") if f.is_file() and f.parent.name != "__pycache__")
    return sorted(found)


def unpack_jars(nar: Path, known: Mapping[str, Path], target: Path) -> list[Path]:
    """Unpacks what the classes of a NAR see: its jars, its parent's, and so on.

    Args:
        known: the NARs there are, by artifact.
        target: the folder to unpack to.
    """
    folder = target / nar.stem
    with zipfile.ZipFile(nar) as archive:
        entries = [one for one in archive.namelist() if one.startswith(BUNDLED)]
        archive.extractall(folder, entries)
        manifest = archive.read("META-INF/MANIFEST.MF").decode()
    jars = [folder / one for one in entries if one.endswith(".jar")]
    parent = re.search(r"^Nar-Dependency-Id: (\S+)", manifest, re.MULTILINE)
    if parent is None or parent[1] not in known:
        return jars
    return jars + unpack_jars(known[parent[1]], known, target)


def types_of(nar: Path) -> set[str]:
    """The extension types that a NAR registers, from ``META-INF/services`` of its jars.

    Raises:
        ValueError: the file is not a NAR.
    """
    found: set[str] = set()
    try:
        with zipfile.ZipFile(nar) as archive:
            for entry in archive.namelist():
                if entry.startswith(BUNDLED) and entry.endswith(".jar"):
                    with archive.open(entry) as stream, zipfile.ZipFile(stream) as jar:
                        found |= _types_in(jar)
    except (OSError, zipfile.BadZipFile) as error:
        raise ValueError(str(error)) from error
    return found


def _types_in(jar: zipfile.ZipFile) -> set[str]:
    found = set()
    for entry in jar.namelist():
        # Only NiFi's own extension points: a JDBC driver in two NARs is no clash.
        if entry.startswith(SERVICES + "org.apache.nifi."):
            for line in jar.read(entry).decode("utf-8", "replace").splitlines():
                name = line.split("#")[0].strip()
                if name:
                    found.add(name)
    return found


def _write_zip(target: Path, entries: Iterable[tuple[str, bytes]], compression: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as stream, zipfile.ZipFile(stream, "w") as archive:
            for entry, data in entries:
                info = zipfile.ZipInfo(entry, _TIME)
                info.compress_type = zipfile.ZIP_STORED if not data else compression
                info.external_attr = (0o40755 << 16) | 0x10 if entry.endswith("/") else 0o644 << 16
                archive.writestr(info, data)
        Path(name).chmod(0o644)
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)
