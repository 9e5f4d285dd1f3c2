"""The last step of a record that can never go in: wraps it into a dead letter.

Runs inside NiFi: standard library only. A dead letter's id comes from the pipeline and the
content, so that the same bad record, sent again, is kept once; a dead letter that is replayed and
refused again keeps its id.
"""

import base64
import hashlib
import json
import re
import zlib
from datetime import UTC, datetime
from typing import Any

from idemflow.steps.flow_file import AT_ONCE, read, write
from idemflow.steps.rules.positions import whole_number

# From this many bytes on, the content is kept compressed.
COMPRESSED_FROM = 1024 * 1024

# What Identify puts before a document's fields in a batch.
_PREFIX = re.compile(
    rb'\{"_id":"(?:[^"\\]|\\.)*"(?:,"_version":\d+)?(?:,"_op":"delete")?(?:,|(?=\}))'
)
_AS_IT_IS = ("index", "source", "position", "step", "reason")
_KNOWN = (*_AS_IT_IS, "run", "id", "stage", "attempts", "letter", "digest", "modified")


def letter(attributes: dict[str, str | None], content: bytes, pipeline: str) -> dict[str, object]:
    """The document that keeps a record and the reason why it could not go in.

    Args:
        attributes: ``run``, ``id``, ``index``, ``source``, ``modified``, ``position``, ``step``,
            ``reason``, ``stage`` and ``attempts``, as far as known.
        content: the record as it was sent.
    """
    kept: dict[str, object] = {
        "pipeline": pipeline,
        "run": attributes.get("run"),
        "record_id": attributes.get("id"),
        **{name: attributes.get(name) for name in _AS_IT_IS},
        "stage": attributes.get("stage") or "collected",
        "attempts": whole_number(attributes.get("attempts")) or 1,
        "time": datetime.now(UTC).isoformat(),
    }
    if attributes.get("modified"):
        kept["modified"] = attributes["modified"]
    if len(content) < COMPRESSED_FROM:
        return kept | {"content": content.decode("utf-8", "backslashreplace")}
    packed = base64.b64encode(zlib.compress(content)).decode("ascii")
    return kept | {"content": packed, "content_encoding": "zlib+base64"}


def bare(content: bytes, step: str | None) -> bytes:
    """A record's text without what Identify put before it.

    Args:
        content: the FlowFile's content.
        step: who refused it. What was refused before Load is still as it was collected.
    """
    match = _PREFIX.match(content) if step == "Load" else None
    return content if match is None else b"{" + content[match.end() :]


def keep(session: Any, success: Any, *, pipeline: str) -> None:
    """Turn a batch of refused records into dead letters.

    Args:
        success: the relationship of dead letters.
    """
    for flow_file in session.get(AT_ONCE):
        known = {name: flow_file.getAttribute(f"idemflow.{name}") for name in _KNOWN}
        content = bare(read(session, flow_file), known["step"])
        write(session, flow_file, json.dumps(letter(known, content, pipeline)).encode())
        # Of a record that is too large the beginning alone is here, which another may have, too.
        whole = content if known["digest"] is None else known["digest"].encode()
        digest = hashlib.sha256(pipeline.encode() + b"\0" + whole).hexdigest()[:32]
        attributes = {
            "idemflow.id": known["letter"] or digest,
            "idemflow.index": "idemflow-dead-letters",
            # A dead letter is written, whatever was to be done with the record, and has no version.
            "idemflow.operation": "index",
            "idemflow.version": "",
        }
        session.transfer(session.putAllAttributes(flow_file, attributes), success)
