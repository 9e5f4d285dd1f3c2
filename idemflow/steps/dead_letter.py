"""The last step of a record that can never go in: wraps it into a dead letter.

Runs inside NiFi: standard library only. A dead letter's id comes from the pipeline and the
content, so that the same bad record, sent again, is kept once; that of a tombstone, which has no
content of its own, from the id and version of its document. The letters of files of which the
newer wins have its time behind that: read late, the older one must not take the place of the newer
one; :mod:`idemflow.dead_letters.reconcile` leaves the newest. A dead letter that is replayed and
refused again keeps its id, unless it was mended into another version of its record: then it is
another letter, which the next refusal of the first version leaves alone.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from idemflow.steps.flow_file import AT_ONCE, read, write
from idemflow.steps.ledger_entry import TOMBSTONE, parsed
from idemflow.steps.rules.positions import whole_number

# From this many bytes on, the content is kept compressed.
COMPRESSED_FROM = 1024 * 1024

_AS_IT_IS = ("index", "source", "position", "step", "reason")
_KNOWN = (
    *_AS_IT_IS, "run", "id", "version", "operation", "modified", "stage", "attempts", "letter",
    "letter.version", "digest", "replaced",
)  # fmt: skip


def letter(
    attributes: Mapping[str, str | None], content: bytes, pipeline: str
) -> dict[str, object]:
    """The document that keeps a record and the reason why it could not go in.

    Args:
        attributes: ``run``, ``id``, ``version``, ``operation``, ``index``, ``source``,
            ``modified``, ``position``, ``step``, ``reason``, ``stage``, ``attempts`` and
            ``replaced``, as far as known.
        content: the record as it was sent, or a tombstone.
    """
    kept: dict[str, object] = {
        "pipeline": pipeline,
        "run": attributes.get("run"),
        "record_id": attributes.get("id"),
        "version": whole_number(attributes.get("version")),
        "delete": attributes.get("operation") == "delete" or content == TOMBSTONE.encode(),
        **{name: attributes.get(name) for name in _AS_IT_IS},
        "stage": attributes.get("stage") or "collected",
        "attempts": whole_number(attributes.get("attempts")) or 1,
        "time": datetime.now(UTC).isoformat(),
    }
    if attributes.get("modified"):
        kept["modified"] = attributes["modified"]
    if attributes.get("replaced"):
        kept["replaced"] = True
    if len(content) < COMPRESSED_FROM:
        return kept | {"content": content.decode("utf-8", "backslashreplace")}
    packed = base64.b64encode(zlib.compress(content)).decode("ascii")
    return kept | {"content": packed, "content_encoding": "zlib+base64"}


def keep(session: Any, success: Any, *, pipeline: str) -> None:
    """Turn a batch of refused records into dead letters.

    Args:
        success: the relationship of dead letters.
    """
    for flow_file in session.get(AT_ONCE):
        known = {name: flow_file.getAttribute(f"idemflow.{name}") for name in _KNOWN}
        content = read(session, flow_file)
        # What was refused before Load is still as it was collected.
        line = parsed(content) if known["step"] == "Load" else None
        if line is not None:
            content = line.document
            known["operation"] = line.operation
            known["version"] = None if line.version is None else str(line.version)
        write(session, flow_file, json.dumps(letter(known, content, pipeline)).encode())
        attributes = {
            "idemflow.id": _letter_id(known, content, pipeline),
            "idemflow.index": "idemflow-dead-letters",
            # A dead letter is written, whatever was to be done with the record, and has no version.
            "idemflow.operation": "index",
            "idemflow.version": "",
        }
        session.transfer(session.putAllAttributes(flow_file, attributes), success)


def _letter_id(known: Mapping[str, str | None], content: bytes, pipeline: str) -> str:
    versions = {known["version"], known["letter.version"]} - {None, ""}
    if known["letter"] and len(versions) < 2:
        return known["letter"]
    # Of a record that is too large the beginning alone is here, which another may have, too.
    own = content if known["digest"] is None else known["digest"].encode()
    if content == TOMBSTONE.encode():
        own += f"\0{known['version']}\0{known['id']}".encode()
    identifier = hashlib.sha256(pipeline.encode() + b"\0" + own).hexdigest()[:32]
    if not known["modified"]:
        return identifier
    return f"{identifier}-{known['version'] or known['modified']}"
