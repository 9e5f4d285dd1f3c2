"""Documents of the ledger from inside a step, and the form that documents have in a batch.

Runs inside NiFi: standard library only. In a batch, a FlowFile is many documents as JSON lines,
and each line starts with what a FlowFile of a single document has as attributes:
``{"_id":"...","_version":1,"_op":"delete",`` and the rest of the document.
"""

import json
import re
from typing import Any, NamedTuple

from idemflow.steps.flow_file import write
from idemflow.steps.rules.manifest import pack

# A manifest that accounts for no record.
EMPTY: dict[str, object] = {
    **dict.fromkeys(("taken", "count", "refused", "dropped"), 0),
    **dict.fromkeys(("entries", "stale"), pack([])),
}

# What stands for a deleted document, so that Elasticsearch remembers the version of the delete.
TOMBSTONE = '{"idemflow_deleted":true}'

# What :func:`prefix` gives, and the comma behind it.
_PREFIX = re.compile(
    rb'\{"_id":("(?:[^"\\]|\\.)*")(?:,"_version":(\d+))?(,"_op":"delete")?(?:,|(?=\}))'
)

_write = json.JSONEncoder(ensure_ascii=False).encode


class Line(NamedTuple):
    """A line of a batch.

    Attributes:
        identifier: the document's id.
        version: its external version, if it has one.
        operation: ``index`` or ``delete``.
        document: the text of the document alone.
    """

    identifier: str
    version: int | None
    operation: str
    document: bytes


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


def parsed(data: bytes) -> Line | None:
    """The first line of a batch; ``None`` if it is none.

    Args:
        data: one or more lines; what is behind the first prefix counts as the document.
    """
    match = _PREFIX.match(data)
    if match is None:
        return None
    try:
        identifier = json.loads(match[1])
    except ValueError:
        return None
    version = int(match[2]) if match[2] else None
    operation = "delete" if match[3] else "index"
    return Line(identifier, version, operation, b"{" + data[match.end() :])
