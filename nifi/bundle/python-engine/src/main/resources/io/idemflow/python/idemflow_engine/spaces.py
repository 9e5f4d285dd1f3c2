"""Modules from NiFi's Module Directory.

Each list of directories is a space of its own: two processors may each have a module `helpers`,
and a changed file is imported anew. Python has one `sys.modules` for all, so the modules of a space
live there below the name of the space (`idemflow_space_1.helpers`), and scripts and modules of the
space get an `__import__` that looks there first.
"""

import builtins
import importlib
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from types import ModuleType
from typing import Any

from idemflow_engine.threads import ByThread

_PREFIX = "idemflow_space_"

_spaces: dict[tuple[str, ...], "Space"] = {}
_by_name: dict[str, "Space"] = {}
_lock = threading.RLock()
# The space of the script that runs on a thread, for `importlib.import_module`.
current = ByThread["Space"]()

_original_import = builtins.__import__
_original_import_module = importlib.import_module


class Space:
    """The modules of one list of directories; the first directory that has a module wins."""

    def __init__(self, directories: Sequence[str]) -> None:
        """`directories` are absolute paths of directories, or of single `.py` files."""
        self.name = f"{_PREFIX}{len(_spaces) + 1}"
        self.builtins = dict(vars(builtins), __import__=self._import)
        self._directories = tuple(
            str(Path(path).parent) if path.endswith(".py") else path for path in directories
        )
        self._finders = [_finder(directory, self) for directory in self._directories]
        self._stamps: dict[str, int] = {}
        self._files: dict[str, int] = {}
        self._known: dict[str, bool] = {}
        package = ModuleType(self.name)
        package.__path__ = list(self._directories)
        sys.modules[self.name] = package

    def refresh(self) -> None:
        """See what changed on disk; costs one stat for each directory and each imported file."""
        for directory in self._directories:
            stamp = _stamp(directory)
            if self._stamps.get(directory) != stamp:
                self._stamps[directory] = stamp
                self._known.clear()
                for finder in self._finders:
                    finder.invalidate_caches()
        if any(_stamp(file) != stamp for file, stamp in self._files.items()):
            with _lock:
                self._forget()

    def owns(self, name: str) -> bool:
        """Whether the top-level module `name` is in one of the directories."""
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = self.find(f"{self.name}.{name}") is not None
        return known

    def find(self, name: str) -> ModuleSpec | None:
        """The module of this full name, among the top-level modules of the space."""
        for finder in self._finders:
            spec = finder.find_spec(name)
            # A directory without __init__.py is a package too, where nothing else has the name.
            if spec is not None and (spec.loader is not None or not _is_elsewhere(name)):
                return spec
        return None

    def add(self, file: str) -> None:
        """Watch the file of a module that is imported."""
        self._files[file] = _stamp(file)

    def import_module(self, name: str) -> ModuleType:
        """Import a module of the space; `name` is its name as scripts know it."""
        with _lock:
            return _original_import_module(f"{self.name}.{name}")

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002
        locals: Mapping[str, object] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """Stands for `builtins.__import__` in scripts and modules of the space."""
        top = name.partition(".")[0]
        if level or not self.owns(top):
            return _original_import(name, globals, locals, fromlist or (), level)
        module = self.import_module(name)
        if not fromlist:
            return sys.modules[f"{self.name}.{top}"]
        # Submodules that a from-import names, and `*`.
        return _original_import(module.__name__, globals, locals, fromlist)

    def _forget(self) -> None:
        # All of them: modules hold on to what they imported from each other.
        for name in [name for name in sys.modules if name.startswith(self.name + ".")]:
            del sys.modules[name]
        self._files.clear()
        for finder in self._finders:
            finder.invalidate_caches()


def space_of(directories: Sequence[str]) -> Space | None:
    """The space of these directories, as they are on disk now; None where there are none."""
    if not directories:
        return None
    key = tuple(directories)
    space = _spaces.get(key)
    if space is None:
        with _lock:
            space = _spaces.get(key)
            if space is None:
                space = Space(key)
                _spaces[key] = _by_name[space.name] = space
    space.refresh()
    return space


def install() -> None:
    """Teach Python's import system about spaces; called once."""
    sys.meta_path.insert(0, _Finder())
    importlib.import_module = _import_module


class _Finder:
    """Finds the modules of spaces by their full names, and nothing else."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith(_PREFIX):
            return None
        space_name, _, rest = name.partition(".")
        space = _by_name.get(space_name)
        if space is None or not rest:
            return None
        if "." not in rest:
            return space.find(name)
        for directory in path or ():
            spec = _finder(directory, space).find_spec(name)
            if spec is not None:
                return spec
        return None


class _Loader(SourceFileLoader):
    """Loads a module of a space from source."""

    space: Space

    def exec_module(self, module: ModuleType) -> None:
        self.space.add(self.path)
        module.__dict__["__builtins__"] = self.space.builtins
        super().exec_module(module)


def _finder(directory: str, space: Space) -> FileFinder:
    loader = type("SpaceLoader", (_Loader,), {"space": space})
    return FileFinder(
        directory,
        (ExtensionFileLoader, EXTENSION_SUFFIXES),
        (loader, SOURCE_SUFFIXES),
        (SourcelessFileLoader, BYTECODE_SUFFIXES),
    )


def _import_module(name: str, package: str | None = None) -> ModuleType:
    space = current.get()
    if space is not None and not name.startswith(".") and space.owns(name.partition(".")[0]):
        return space.import_module(name)
    return _original_import_module(name, package)


def _stamp(path: str) -> int:
    """A number that changes with the file: time of change and size; 0 where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - called for each evaluation, and Path is slow
    except OSError:
        return 0
    return hash((status.st_mtime_ns, status.st_size, status.st_ino))


def _is_elsewhere(name: str) -> bool:
    top = name.partition(".")[2]
    if top in sys.modules or top in sys.builtin_module_names:
        return True
    finders: list[Any] = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
    return any(finder.find_spec(top, None) is not None for finder in finders)
