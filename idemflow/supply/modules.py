"""The modules of the bundle: what ``nifi/bundle/*/module.toml`` says."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from idemflow.errors import SupplyError
from idemflow.supply.artifacts import Coordinate


@dataclass(frozen=True)
class Module:
    """A module of the bundle.

    Attributes:
        folder: its folder, in Maven's layout (``src/main/java``, ``src/main/resources``).
        name: the name of the jar or NAR, without version and ending.
        kind: ``lib`` for a jar of NiFi's ``lib/``, ``nar`` for a NAR, ``tool`` for a program that
            the build itself runs.
        parent: a NAR's parent NAR.
        compile: jars that NiFi provides at run time.
        bundle: jars that are packed in the NAR, or put on ``lib/``.
        test: further jars of the Java tests.
    """

    folder: Path
    name: str
    kind: Literal["lib", "nar", "tool"]
    parent: Coordinate | None
    compile: tuple[Coordinate, ...]
    bundle: tuple[Coordinate, ...]
    test: tuple[Coordinate, ...]


def read_modules(bundle: Path) -> list[Module]:
    """All modules below ``nifi/bundle``, by name of folder.

    Raises:
        SupplyError: a ``module.toml`` is malformed.
    """
    return [_read(file) for file in sorted(bundle.glob("*/module.toml"))]


def _read(file: Path) -> Module:
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        kind = table["kind"]
        if kind not in ("lib", "nar", "tool"):
            raise ValueError(f"kind is {kind!r}, not 'lib', 'nar' or 'tool'")
        parent = table.get("nar_parent")
        return Module(
            folder=file.parent,
            name=table["name"],
            kind=kind,
            parent=replace(Coordinate.parse(parent), packaging="nar") if parent else None,
            compile=Coordinate.parse_all(table.get("compile", [])),
            bundle=Coordinate.parse_all(table.get("bundle", [])),
            test=Coordinate.parse_all(table.get("test", [])),
        )
    except (OSError, ValueError, KeyError, TypeError, SupplyError) as error:
        raise SupplyError(f"{file} cannot be read: {error!r}") from error
