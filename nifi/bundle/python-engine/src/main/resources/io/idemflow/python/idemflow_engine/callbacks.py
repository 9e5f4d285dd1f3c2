"""Python objects that Java calls: instances of classes that a script derived from an interface."""

from collections.abc import Sequence
from typing import Any

import jpy

from idemflow_engine import errors, text
from idemflow_engine.conversion import from_java, to_object
from idemflow_engine.threads import ByThread

# Each level of Java calling Python calling Java takes some kilobytes of a stack of 1 MB.
_NESTED_CALLS = 20

_call_error = jpy.get_type("io.idemflow.python.PythonCallError")
# How many calls from Java to Python are inside each other.
_depth = ByThread[int]()


def call(target: Any, method: str, arguments: Sequence[object]) -> Any:
    """Call a method of a Python object for Java; gives a PythonCallError when it raises."""
    depth = _depth.get() or 0
    try:
        if depth >= _NESTED_CALLS:
            raise RecursionError("too many calls between Java and Python inside each other")
        if not implementing(target, method):
            raise NotImplementedError(f"class {type(target).__name__} has no method {method}")
        _depth.set(depth + 1)
        function = getattr(target, method)
        return to_object(function(*[from_java(argument) for argument in arguments]))
    except BaseException as error:
        errors.raised.set(error)
        return _call_error(text.to_java(text.summary(error)))
    finally:
        _depth.set(depth or None)


def implementing(target: Any, method: str) -> bool:
    """Whether the script's own class has this method: its Java interface has it anyway."""
    return method in getattr(target, "__dict__", ()) or any(
        method in cls.__dict__ for cls in type(target).__mro__ if not _is_java(cls)
    )


def _is_java(cls: type) -> bool:
    """Whether a class is one of Java's, or one that the engine gives them; not a script's own."""
    return "_type" in cls.__dict__ or cls.__module__.startswith(("builtins", "idemflow_engine"))
