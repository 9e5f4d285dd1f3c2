"""The file that ``backup`` writes and ``restore`` reads: a zip, which any tool can open.

    home/...        files of the runtime's folder, by their paths in it
    sealed          the secrets, encrypted; only where a passphrase was given
    manifest.json   what it is of, and each file's size and SHA-256; it comes last, so that a
                    file that was cut has none

Nothing of it is believed: a name that is not in the manifest, or that leads elsewhere, more bytes
than it says, and another checksum are each a damaged archive.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from pydantic import TypeAdapter

from idemflow import __version__
from idemflow.config.formats import upgrade
from idemflow.errors import IdemflowError, UsageError
from idemflow.servers.state import FORMAT

# Of this file's form. A change that an older idemflow would get wrong makes it one more.
ARCHIVE = 1
SEALED = "sealed"
_MANIFEST = "manifest.json"
_HOME = "home/"
_LARGEST_MANIFEST = 256 << 20
_LARGEST_SEALED = 16 << 20
_CHUNK = 1 << 20
# Elasticsearch's files are compressed already, and the servers wait meanwhile.
_LEVEL = 1


@dataclass(frozen=True)
class Kept:
    """A file in an archive: its path in the runtime's folder, its bytes, and their SHA-256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What an archive is of.

    Attributes:
        archive: the number of the archive's form.
        format: that of the runtime's folder.
        idemflow: the version that wrote it.
        made: when, in UTC.
        home: the runtime's folder then.
        ports: the servers' ports then.
        data: the versions of the servers that wrote the data.
        references: values of the flow that name a parameter, by their places.
        withheld: what the secret values of the flow are called.
        salt: of the passphrase, hexadecimal; ``None`` where no secrets are in it.
        folders: empty folders.
        files: all files.
    """

    archive: int
    format: int
    idemflow: str
    made: str
    home: str
    ports: dict[str, int]
    data: dict[str, str]
    references: dict[str, str] = field(default_factory=dict, repr=False)
    withheld: tuple[str, ...] = ()
    salt: str | None = None
    folders: tuple[str, ...] = ()
    files: tuple[Kept, ...] = field(default=(), repr=False)

    @property
    def bytes(self) -> int:
        """The size of all files, unpacked."""
        return sum(one.size for one in self.files)


_MANIFEST_TYPE = TypeAdapter(Manifest)


class Writer:
    """Writes an archive; see :func:`writing`."""

    def __init__(self, stream: BinaryIO) -> None:
        self._zip = zipfile.ZipFile(
            stream, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL, strict_timestamps=False
        )
        self._files: list[Kept] = []
        self._folders: list[str] = []

    def add(self, path: str, content: BinaryIO) -> None:
        """Adds a file of the runtime's folder, read to its end."""
        digest, size = hashlib.sha256(), 0
        with self._zip.open(_HOME + path, "w", force_zip64=True) as member:
            while part := content.read(_CHUNK):
                digest.update(part)
                size += len(part)
                member.write(part)
        self._files.append(Kept(path, size, digest.hexdigest()))

    def add_folder(self, path: str) -> None:
        """Adds an empty folder."""
        self._folders.append(path)

    def finish(self, manifest: Manifest, sealed: bytes | None) -> Manifest:
        """Adds the secrets and the manifest; the latter with all files."""
        if sealed is not None:
            self._zip.writestr(SEALED, sealed)
        whole = replace(manifest, folders=tuple(self._folders), files=tuple(self._files))
        self._zip.writestr(_MANIFEST, json.dumps(asdict(whole), indent=1))
        self._zip.close()
        return whole


@contextlib.contextmanager
def writing(file: Path) -> Iterator[Writer]:
    """Makes an archive, which is there under its name, 0600, once it is whole.

    Raises:
        OSError: it cannot be written; nothing is left of it.
    """
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield Writer(stream)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).rename(file)
    finally:
        Path(name).unlink(missing_ok=True)


