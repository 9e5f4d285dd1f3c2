"""The Collect step of the source ``script``: calls the pipeline's generator and queues its records.

Runs inside NiFi: standard library only.
One session holds a whole run: until its commit nothing of the run is in the flow and the trigger
stays queued, so that a NiFi that dies half-way starts the run again from the beginning, under
the same run id.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

from idemflow.steps.chunks import Chunks, send_summary
from idemflow.steps.records import NoRecord, to_line


def collect(
    session: Any,
    success: Any,
    generator: Callable[..., Iterable[object]],
    *,
    pipeline: str,
    batch: int,
) -> None:
    """Turn one queued trigger into the records of a run, as JSON lines, and its summary.

    Args:
        success: the relationship that records go to.
        generator: the user's function.
        batch: records in one FlowFile, at most.

    Raises:
        TypeError: the function gives something else than records, such as nothing.
        Exception: whatever the user's function raises; NiFi rolls the session back.
    """
    trigger = session.get()
    if trigger is None:
        return
    chunks = Chunks(session, success, trigger, batch=batch)
    arguments = json.loads(trigger.getAttribute("idemflow.arguments"))
    for position, record in enumerate(_records(generator, arguments), start=1):
        try:
            chunks.add(to_line(record), position)
        except NoRecord as error:
            reason = f"record {position} {error}"
            chunks.refuse(error.kept, position, reason, replaced=error.replaced)
    chunks.flush()
    send_summary(session, success, trigger, pipeline=pipeline, records=chunks.count)
    session.remove(trigger)


def _records(function: Callable[..., object], arguments: dict[str, Any]) -> Iterable[object]:
    """What the user's function gives, if that can be records."""
    given = function(**arguments)
    if isinstance(given, Iterable) and not isinstance(given, str | bytes | dict):
        return given
    what = "None" if given is None else type(given).__name__
    name = getattr(function, "__name__", "the function")
    code = getattr(function, "__code__", None)
    line = "" if code is None else f" (line {code.co_firstlineno})"
    raise TypeError(
        f"{name}(){line} gives {what}: it must yield its records, or return a list of them"
    )
