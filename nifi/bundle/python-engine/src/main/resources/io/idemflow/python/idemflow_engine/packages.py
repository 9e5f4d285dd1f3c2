"""Java packages as Python modules: `from java.util import HashMap`, `import java.io`."""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

from idemflow_engine import jython
from idemflow_engine.conversion import find_class

_STAND_INS = jython.stand_ins()
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
                if self.__name__.startswith("org.python."):
                    raise ImportError(
                        f"{self.__name__}.{name} is a part of Jython, which this Python is not"
                    )
                raise AttributeError(f"Java has no class {self.__name__}.{name}")
            found = _package(f"{self.__name__}.{name}")
        setattr(self, name, found)
        return found


class _Finder:
    """Finds Java packages, after Python has found no module of the name."""

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name in _STAND_INS:
            return ModuleSpec(name, self)
        root, _, rest = name.partition(".")
        if root not in _ROOTS or (
            rest and not isinstance(sys.modules.get(name.rpartition(".")[0]), JavaPackage)
        ):
            return None
        if name.rpartition(".")[2][:1].islower():
            return ModuleSpec(name, self, is_package=True)
        # `from java.util.Map import Entry`: a class has its nested ones.
        return None if find_class(name) is None else ModuleSpec(name, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _STAND_INS.get(spec.name) or JavaPackage(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        found = find_class(module.__name__)
        if found is not None:
            sys.modules[module.__name__] = found
        elif isinstance(module, JavaPackage):
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
