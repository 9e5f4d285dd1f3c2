"""The last step of a record that can never go in: wraps it into a dead letter.

Runs inside NiFi: standard library only. A dead letter's id comes from the pipeline and the
content, so that the same bad record, sent again, is kept once.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any


def letter(attributes: dict[str, str | None], content: bytes, pipeline: str) -> dict[str, object]:
    """The document that keeps a record and the reason why it could not go in.

    Args:
        attributes: ``run``, ``id``, ``position``, ``step`` and ``reason``, as far as known.
        content: the record as it was sent.
        pipeline: the pipeline's name.
    """
    return {
        "pipeline": pipeline,
        "run": attributes["run"],
        "record_id": attributes["id"],
        "position": attributes["position"],
        "step": attributes["step"],
        "reason": attributes["reason"],
        "content": content.decode("utf-8", "backslashreplace"),
        "time": datetime.now(UTC).isoformat(),
    }


def keep(session: Any, success: Any, *, pipeline: str, batch: int = 500) -> None:
    """Turn a batch of refused records into dead letters.

    Args:
        session: NiFi's ProcessSession.
        success: the relationship of dead letters.
        pipeline: the pipeline's name.
        batch: FlowFiles to take at once, at most.
    """
    for flow_file in session.get(batch):
        with session.read(flow_file) as content:
            data = bytes(content.readAllBytes())
        known = {
            name: flow_file.getAttribute(f"idemflow.{name}")
            for name in ("run", "id", "position", "step", "reason")
        }
        with session.write(flow_file) as content:
            content.write(json.dumps(letter(known, data, pipeline)).encode())
        identifier = hashlib.sha256(pipeline.encode() + b"\0" + data).hexdigest()[:32]
        attributes = {"idemflow.id": identifier, "idemflow.index": "idemflow-dead-letters"}
        session.transfer(session.putAllAttributes(flow_file, attributes), success)
