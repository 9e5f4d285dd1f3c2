"""Calls the user's transform: a plain function that makes a record nothing, another, or several.

Runs inside NiFi: standard library only.
"""

import traceback
from collections.abc import Callable, Generator
from types import FrameType
from typing import Any

from idemflow.steps.parts import RECORD_BYTES, size_of, too_large
from idemflow.steps.records import NoRecord, to_line

Transform = Callable[[dict[str, Any]], object]


def transformed(transform: Transform, record: dict[str, Any]) -> list[str]:
    """The records that a record becomes, as lines of JSON.

    Args:
        transform: the user's function; it may change the record that it gets. It gives a record,
            a list or a generator of several, or None for none.

    Raises:
        NoRecord: the function failed, or gave something that is no record. Then none of what it
            gave goes on, so that the record as a whole can be sent again.
        MemoryError: this is no fault of the record.
    """
    try:
        given = transform(record)
        if isinstance(given, Generator):
            given = [*given]
    except MemoryError:
        raise
    except (Exception, SystemExit) as error:
        raise NoRecord(_explained(error)) from error
    if given is None:
        return []
    try:
        lines = [to_line(item) for item in (given if isinstance(given, list) else [given])]
    except NoRecord as error:
        raise NoRecord(f"what the transform gave {error}") from error
    if (size := max(map(size_of, lines), default=0)) > RECORD_BYTES:
        raise NoRecord(too_large("what the transform gave", size))
    return lines


def _explained(error: BaseException) -> str:
    """Type, message and the innermost line of the script, as far as there is one."""
    what = "".join(traceback.format_exception_only(error)).strip()
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if _of_script(frame)]
    return f"{what} (line {lines[-1]} of the script)" if lines else what


def _of_script(frame: FrameType) -> bool:
    """Whether a frame runs code of the Script Body, and not of a module."""
    names = frame.f_globals
    return names["__name__"] == "__main__" and names.get("__file__") == frame.f_code.co_filename
