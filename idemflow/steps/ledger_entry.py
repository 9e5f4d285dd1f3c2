"""Documents of the ledger from inside a step, and the form that documents have in a batch.

Runs inside NiFi: standard library only. In a batch, a FlowFile is many documents as JSON lines,
and each line starts with what a FlowFile of a single document has as attributes:
``{"_id":"...","_version":1,"_op":"delete",`` and the rest of the document.
"""

import json
from typing import Any

from idemflow.steps.flow_file import write
from idemflow.steps.rules.manifest import pack

# A manifest that accounts for no record.
EMPTY: dict[str, object] = {
    **dict.fromkeys(("taken", "count", "refused", "dropped"), 0),
    **dict.fromkeys(("entries", "stale"), pack([])),
}

_write = json.JSONEncoder(ensure_ascii=False).encode


def prefix(identifier: str, version: int | None = None, operation: str = "index") -> str:
    """The start of a document's line in a batch, without the comma behind it.

    Args:
        identifier: the document's id.
        version: its external version, if it has one.
        operation: ``index`` or ``delete``.
    """
    start = f'{{"_id":{_write(identifier)}'
    if version is not None:
        start += f',"_version":{version}'
    if operation == "delete":
        start += ',"_op":"delete"'
    return start


def attributes_of(kind: str, run: str, identifier: str) -> dict[str, str]:
    """The attributes of a document of the ledger.

    Args:
        kind: ``run`` or ``manifest``.
        identifier: the document's id.
    """
    return {
        "idemflow.kind": kind,
        "idemflow.run": run,
        "idemflow.id": identifier,
        "idemflow.index": f"idemflow-{kind}s",
        "idemflow.operation": "index",
    }


def write_manifest(
    session: Any,
    relationship: Any,
    *,
    pipeline: str,
    run: str,
    index: str,
    content: dict[str, object],
    batch: bool,
) -> None:
    """Add a FlowFile that Load writes to ``idemflow-manifests``.

    Args:
        relationship: where the chunk goes.
        index: the index that the run's documents go to.
        content: what is not as in :data:`EMPTY`.
        batch: whether Load takes batches.
    """
    chunk = session.create()
    # The FlowFile's own id: stable from the commit on, so that a re-send overwrites.
    identifier = f"{run}:{chunk.getAttribute('uuid')}"
    text = json.dumps({"pipeline": pipeline, "run": run, "index": index, **EMPTY, **content})
    write(session, chunk, (as_line(identifier, text) if batch else text).encode())
    attributes = {"idemflow.pipeline": pipeline, **attributes_of("manifest", run, identifier)}
    session.transfer(session.putAllAttributes(chunk, attributes), relationship)


def as_line(identifier: str, text: str) -> str:
    """A document of the ledger as a line of a batch.

    Args:
        identifier: the document's id.
        text: the document as JSON, with at least one field.
    """
    return f"{prefix(identifier)},{text[1:]}"
