"""Java packages as Python modules: `from java.util import HashMap`, `import java.io`."""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

from idemflow_engine.conversion import find_class

# The JVM cannot say whether a package exists; names that packages begin with in practice.
_ROOTS = frozenset({"com", "groovy", "io", "jakarta", "java", "javax", "jdk", "net", "org", "sun"})


class JavaPackage(ModuleType):
    """A Java package; its classes are looked up when they are asked for."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        found = find_class(f"{self.__name__}.{name}")
        if found is None:
            if not name[:1].islower():
                raise AttributeError(f"Java has no class {self.__name__}.{name}")
            found = _package(f"{self.__name__}.{name}")
        setattr(self, name, found)
        return found


class _Finder:
    """Finds Java packages, after Python has found no module of the name."""

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        root, _, rest = name.partition(".")
        if root not in _ROOTS or not name.rpartition(".")[2][:1].islower():
            return None
        if rest and not isinstance(sys.modules.get(root), JavaPackage):
            return None
        return ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return JavaPackage(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        module.__path__ = []


def install() -> None:
    """Teach Python's import system about Java packages; called once."""
    sys.meta_path.append(_Finder())


def _package(name: str) -> ModuleType:
    module = sys.modules.get(name)
    if module is None:
        module = sys.modules[name] = JavaPackage(name)
        module.__path__ = []
    return module
