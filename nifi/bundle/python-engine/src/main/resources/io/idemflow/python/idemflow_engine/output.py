"""What scripts print goes to the log of the evaluation that prints it, line by line."""

import io
import sys
import threading
from collections.abc import Callable

from idemflow_engine.threads import ByThread

_LINE_CHARACTERS = 8192


class Printer:
    """Collects what one evaluation prints and hands it on in whole lines."""

    def __init__(self, to_log: Callable[[str, bool], None]) -> None:
        """`to_log` takes a line without its end, and whether it went to stderr."""
        self._to_log = to_log
        self._rest = {False: "", True: ""}
        self._lock = threading.Lock()

    def write(self, text: str, error: bool) -> None:
        """Take printed text; its whole lines are logged now."""
        with self._lock:
            *lines, rest = (self._rest[error] + text).split("\n")
            if len(rest) > _LINE_CHARACTERS:
                lines.append(rest)
                rest = ""
            self._rest[error] = rest
        for line in lines:
            self._to_log(line, error)

    def close(self) -> None:
        """Log what was printed without the end of a line."""
        for error, rest in self._rest.items():
            if rest:
                self._to_log(rest, error)
        self._rest = {False: "", True: ""}


# Evaluations run in parallel, and sys.stdout is one for all.
printers = ByThread[Printer]()


class _Stream(io.TextIOBase):
    """Stands for sys.stdout or sys.stderr."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, error: bool, original: io.TextIOBase) -> None:
        self._error = error
        self._original = original

    @property
    def name(self) -> str:
        return "<stderr>" if self._error else "<stdout>"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        printer = printers.get()
        if printer is not None:
            printer.write(text, self._error)
        else:
            # A thread that a script left behind: NiFi's own output is all that is left to it.
            self._original.write(text)
        return len(text)


def install() -> None:
    """Replace sys.stdout and sys.stderr; called once."""
    sys.stdout = _Stream(False, sys.__stdout__)
    sys.stderr = _Stream(True, sys.__stderr__)
