"""The two forms in which documents travel to Elasticsearch, and how one becomes the other.

A document is a FlowFile, with id, version and operation as attributes; or a line of a batch, which
starts with them. A deployment changes the form where ``load.batch`` changes, or where the NiFi got
another PutElasticsearchJson; what is queued then has the old one. No processor takes it: for the
one a line has no id of its own and a field ``_id``, which Elasticsearch refuses; for the other a
document without that field has no id. So it comes to the triage, whole. Runs inside NiFi: standard
library only.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from idemflow.steps.flow_file import create, write
from idemflow.steps.ledger_entry import parsed, prefix
from idemflow.steps.rules.positions import nth, whole_number

# What the processor and a batch left on a FlowFile, and what a document's own does not have.
_OF_BATCH = (
    "idemflow.positions",
    "elasticsearch.record.index",
    "elasticsearch.record.offset",
)
_OF_REFUSAL = ("elasticsearch.bulk.error", "elasticsearch.put.error")


class Document(NamedTuple):
    """A FlowFile of a single document.

    Attributes:
        flow_file: it is still to be transferred.
        sound: whether it has an id; else it can never go in.
    """

    flow_file: Any
    sound: bool


def is_batch(data: bytes) -> bool:
    """Whether a content is lines of a batch: a document has no field ``_id``."""
    return parsed(data) is not None


def is_document(flow_file: Any, data: bytes) -> bool:
    """Whether a FlowFile is a single document: it has an id, and its content has none."""
    return bool(flow_file.getAttribute("idemflow.id")) and data.startswith(b"{")


def unpack(session: Any, batch: Any, data: bytes) -> Iterator[Document]:
    """The documents of a batch, a FlowFile each; the batch is still to be removed.

    Args:
        batch: the FlowFile.
        data: its content.
    """
    positions = batch.getAttribute("idemflow.positions")
    first = whole_number(
        batch.getAttribute("elasticsearch.record.index")
        or batch.getAttribute("elasticsearch.record.offset")
        or "0"
    )
    for number, text in enumerate(data.split(b"\n"), first or 0):
        if not text.strip():
            continue
        line = parsed(text)
        attributes = {}
        if line is not None:
            attributes = {"idemflow.id": line.identifier, "idemflow.operation": line.operation}
            if line.version is not None:
                attributes["idemflow.version"] = str(line.version)
        position = nth(positions, number)
        if position is not None:
            attributes["idemflow.position"] = str(position)
        made = create(session, batch, text if line is None else line.document, attributes)
        for name in (*_OF_BATCH, *_OF_REFUSAL):
            made = session.removeAttribute(made, name)
        yield Document(made, line is not None)


def pack(session: Any, document: Any, data: bytes) -> Any:
    """A document as a batch of one line.

    Args:
        document: the FlowFile.
        data: its content.
    """
    text = data.strip().replace(b"\n", b" ").decode()
    start = prefix(
        document.getAttribute("idemflow.id"),
        whole_number(document.getAttribute("idemflow.version")),
        document.getAttribute("idemflow.operation") or "index",
    )
    rest = text[1:].lstrip()
    write(session, document, f"{start}{'' if rest.startswith('}') else ','}{rest}".encode())
    for name in _OF_REFUSAL:
        document = session.removeAttribute(document, name)
    return document
