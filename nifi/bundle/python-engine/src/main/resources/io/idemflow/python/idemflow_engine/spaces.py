"""Modules from NiFi's Module Directory.

Each list of directories has modules of its own: two processors may each have a module `helpers`,
and a changed file is imported anew. Python has one `sys.modules` for all, so the modules live there
below the name of their space (`idemflow_space_1.helpers`), and scripts and modules of the space get
an `__import__` that looks there first.

Tasks run at once, and a file may change while one of them runs. So a space is never changed: the
next script gets another one, and those that run keep theirs to their end. Python's own locks see to
it that a module of a space is imported once.
"""

import builtins
import importlib
import itertools
import os
import sys
import threading
import weakref
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
from types import CodeType, ModuleType
from typing import Any

from idemflow_engine.threads import ByThread

_PREFIX = "idemflow_space_"

_numbers = itertools.count(1)
_directories: dict[tuple[str, ...], "_Directories"] = {}
# Weak: a thread that a script left behind may import when the script's space is forgotten.
_by_name: weakref.WeakValueDictionary[str, "Space"] = weakref.WeakValueDictionary()
# The spaces of the scripts that run now, by number of the evaluation.
_used: dict[int, "Space"] = {}
_lock = threading.Lock()
# The space of the script that runs on a thread, for `importlib.import_module`.
current = ByThread["Space"]()

_original_import = builtins.__import__
_original_import_module = importlib.import_module


class Space:
    """The modules of some directories, in one version; the first directory with a module wins."""

    def __init__(self, directories: Sequence[str]) -> None:
        self.name = f"{_PREFIX}{next(_numbers)}"
        self.directories = tuple(directories)
        self.builtins = dict(vars(builtins), __import__=self._import)
        self._files: dict[str, int] = {}
        self._lookup = _Lookup(self)
        _by_name[self.name] = self

    def refresh(self) -> bool:
        """See what changed on disk: whether none of the imported files did.

        Costs one stat for each directory and each imported file.
        """
        if self._lookup.stamps != _stamps(self.directories):
            self._lookup = _Lookup(self)
        # A copy, since another task may be importing.
        return all(_stamp(file) == stamp for file, stamp in self._files.copy().items())

    def owns(self, name: str) -> bool:
        """Whether the top-level module `name` is in one of the directories, or was imported."""
        return f"{self.name}.{name}" in sys.modules or self._lookup.has(name)

    def find(self, name: str) -> ModuleSpec | None:
        """The module of this full name, among the top-level modules of the space."""
        return self._lookup.find(name)

    def add(self, file: str) -> None:
        """Watch the file of a module that is imported."""
        self._files[file] = _stamp(file)

    def import_module(self, name: str) -> ModuleType:
        """Import a module of the space; `name` is its name as scripts know it."""
        return _original_import_module(f"{self.name}.{name}")

    def forget(self) -> None:
        """Let go of the modules."""
        for name in list(sys.modules):
            if name == self.name or name.startswith(self.name + "."):
                sys.modules.pop(name, None)

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
            return module if name == top else self.import_module(top)
        # Submodules that a from-import names, and `*`.
        return _original_import(module.__name__, globals, locals, fromlist)


class _Lookup:
    """Which modules the directories of a space have, as of one moment."""

    def __init__(self, space: Space) -> None:
        self.stamps = _stamps(space.directories)  # first: what changes from here on is seen later
        self._space_name = space.name
        self._finders = [_finder(directory, space) for directory in space.directories]
        self._known: dict[str, bool] = {}

    def has(self, name: str) -> bool:
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = self.find(f"{self._space_name}.{name}") is not None
        return known

    def find(self, name: str) -> ModuleSpec | None:
        for finder in self._finders:
            spec = finder.find_spec(name)
            # A directory without __init__.py is a package too, where nothing else has the name.
            if spec is not None and (spec.loader is not None or not _is_elsewhere(name)):
                return spec
        return None


class _Directories:
    """The newest space of a list of directories, and older ones that scripts still run with."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = [str(Path(path).parent) if path.endswith(".py") else path for path in paths]
        self._newest = Space(self._paths)
        self._older: list[Space] = []

    def enter(self, evaluation: int) -> Space:
        newest = self._newest
        unchanged = newest.refresh()  # outside the lock: it may take its time
        with _lock:
            if not unchanged and self._newest is newest:
                self._older.append(newest)
                self._newest = Space(self._paths)
            space = _used[evaluation] = self._newest
            used = set(_used.copy().values()) if self._older else ()
            for older in [older for older in self._older if older not in used]:
                self._older.remove(older)
                older.forget()
        return space


def enter(evaluation: int, directories: Sequence[str]) -> Space | None:
    """The space of these directories, as they are on disk now; None where there are none.

    `directories` are absolute paths of directories, or of single `.py` files. The space is kept for
    the evaluation with this number until `leave`.
    """
    if not directories:
        return None
    key = tuple(directories)
    known = _directories.get(key)
    if known is None:
        known = _directories.setdefault(key, _Directories(key))
    return known.enter(evaluation)


def leave(evaluation: int) -> None:
    """The evaluation has ended; does no harm where it was in no space."""
    _used.pop(evaluation, None)


def install() -> None:
    """Teach Python's import system about spaces; called once."""
    sys.meta_path.insert(0, _Finder())
    importlib.import_module = _import_module


class _Finder:
    """Finds spaces and their modules by their full names, and nothing else."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith(_PREFIX):
            return None
        space_name, _, rest = name.partition(".")
        space = _by_name.get(space_name)
        if space is None:
            return None
        if not rest:
            spec = ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = list(space.directories)
            return spec
        if "." not in rest:
            return space.find(name)
        for directory in path or ():
            found = _finder(directory, space).find_spec(name)
            if found is not None:
                return found
        return None


class _Loader(SourceFileLoader):
    """Loads a module of a space from source."""

    space: "weakref.ref[Space]"

    def exec_module(self, module: ModuleType) -> None:
        space = self.space()
        if space is not None:
            space.add(self.path)
            module.__dict__["__builtins__"] = space.builtins
        super().exec_module(module)

    def get_code(self, fullname: str) -> CodeType | None:
        """The code of the file as it is now.

        Python's cache would give an older one where a file is changed twice in a second.
        """
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def _finder(directory: str, space: Space) -> FileFinder:
    loader = type("SpaceLoader", (_Loader,), {"space": weakref.ref(space)})
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


def _stamps(paths: Sequence[str]) -> list[int]:
    return [_stamp(path) for path in paths]


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
