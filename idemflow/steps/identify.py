"""The Identify step: transforms records, and gives each the id and the version of its document.

Runs inside NiFi: standard library only. A record without an identity goes to ``failure`` with the
reason; no id is ever made up.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from idemflow.steps import flow_file, processor
from idemflow.steps.ledger_entry import TOMBSTONE, as_line, prefix, write_manifest
from idemflow.steps.records import NoRecord, decoder, from_line
from idemflow.steps.rules.identity import NoIdentity, canonical, content_hash, id_maker
from idemflow.steps.rules.manifest import pack
from idemflow.steps.rules.positions import decode, encode, whole_number
from idemflow.steps.rules.version import NoVersion, delete_reader, version_reader
from idemflow.steps.transform import Transform, transformed

# Attributes are kept in NiFi's memory; a reason is for people to read.
_REASON_LENGTH = 4000


class ChunkResult:
    """What became of the records of a chunk.

    Attributes:
        taken: how many records the chunk had.
        documents: id, version, operation (``index``, ``delete`` or ``tombstone``), the record's
            text and its position.
        entries: their part of the manifest.
        refused: text and attributes of each record that cannot go in.
        dropped: how many records the transform made nothing of.
    """

    def __init__(self) -> None:
        self.taken = 0
        self.documents: list[tuple[str, int | None, str, str, int | None]] = []
        self.entries: list[tuple[str, str, int | None]] = []
        self.refused: list[tuple[bytes, dict[str, str]]] = []
        self.dropped = 0

    def refuse(
        self,
        text: str,
        reason: str,
        *,
        step: str,
        stage: str,
        position: int | None,
        identifier: str | None = None,
    ) -> None:
        """Note that a record cannot go in, and which step says why."""
        reason = reason.encode("utf-8", "backslashreplace").decode()[:_REASON_LENGTH]
        attributes = {
            "idemflow.reason": reason,
            "idemflow.step": step,
            "idemflow.stage": stage,
            "idemflow.position": None if position is None else str(position),
            "idemflow.id": identifier,
        }
        known = {name: value for name, value in attributes.items() if value is not None}
        self.refused.append((text.encode("utf-8", "surrogateescape"), known))


def sort(
    data: bytes,
    positions: str | None,
    transform: Transform | None,
    stage: str,
    *,
    identity: Mapping[str, Any],
    version: Mapping[str, str] | None,
    delete: Mapping[str, Any] | None,
) -> ChunkResult:
    """Transform and identify the records of a chunk.

    Args:
        data: JSON lines.
        positions: the records' positions in the source, as the chunk's attribute has them.
        transform: the user's function, if it is still to be called.
        stage: ``document`` if records were transformed or are now, else ``collected``.
        identity: the identity rule.
        version: ``{"field": name, "type": "timestamp" | "integer"}``, or ``None``.
        delete: the delete rule, or ``None``.

    Raises:
        ValueError: one of them is no such rule.
    """
    found = ChunkResult()
    identifier_of = id_maker(identity)
    version_of = version_reader(version["field"], version["type"]) if version else None
    deleted = delete_reader(delete) if delete else None
    # Then the id is the content hash, which need not be computed again.
    by_content = bool(identity.get("content")) and not identity.get("except")
    for text, record, position in _records(data, positions, transform, found):
        identifier = None
        try:
            if "_id" in record or "_version" in record or "_op" in record:
                raise NoIdentity("a record cannot have a field _id, _version or _op; rename it")
            if "idemflow_deleted" in record:
                raise NoIdentity("the field idemflow_deleted is idemflow's own; rename it")
            identifier = identifier_of(record)
            number = None if version_of is None else version_of(record)
            if deleted is not None and deleted(record):
                operation = "delete" if number is None else "tombstone"
                digest = ""
            else:
                operation = "index"
                digest = identifier if by_content else content_hash(canonical(record))
        except (NoIdentity, NoVersion) as error:
            reason = str(error)
        except (ValueError, RecursionError) as error:
            reason = f"the record cannot be written as JSON: {error}"
        else:
            found.documents.append((identifier, number, operation, text, position))
            found.entries.append((identifier, digest, number))
            continue
        found.refuse(
            text, reason, step="Identify", stage=stage, position=position, identifier=identifier
        )
    return found


def _records(
    data: bytes, positions: str | None, transform: Transform | None, found: ChunkResult
) -> Iterator[tuple[str, dict[str, Any], int | None]]:
    """The records of a chunk, transformed, each with its text and position; others are refused."""
    try:
        lines = data.decode().removesuffix("\n").split("\n") if data else []
        sound = True
    except UnicodeDecodeError:
        lines = data.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n")
        sound = False
    found.taken = len(lines)
    read = decoder.raw_decode
    places: Sequence[int | None] = decode(positions, len(lines)) or [None] * len(lines)
    for line, position in zip(lines, places, strict=True):
        try:
            record, end = read(line)
        except (ValueError, RecursionError):
            record, end = None, 0
        if end != len(line) or type(record) is not dict or not sound:
            # White space around the object; or a line that is none, and then why.
            try:
                record = from_line(line)
            except NoRecord as error:
                why = f"the record {error}"
                found.refuse(line, why, step="Collect", stage="collected", position=position)
                continue
        if transform is None:
            yield line if end == len(line) else line.strip(), record, position
            continue
        try:
            texts = transformed(transform, record)
        except NoRecord as error:
            found.refuse(line, str(error), step="Transform", stage="collected", position=position)
            continue
        found.dropped += not texts
        for text in texts:
            # What goes on is identified, not what the function gave: a date is text by now.
            yield text, read(text)[0], position


def identify(
    session: Any,
    context: Any,
    success: Any,
    failure: Any,
    *,
    pipeline: str,
    batch: bool,
    transform: Transform | None = None,
) -> None:
    """Identify the records of one queued FlowFile, and write their part of the manifest.

    The processor's properties are ``index`` (which the FlowFile's ``idemflow.index`` precedes;
    ``{run}`` and ``{day}`` in it stand for the run's own), ``identity``, ``version`` and ``delete``
    (rules as JSON; the last two may be missing).

    Args:
        success: the relationship of documents, of manifests and of the run's summary.
        failure: the relationship of records that cannot go in.
        batch: whether a FlowFile of documents is a batch of JSON lines, or one document each.
        transform: the user's function, if the pipeline has one.
    """
    index = processor.text(context, "index")
    identity = json.loads(processor.text(context, "identity"))
    version = json.loads(processor.optional(context, "version") or "null")
    delete = json.loads(processor.optional(context, "delete") or "null")
    chunk = session.get()
    if chunk is None:
        return
    data = flow_file.read(session, chunk)
    if chunk.getAttribute("idemflow.kind") is not None:
        if batch:
            line = as_line(chunk.getAttribute("idemflow.id"), data.decode())
            flow_file.write(session, chunk, line.encode())
        session.transfer(chunk, success)
        return
    run = chunk.getAttribute("idemflow.run") or ""
    started = chunk.getAttribute("idemflow.started") or ""
    index = chunk.getAttribute("idemflow.index") or index
    index = index.replace("{run}", run.lower()).replace("{day}", started[:10])
    positions = chunk.getAttribute("idemflow.positions") or chunk.getAttribute("idemflow.position")
    chunk = session.removeAttribute(chunk, "idemflow.positions")
    again = chunk.getAttribute("idemflow.transformed") == "true"
    stage = "collected" if transform is None and not again else "document"
    reason = chunk.getAttribute("idemflow.reason")
    tombstone = chunk.getAttribute("idemflow.tombstone")
    if tombstone is not None:
        found = _deleted(chunk, tombstone, positions, versioned=version is not None)
    elif reason is None:
        wanted = None if again else transform
        found = sort(
            data, positions, wanted, stage, identity=identity, version=version, delete=delete
        )
    else:
        found = _unusable(chunk, data, reason)
    if len(found.documents) + len(found.refused) > 1:
        # A replayed letter can be one record only: of several, each is a letter of its own.
        chunk = session.removeAttribute(chunk, "idemflow.letter")
    passed = _batched(found) if batch else _single(found)
    for relationship, flow_files, more in (
        (success, passed, {"idemflow.index": index, "idemflow.stage": stage}),
        (failure, found.refused, {"idemflow.index": index}),
    ):
        made = [
            flow_file.create(session, chunk, text, attributes | more)
            for text, attributes in flow_files
        ]
        session.transfer(made, relationship)
    write_manifest(
        session,
        success,
        pipeline=pipeline,
        run=run,
        index=index,
        content={
            "taken": found.taken,
            "count": len(found.entries),
            "refused": len(found.refused),
            "dropped": found.dropped,
            "entries": pack(found.entries),
            "source": chunk.getAttribute("idemflow.source"),
            "positions": _positions(found),
        },
        batch=batch,
    )
    session.remove(chunk)


def _deleted(chunk: Any, identifier: str, positions: str | None, *, versioned: bool) -> ChunkResult:
    """A refused tombstone that is sent again: id and version are all that is left of its record."""
    found = ChunkResult()
    found.taken = 1
    number = whole_number(chunk.getAttribute("idemflow.letter.version")) if versioned else None
    operation = "delete" if number is None else "tombstone"
    places: Sequence[int | None] = decode(positions, 1) or [None]
    found.documents.append((identifier, number, operation, TOMBSTONE, places[0]))
    found.entries.append((identifier, "", number))
    return found


def _unusable(chunk: Any, data: bytes, reason: str) -> ChunkResult:
    """What Collect could not make a record of has its reason already."""
    found = ChunkResult()
    found.taken = 1
    step = chunk.getAttribute("idemflow.step") or "Collect"
    attributes = {"idemflow.reason": reason, "idemflow.step": step, "idemflow.stage": "collected"}
    found.refused.append((data, attributes))
    return found


def _batched(found: ChunkResult) -> list[tuple[bytes, dict[str, str]]]:
    """The documents as one FlowFile: a line each, which starts with its id and version."""
    if not found.documents:
        return []
    lines = [
        f"{prefix(identifier, version, operation)},"
        f"{TOMBSTONE[1:] if operation == 'tombstone' else text[1:]}"
        for identifier, version, operation, text, _ in found.documents
    ]
    positions = _positions(found)
    attributes = {"idemflow.positions": positions} if positions else {}
    return [("\n".join(lines).encode(), attributes)]


def _positions(found: ChunkResult) -> str | None:
    """Where the records of the documents are in the source, if that is known."""
    positions = [position for *_, position in found.documents if position is not None]
    return encode(positions) if positions else None


def _single(found: ChunkResult) -> list[tuple[bytes, dict[str, str]]]:
    """The documents as a FlowFile each, with id and version as attributes."""
    made = []
    for identifier, version, operation, text, position in found.documents:
        attributes = {
            "idemflow.id": identifier,
            "idemflow.operation": "delete" if operation == "delete" else "index",
        }
        if version is not None:
            attributes["idemflow.version"] = str(version)
        if position is not None:
            attributes["idemflow.position"] = str(position)
        made.append(((TOMBSTONE if operation == "tombstone" else text).encode(), attributes))
    return made
