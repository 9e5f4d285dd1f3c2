"""idemflow's wheel, packages beside it, and wheels for the requirements of a project."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOURTH_SOURCE = Path(__file__).parent / "fourth_source"
BUILT = ("idemflow", "nifi", "pyproject.toml", "README.md", "LICENSE")


def own_wheel(folder: Path) -> Path:
    """Build idemflow's wheel in a folder, from a copy: a build leaves files beside the sources."""
    for name in BUILT:
        source, unwanted = ROOT / name, shutil.ignore_patterns("__pycache__", "*.egg-info")
        if source.is_dir():
            shutil.copytree(source, folder / "source" / name, ignore=unwanted)
        else:
            shutil.copy(source, folder / "source" / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet"]
    options = ["--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), "./source"]
    subprocess.run([*pip, *options], cwd=folder, check=True, capture_output=True)
    (built,) = folder.glob("idemflow-*.whl")
    return built


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


def wheel(folder: Path, name: str, version: str, text: str = "", needs: str = "") -> Path:
    """Write a wheel with one module, which has a ``VERSION``, without asking for a builder.

    Args:
        folder: where it goes to.
        name: of the package and of its module.
        version: the package's.
        text: more of the module.
        needs: another package that it requires.
    """
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    required = f"Requires-Dist: {needs}\n" if needs else ""
    made = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(f"{name}.py", f"VERSION = {version!r}\n{text}")
        meta = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{required}"
        archive.writestr(f"{info}/METADATA", meta)
        tag = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr(f"{info}/WHEEL", tag)
        archive.writestr(f"{info}/RECORD", "")
    return made


def require(project: Path, *lines: str) -> None:
    """Have a project require packages, of the wheels in its folder ``wheels`` alone."""
    text = "\n".join(["--no-index", "--find-links wheels", *lines, ""])
    (project / "requirements.txt").write_text(text)
