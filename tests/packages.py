"""Packages that are installed beside idemflow, such as the one with a fourth source."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path

FOURTH_SOURCE = Path(__file__).parent / "fourth_source"


def installed(folder: Path, project: Path = FOURTH_SOURCE) -> Path:
    """Put a package into a folder as ``pip install --target`` does, without asking for a builder.

    Returns:
        The folder, for ``sys.path`` or ``PYTHONPATH``.
    """
    known = tomllib.loads((project / "pyproject.toml").read_text())
    for package in known["tool"]["setuptools"]["packages"]:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(project / package, folder / package, ignore=ignored)
    told(folder, known["project"]["name"], known["project"]["entry-points"]["idemflow.sources"])
    return folder


def told(folder: Path, name: str, sources: Mapping[str, str]) -> None:
    """Write what an installed package tells of its sources.

    Args:
        folder: where it is installed.
        name: the package's name.
        sources: its entry points.
    """
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    points = "".join(f"{kind} = {value}\n" for kind, value in sources.items())
    (info / "entry_points.txt").write_text(f"[idemflow.sources]\n{points}")
