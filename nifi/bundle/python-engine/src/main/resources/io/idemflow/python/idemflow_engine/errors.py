"""What to raise in Python when a call of a Java method fails."""

import re
from typing import Any

from idemflow_engine import text
from idemflow_engine.conversion import find_class, to_java
from idemflow_engine.threads import ByThread

_NO_OVERLOAD = ("no matching Java method overloads found", "ambiguous Java method call")
_THROWABLE = re.compile(r"((?:[a-z_]\w*\.)+[A-Z][\w$]*)(?:: (.*))?", re.DOTALL)
_FRAMES = re.compile(r"\n\tat |\ncaused by ")
_CALL_ERROR = "io.idemflow.python.PythonCallError"

# The exception of a Python method that Java called, on its way through Java.
raised = ByThread[BaseException]()


def other_way(overloads: Any, args: tuple[Any, ...], name: str, error: Exception) -> Any:
    """Try a failed call the other way that its arguments can be meant, or raise what is wrong.

    `overloads` are jpy's methods of this name, `error` is what jpy raised: a TypeError where there
    is one method only, which does not take the arguments.
    """
    if not (isinstance(error, TypeError) or str(error).startswith(_NO_OVERLOAD)):
        raise _python_error(str(error)) from None
    if any(isinstance(arg, list | tuple) for arg in args):
        # A list is a Collection first, but the method may want an array.
        sequences = [
            [to_java(item) for item in arg] if isinstance(arg, list | tuple) else to_java(arg)
            for arg in args
        ]
        try:
            return overloads(*sequences)
        except TypeError:
            pass
        except RuntimeError as other:
            if not str(other).startswith(_NO_OVERLOAD):
                raise _python_error(str(other)) from None
    types = ", ".join(type(arg).__name__ for arg in args)
    raise TypeError(f"Java method {name} does not take these arguments: {types}") from None


def _python_error(message: str) -> BaseException:
    """The exception for what jpy says of a Java exception: type and message, then its frames."""
    if _CALL_ERROR in message:
        error = raised.set(None)
        if error is not None:
            return error
    first, *frames = _FRAMES.split(message, maxsplit=1)
    match = _THROWABLE.fullmatch(first.strip())
    found = find_class(match[1]) if match is not None else None
    if match is None or found is None or not issubclass(found, BaseException):
        return RuntimeError(first)
    error = found(*(() if match[2] is None else (text.from_java(match[2]),)))
    if frames:
        error.add_note("\tat " + frames[0].rstrip())
    return error
