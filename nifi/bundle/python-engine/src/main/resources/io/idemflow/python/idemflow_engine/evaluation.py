"""Runs scripts: a fresh namespace each time, errors in one line, requests to stop."""

import contextlib
import ctypes
import functools
import linecache
import threading
import traceback
from collections.abc import Callable, Sequence
from types import CodeType
from typing import Any

from idemflow_engine import errors, output, spaces, text
from idemflow_engine.conversion import from_java, to_object

_raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
_ENGINE_DIRECTORY = __file__.rpartition("/")[0]

_linecache_lock = threading.Lock()
# Threads of the running evaluations, by number.
_threads: dict[int, int] = {}
# The exceptions that were raised in them from outside, by number.
_interruptions: dict[int, "type[ScriptInterrupted]"] = {}


class ScriptInterrupted(BaseException):
    """Raised in a script that was asked to stop.

    It is no Exception, so that scripts do not catch it by the way.
    """

    __module__ = "builtins"


def prepare(evaluation: Any, source: str, file_name: str) -> CodeType | None:
    """Compile a script. After a syntax error, which `evaluation` is told, give None."""
    try:
        return _compile(from_java(source), file_name)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        _report(evaluation, error, file_name, ())
        return None


def evaluate(
    evaluation: Any,
    code: CodeType,
    names: Sequence[str],
    values: Sequence[object],
    module_directories: Sequence[str],
) -> object:
    """Run a script with these bindings; gives its value where it is one expression."""
    number = evaluation.getNumber()
    file_name = code.co_filename
    directories = [from_java(directory) for directory in module_directories]
    namespace: dict[str, Any] = {"__name__": "__main__", "__file__": file_name, "__doc__": None}
    for name, value in zip(names, values, strict=True):
        namespace[name] = from_java(value)
    printer = output.Printer(_log_lines(evaluation, namespace.get("log")))
    space = spaces.enter(number, directories)
    if space is not None:
        namespace["__builtins__"] = space.builtins

    printer_before = output.printers.set(printer)
    space_before = spaces.current.set(space)
    threads_before = threading.active_count()
    _threads[number] = threading.get_ident()
    try:
        value = eval(code, namespace)
        return to_object(value)
    except SystemExit as ending:
        if ending.code not in (None, 0):
            _report(evaluation, ending, file_name, directories)
        return None
    except BaseException as error:
        _disarm(number)
        _report(evaluation, error, file_name, directories)
        return None
    finally:
        _threads.pop(number, None)
        errors.raised.set(None)
        spaces.current.set(space_before)
        spaces.leave(number)
        output.printers.set(printer_before)
        printer.close()
        # A function and the namespace that it was defined in keep each other alive, and with them
        # all that a script has read, until Python looks for such rings: it may be gigabytes then.
        if threading.active_count() <= threads_before:
            namespace.clear()


def interrupt(number: int) -> None:
    """Raise ScriptInterrupted in the thread of an evaluation that still runs."""
    thread = _threads.get(number)
    if thread is None:
        return
    kind = _interruptions.get(number)
    if kind is None:
        kind = _interruptions[number] = type("ScriptInterrupted", (ScriptInterrupted,), {})
        # A script that catches it, say in a loop, drops it: then it is raised again, now outside of
        # the `try`. No Python function may do that, since it would be raised in there.
        kind.__del__ = functools.partial(_raise_in, ctypes.c_ulong(thread), ctypes.py_object(kind))
    _raise_in(ctypes.c_ulong(thread), ctypes.py_object(kind))


def finish(number: int) -> None:
    """Clean up after an interrupted evaluation, whose own clean-up may have been cut short."""
    _disarm(number)
    _threads.pop(number, None)
    _interruptions.pop(number, None)
    errors.raised.set(None)
    spaces.current.set(None)
    spaces.leave(number)
    output.printers.set(None)


def _disarm(number: int) -> None:
    kind = _interruptions.get(number)
    if kind is not None and "__del__" in kind.__dict__:
        del kind.__del__


def _compile(source: str, file_name: str) -> CodeType:
    with contextlib.suppress(SyntaxError):
        return compile(source, file_name, "eval")  # an expression, whose value the caller may want
    return compile(source, file_name, "exec")


def _log_lines(evaluation: Any, log: Any) -> Callable[[str, bool], None]:
    info, warn = getattr(log, "info", None), getattr(log, "warn", None)
    if callable(info) and callable(warn):
        return lambda line, error: warn(line) if error else info(line)
    return evaluation.print


def _report(
    evaluation: Any, error: BaseException, file_name: str, directories: Sequence[str]
) -> None:
    """Tell the evaluation about an error that left the script."""
    source = from_java(evaluation.getSource())
    lines = source.splitlines(keepends=True)
    with _linecache_lock:  # other scripts have this name as well
        linecache.cache[file_name] = (len(source), None, lines, file_name)
        try:
            trace = _format(error)
        finally:
            linecache.cache.pop(file_name, None)
    where, line, column = _place(error, file_name, directories)
    interrupted = isinstance(error, ScriptInterrupted)
    what = "the script was stopped" if interrupted else text.summary(error)
    place = f"{where.rpartition('/')[2]}:{line}" if line > 0 else where.rpartition("/")[2]
    evaluation.fail(
        text.to_java(f"{place}: {what}"),
        text.to_java(where),
        line,
        column,
        text.to_java(trace),
        interrupted,
    )


def _place(
    error: BaseException, file_name: str, directories: Sequence[str]
) -> tuple[str, int, int]:
    """File, line and column of an error: the innermost place that the user wrote."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return error.filename, error.lineno, error.offset or -1
    place = (file_name, -1, -1)
    for frame, line in traceback.walk_tb(error.__traceback__):
        name = frame.f_code.co_filename
        if name == file_name or any(name.startswith(f"{path}/") for path in directories):
            place = (name, line, -1)
    return place


def _format(error: BaseException) -> str:
    """The traceback as Python prints it, without the engine's own frames."""
    top = traceback.TracebackException.from_exception(error)
    waiting: list[traceback.TracebackException | None] = [top]
    while waiting:
        part = waiting.pop()
        if part is not None:
            part.stack[:] = [f for f in part.stack if not f.filename.startswith(_ENGINE_DIRECTORY)]
            waiting += [part.__cause__, part.__context__, *(part.exceptions or ())]
    return "".join(top.format())
