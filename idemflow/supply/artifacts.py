"""The lock file ``nifi/artifacts.toml``: every artifact of the embedded runtime.

Its upper part is kept by hand and says what is wanted; ``idemflow.supply.lock`` writes the lower
part: what the packed NARs hold, and size and SHA-256 of each file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idemflow.errors import SupplyError


@dataclass(frozen=True, order=True)
class Coordinate:
    """A Maven coordinate, written ``group:artifact:version[:packaging[:classifier]]``."""

    group: str
    artifact: str
    version: str
    packaging: str = "jar"
    classifier: str = ""

    @classmethod
    def parse(cls, text: str) -> Coordinate:
        """Reads the text form.

        Raises:
            SupplyError: the text has too few or too many parts.
        """
        parts = text.split(":")
        if not 3 <= len(parts) <= 5 or not all(parts):
            raise SupplyError(f"{text!r} is not group:artifact:version[:packaging[:classifier]]")
        return cls(*parts)

    @classmethod
    def parse_all(cls, texts: Iterable[str]) -> tuple[Coordinate, ...]:
        """Reads several."""
        return tuple(map(cls.parse, texts))

    def __str__(self) -> str:
        parts = [self.group, self.artifact, self.version]
        if self.packaging != "jar" or self.classifier:
            parts.append(self.packaging)
        if self.classifier:
            parts.append(self.classifier)
        return ":".join(parts)

    @property
    def file_name(self) -> str:
        """The file's name in a Maven repository."""
        classifier = f"-{self.classifier}" if self.classifier else ""
        return f"{self.artifact}-{self.version}{classifier}.{self.packaging}"


@dataclass(frozen=True)
class Locked:
    """What the lock file knows of a file: its size in bytes and its SHA-256 in hex."""

    size: int
    sha256: str


@dataclass(frozen=True)
class PackedNar:
    """A NAR that exists at Maven Central only as jars.

    Attributes:
        name: the NAR's id, e.g. ``nifi-standard-nar``.
        version: its version.
        parent: the NAR whose class loader is its parent.
        jars: what it holds, in class-path order.
    """

    name: str
    version: str
    parent: Coordinate
    jars: tuple[Coordinate, ...]


@dataclass(frozen=True)
class Lock:
    """The parsed lock file.

    Attributes:
        nifi_version: e.g. ``2.3.0``.
        lib: jars of NiFi's ``lib/``.
        nars: NARs as they are.
        packed: NARs to pack.
        drivers: JDBC drivers.
        elasticsearch_version: e.g. ``8.17.4``.
        elasticsearch: the server's zip.
        compiler: the Java compiler's jar.
        files: size and checksum by coordinate, of all of the above and the bundle's jars.
        source: the lock file.
    """

    nifi_version: str
    lib: tuple[Coordinate, ...]
    nars: tuple[Coordinate, ...]
    packed: tuple[PackedNar, ...]
    drivers: tuple[Coordinate, ...]
    elasticsearch_version: str
    elasticsearch: Coordinate
    compiler: Coordinate
    files: Mapping[Coordinate, Locked]
    source: Path


def read_lock(file: Path) -> Lock:
    """Reads the lock file.

    Raises:
        SupplyError: it is not what :mod:`idemflow.supply.lock` writes.
    """
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        nifi, contents = table["nifi"], table.get("contents", {})
        return Lock(
            nifi_version=nifi["version"],
            lib=Coordinate.parse_all(nifi["lib"]),
            nars=Coordinate.parse_all(nifi["nars"]),
            packed=tuple(_packed(p, nifi["version"], contents) for p in nifi["packed"]),
            drivers=Coordinate.parse_all(table["jdbc"]["drivers"]),
            elasticsearch_version=table["elasticsearch"]["version"],
            elasticsearch=Coordinate.parse(table["elasticsearch"]["distribution"]),
            compiler=Coordinate.parse(table["tools"]["compiler"]),
            files={
                Coordinate.parse(text): Locked(entry["size"], entry["sha256"])
                for text, entry in table.get("files", {}).items()
            },
            source=file,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SupplyError(
            f"{file} cannot be read: {error!r}",
            next_command="python -m idemflow.supply.lock   # writes its generated part anew",
        ) from error


def _packed(table: dict[str, Any], version: str, contents: dict[str, list[str]]) -> PackedNar:
    return PackedNar(
        name=table["name"],
        version=version,
        parent=Coordinate.parse(table["parent"]),
        jars=Coordinate.parse_all(contents.get(table["name"], [])),
    )
