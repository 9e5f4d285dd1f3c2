"""The Collect step: calls the pipeline's generator and queues its records, a thousand a FlowFile.

Runs inside NiFi, below the user's script in the same ExecuteScript: standard library only.
One session holds a whole run: until its commit nothing of the run is in the flow and the trigger
stays queued, so that a NiFi that dies half-way starts the run again from the beginning, under
the same run id.
"""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

RECORDS_A_FLOW_FILE = 1000


def as_json(value: object) -> object:
    """What ``json`` writes for a type of Python that JSON lacks but has a customary text form.

    Raises:
        TypeError: there is no such form.
    """
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"a {type(value).__name__} has no JSON form")


def describe(record: object, number: int) -> tuple[str, str | None]:
    """A record's text, and why it cannot go on, if it cannot.

    Args:
        record: what the generator gave.
        number: its position in the run, from 1.

    Returns:
        The JSON text and ``None``; or a text as close as can be, and the reason.
    """
    try:
        text = json.dumps(
            record, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=as_json
        )
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        return repr(record)[:100_000].encode("utf-8", "backslashreplace").decode(), (
            f"record {number} cannot be written as JSON: {error}"
        )
    if not isinstance(record, dict):
        return text, f"record {number} is a {type(record).__name__}, not a dict"
    return text, None


def collect(
    session: Any, success: Any, generator: Callable[..., Iterable[object]], pipeline: str
) -> None:
    """Turn one queued trigger into the records of a run, as JSON lines, and its summary.

    Args:
        session: NiFi's ProcessSession.
        success: the relationship that records go to.
        generator: the user's function.
        pipeline: the pipeline's name.

    Raises:
        TypeError: the function does not give something to iterate over.
        Exception: whatever the user's function raises; NiFi rolls the session back.
    """
    trigger = session.get()
    if trigger is None:
        return
    run = trigger.getAttribute("idemflow.run")
    arguments = trigger.getAttribute("idemflow.arguments")

    def queue(content: str, attributes: dict[str, str]) -> None:
        flow_file = session.create(trigger)
        with session.write(flow_file) as stream:
            stream.write(content.encode())
        session.transfer(session.putAllAttributes(flow_file, attributes), success)

    number = 0
    lines: list[str] = []
    for number, record in enumerate(generator(**json.loads(arguments)), start=1):
        text, reason = describe(record, number)
        if reason is None:
            lines.append(text)
        # The records of a FlowFile have consecutive positions: one that is none ends it as well.
        if lines and (reason is not None or len(lines) == RECORDS_A_FLOW_FILE):
            last = number if reason is None else number - 1
            queue("\n".join(lines), {"idemflow.position": str(last - len(lines) + 1)})
            lines = []
        if reason is not None:
            queue(text, {"idemflow.position": str(number), "idemflow.reason": reason})
    if lines:
        queue("\n".join(lines), {"idemflow.position": str(number - len(lines) + 1)})
    summary = {
        "pipeline": pipeline,
        "run": run,
        "started": trigger.getAttribute("idemflow.started"),
        "collected": datetime.now(UTC).isoformat(),
        "arguments": arguments,
        "records": number,
    }
    queue(
        json.dumps(summary),
        {"idemflow.kind": "run", "idemflow.id": run, "idemflow.index": "idemflow-runs"},
    )
    session.remove(trigger)
