"""Calls the user's transform: a plain function that makes a record nothing, another, or several.

Runs inside NiFi, below the user's script and the source of ``records``: standard library only.
"""

import traceback
from collections.abc import Callable
from typing import Any

from idemflow.steps.records import NoRecord, to_line

Transform = Callable[[dict[str, Any]], object]


def transformed(transform: Transform, record: dict[str, Any]) -> list[str]:
    """The records that a record becomes, as lines of JSON.

    Args:
        transform: the user's function; it may change the record that it gets.
        record: the record.

    Raises:
        NoRecord: the function failed, or gave something that is no record. Then none of what it
            gave goes on, so that the record as a whole can be sent again.
        MemoryError: this is no fault of the record.
    """
    try:
        given = transform(record)
    except MemoryError:
        raise
    except Exception as error:
        raise NoRecord(_explained(error, transform)) from error
    if given is None:
        return []
    try:
        return [to_line(item) for item in (given if isinstance(given, list) else [given])]
    except NoRecord as error:
        raise NoRecord(f"what the transform gave {error}") from error


def _explained(error: Exception, transform: Transform) -> str:
    """Type, message and the innermost line of the script, as far as there is one."""
    what = "".join(traceback.format_exception_only(error)).strip()
    trace = error.__traceback__
    if trace is None:
        return what
    # Inside NiFi this step stands in the user's script itself.
    files = {trace.tb_frame.f_code.co_filename}
    code = getattr(transform, "__code__", None)
    if code is not None:
        files.add(code.co_filename)
    lines = [
        line
        for frame, line in traceback.walk_tb(trace.tb_next)
        if frame.f_code.co_filename in files
    ]
    return f"{what} (line {lines[-1]} of the script)" if lines else what
