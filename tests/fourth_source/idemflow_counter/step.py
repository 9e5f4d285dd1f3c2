"""The step of the source ``counter``.

Runs inside NiFi: the standard library and ``idemflow.steps`` only.
"""

import json
from typing import Any

from idemflow.steps import processor
from idemflow.steps.chunks import Chunks, send_summary


def count(session: Any, success: Any, *, pipeline: str, batch: int) -> None:
    """Turn one queued trigger into the records of a run, as JSON lines, and its summary.

    Records, summary, state and the end of the trigger are committed together, or not at all.

    Args:
        session: NiFi's ProcessSession.
        success: the relationship that records go to.
        pipeline: the pipeline's name.
        batch: records in one FlowFile, at most.
    """
    trigger = session.get()
    if trigger is None:
        return
    scope = processor.scope("CLUSTER")
    last = int(session.getState(scope).get("last") or 0)
    records = json.loads(trigger.getAttribute("idemflow.arguments"))["records"]
    chunks = Chunks(session, success, trigger, batch=batch)
    for position in range(1, records + 1):
        chunks.add(json.dumps({"number": last + position}), position)
    chunks.flush()
    session.setState({"last": str(last + records)}, scope)
    send_summary(session, success, trigger, pipeline=pipeline, records=chunks.count)
    session.remove(trigger)