class Archive:
    """An archive that is read; a context manager.

    Args:
        file: the archive.

    Raises:
        UsageError: there is no such file.
        IdemflowError: it is none, is damaged, or was written in a newer form.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self._zip = zipfile.ZipFile(file)
        except OSError as error:
            raise UsageError(f"{file}: {error.strerror or error}") from error
        except (zipfile.BadZipFile, ValueError) as error:
            raise self.damaged("it is no archive of idemflow, or its end is missing") from error
        try:
            self.manifest = self._read_manifest()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *error: object) -> None:
        self._zip.close()

    def sealed(self) -> bytes:
        """The secrets, encrypted."""
        return b"".join(self._parts(SEALED, _LARGEST_SEALED))

    def check(self) -> None:
        """Reads all of it.

        Raises:
            IdemflowError: it is damaged.
        """
        if self.manifest.salt is not None:
            self.sealed()
        for one in self.manifest.files:
            for _ in self._contents(one):
                pass

    def unpack(self, opened: Callable[[str], int]) -> None:
        """Writes all files.

        Args:
            opened: opens a new file for a path of the runtime's folder; its handle.

        Raises:
            IdemflowError: it is damaged.
            OSError: a file cannot be written.
        """
        for one in self.manifest.files:
            with os.fdopen(opened(one.path), "wb") as target:
                for part in self._contents(one):
                    target.write(part)

    def _contents(self, one: Kept) -> Iterator[bytes]:
        digest, size = hashlib.sha256(), 0
        for part in self._parts(_HOME + one.path, one.size):
            digest.update(part)
            size += len(part)
            yield part
        if size != one.size or digest.hexdigest() != one.sha256:
            raise self.damaged(f"{one.path} is not what was kept")

    def _parts(self, member: str, most: int) -> Iterator[bytes]:
        """What a member holds, in parts."""
        read = 0
        try:
            with self._zip.open(member) as stream:
                while part := stream.read(_CHUNK):
                    read += len(part)
                    if read > most:
                        raise self.damaged(f"{member} is larger than it may be")
                    yield part
        except KeyError:
            raise self.damaged(f"{member} is missing") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise self.damaged(f"{member} cannot be read") from error

    def _read_manifest(self) -> Manifest:
        try:
            found = json.loads(b"".join(self._parts(_MANIFEST, _LARGEST_MANIFEST)))
            if isinstance(found, dict):
                self._refuse_newer(found)
            manifest = _MANIFEST_TYPE.validate_python(found)
        except (ValueError, RecursionError) as error:
            raise self.damaged("its manifest cannot be read") from error
        paths = [*manifest.folders, *(one.path for one in manifest.files)]
        if len(set(paths)) != len(paths) or any(not is_inside(path) for path in paths):
            raise self.damaged("it has paths that lead elsewhere")
        return manifest

    def _refuse_newer(self, found: dict[str, object]) -> None:
        for number, ours in ((found.get("archive"), ARCHIVE), (found.get("format"), FORMAT)):
            if isinstance(number, int) and number > ours:
                written_by = str(found.get("idemflow", "a newer one"))[:40]
                raise IdemflowError(
                    f"{self._file} was written by idemflow {written_by}, in a form that this one, "
                    f"{__version__}, does not know",
                    next_command=upgrade(),
                )

    def damaged(self, why: str) -> IdemflowError:
        """What is raised where something in it is wrong."""
        return IdemflowError(
            f"{self._file} is damaged, or no backup: {why}. Nothing was restored",
            next_command="another copy of it, or an older backup",
        )


def is_inside(path: str) -> bool:
    """Whether a path in an archive stays in the folder that it is unpacked into."""
    parts = PurePosixPath(path).parts
    return (
        bool(parts)
        and "\0" not in path
        and not path.startswith("/")
        and ".." not in parts
        and str(PurePosixPath(path)) == path
    )
