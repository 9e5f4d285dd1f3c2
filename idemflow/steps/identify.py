"""The Identify step: transforms records, and gives each the id and the version of its document.

Runs inside NiFi: standard library only. A record without an identity goes to ``failure`` with the
reason; no id is ever made up.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import repeat
from typing import Any

from idemflow.steps import flow_file, processor
from idemflow.steps.chunk_result import ChunkResult, batched, positions_of, single
from idemflow.steps.ledger_entry import TOMBSTONE, as_line, write_manifest
from idemflow.steps.nesting import too_deep
from idemflow.steps.parts import PART_BYTES, Beginning, Part, parts, size_of
from idemflow.steps.records import NoRecord, from_line, reader, why_unwritten
from idemflow.steps.rules.digits import lost_digits
from idemflow.steps.rules.identity import (
    NoIdentity,
    canonical,
    content_digest,
    content_hash,
    id_maker,
)
from idemflow.steps.rules.manifest import pack
from idemflow.steps.rules.positions import decode, whole_number
from idemflow.steps.rules.version import NoVersion, delete_reader, file_version, version_reader
from idemflow.steps.transform import Transform, transformed


def sort(
    part: Part,
    places: Iterator[int | None],
    transform: Transform | None,
    stage: str,
    *,
    identity: Mapping[str, Any],
    version: Mapping[str, str] | None,
    delete: Mapping[str, Any] | None,
    modified: int | None = None,
) -> Iterator[ChunkResult]:
    """Transform and identify the records of a part of a chunk.

    Args:
        part: JSON lines.
        places: the positions in the source of these records and those that follow.
        transform: the user's function, if it is still to be called.
        stage: ``document`` if records were transformed or are now, else ``collected``.
        identity: the identity rule.
        version: ``{"field": name, "type": "timestamp" | "integer"}``, or ``None``.
        delete: the delete rule, or ``None``.
        modified: without a version rule, when the file of the records was changed, if its later
            records win; in milliseconds since 1970.

    Yields:
        Whenever there are documents enough for a FlowFile, and at the end, what became of the
        records since.

    Raises:
        ValueError: one of them is no such rule.
    """
    found = ChunkResult()
    identifier_of = id_maker(identity)
    version_of = version_reader(version["field"], version["type"]) if version else None
    deleted = delete_reader(delete) if delete else None
    # Then the id is the content hash, which need not be computed again.
    by_content = bool(identity.get("content")) and not identity.get("except")
    lost: list[str] = []  # numbers of which a double loses digits
    for text, record, position in _records(part, places, transform, found, lost):
        size = size_of(text)
        if found.documents and found.size + size > PART_BYTES:
            yield found.split()
        identifier = None
        try:
            if "_id" in record or "_version" in record or "_op" in record:
                raise NoIdentity("a record cannot have a field _id, _version or _op; rename it")
            if "idemflow_deleted" in record:
                raise NoIdentity("the field idemflow_deleted is idemflow's own; rename it")
            identifier = identifier_of(record)
            number: int | None = None
            if version_of is not None:
                number = version_of(record)
            elif modified is not None:
                number = file_version(modified, position)
            if deleted is not None and deleted(record):
                operation = "delete" if number is None else "tombstone"
                digest = ""
            else:
                operation = "index"
                digest = identifier if by_content else content_hash(canonical(record))
                digest = content_digest(record) if lost else digest
        except Exception as error:  # one record never ends a run
            reason = _why_refused(record, error)
        else:
            found.documents.append((identifier, number, operation, text, position))
            found.entries.append((identifier, digest, number))
            found.size += size
            continue
        found.refuse(
            text, reason, step="Identify", stage=stage, position=position, identifier=identifier
        )
    yield found


def _why_refused(record: object, error: Exception) -> str:
    """Why a record cannot be identified."""
    if isinstance(error, MemoryError):
        raise error  # this is no fault of the record
    known = isinstance(error, NoIdentity | NoVersion)
    return str(error) if known else f"the record {why_unwritten(record, error)}"


def _records(
    part: Part,
    places: Iterator[int | None],
    transform: Transform | None,
    found: ChunkResult,
    lost: list[str],
) -> Iterator[tuple[str, dict[str, Any], int | None]]:
    """The records of a part, transformed, each with its text and position; others are refused."""
    data = part.data
    if isinstance(data, Beginning):
        text = data.decode("utf-8", "backslashreplace")
        position, digest = next(places), data.digest
        found.taken = 1
        found.refuse(
            text, part.reason, step="Collect", stage="collected", position=position, digest=digest
        )
        return
    try:
        lines = data.decode().removesuffix("\n").split("\n") if data else []
        sound = True
    except UnicodeDecodeError:
        lines = data.decode("utf-8", "surrogateescape").removesuffix("\n").split("\n")
        sound = False
    read = reader(lost)
    for line in lines:
        position = next(places)
        found.taken += 1
        try:
            record, end = (None, 0) if too_deep(line) else read(line)
        except (ValueError, RecursionError):
            record, end = None, 0
        if end != len(line) or type(record) is not dict or not sound:
            # White space around the object; or a line that is none, and then why.
            try:
                record = from_line(line)
                lost += lost_digits(record)
            except NoRecord as error:
                why = f"the record {error}"
                found.refuse(line, why, step="Collect", stage="collected", position=position)
                continue
        if transform is None:
            yield line if end == len(line) else line.strip(), record, position
            continue
        try:
            texts = transformed(transform, record)
            # What goes on is identified, not what the function gave: a date is text by now.
            made = [(text, read(text)[0], position) for text in texts]
        except (ValueError, RecursionError) as error:
            found.refuse(line, str(error), step="Transform", stage="collected", position=position)
            continue
        found.dropped += not texts
        yield from made


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
    if chunk.getAttribute("idemflow.kind") is not None:
        if batch:
            data = flow_file.read(session, chunk)
            line = as_line(chunk.getAttribute("idemflow.id"), data.decode())
            flow_file.write(session, chunk, line.encode())
        session.transfer(chunk, success)
        return
    run = chunk.getAttribute("idemflow.run") or ""
    started = chunk.getAttribute("idemflow.started") or ""
    index = chunk.getAttribute("idemflow.index") or index
    index = index.replace("{run}", run.lower()).replace("{day}", started[:10])
    again = chunk.getAttribute("idemflow.transformed") == "true"
    stage = "collected" if transform is None and not again else "document"
    positions = chunk.getAttribute("idemflow.positions") or chunk.getAttribute("idemflow.position")
    parent = chunk = session.removeAttribute(chunk, "idemflow.positions")
    for found in results(
        session, chunk, positions, transform, identity=identity, version=version, delete=delete
    ):
        if found.goes_on or len(found.documents) + len(found.refused) > 1:
            # A replayed letter can be one record only: of several, each is a letter of its own.
            parent = session.removeAttribute(parent, "idemflow.letter")
        passed = batched(found) if batch else single(found)
        for relationship, flow_files, more in (
            (success, passed, {"idemflow.index": index, "idemflow.stage": stage}),
            (failure, found.refused, {"idemflow.index": index}),
        ):
            made = [
                flow_file.create(session, parent, text, attributes | more)
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
                "bytes": found.size,
                "entries": pack(found.entries),
                "source": parent.getAttribute("idemflow.source"),
                "positions": positions_of(found),
            },
            batch=batch,
        )
    session.remove(parent)


def results(
    session: Any,
    chunk: Any,
    positions: str | None,
    transform: Transform | None,
    *,
    identity: Mapping[str, Any],
    version: Mapping[str, str] | None,
    delete: Mapping[str, Any] | None,
) -> Iterable[ChunkResult]:
    """What becomes of the records of a FlowFile.

    Args:
        session: NiFi's, or one in plain Python.
        chunk: the FlowFile.
        positions: the places of its records, as its attribute has them.
        transform: the user's function, if the pipeline has one.
        identity: see :func:`sort`, as for the others.

    Raises:
        ValueError: one of them is no such rule.
    """
    tombstone = chunk.getAttribute("idemflow.tombstone")
    if tombstone is not None:
        return [_deleted(chunk, tombstone, positions, versioned=version is not None)]
    if chunk.getAttribute("idemflow.reason") is not None:
        return [_unusable(chunk, flow_file.read(session, chunk))]
    again = chunk.getAttribute("idemflow.transformed") == "true"
    read = _Content(session, chunk)
    wanted = None if again else transform
    stage = "collected" if transform is None and not again else "document"
    places = iter(decode(positions, read.lines()) or repeat(None))
    # A file's time cannot say which of two deletes is the later: that needs a tombstone.
    dated = version is None and delete is None
    modified = whole_number(chunk.getAttribute("idemflow.modified")) if dated else None
    return (
        found
        for part in read
        for found in sort(
            part, places, wanted, stage,
            identity=identity, version=version, delete=delete, modified=modified,
        )
    )  # fmt: skip


class _Content:
    """The parts of a chunk, as often as they are asked for."""

    def __init__(self, session: Any, chunk: Any) -> None:
        self._session = session
        self._chunk = chunk
        self._small: list[Part] | None = None
        if chunk.getSize() <= PART_BYTES:
            with session.read(chunk) as stream:
                self._small = list(parts(stream))

    def __iter__(self) -> Iterator[Part]:
        if self._small is not None:
            yield from self._small
            return
        # NiFi makes nothing from a FlowFile while it is read, but from what it is a copy of.
        copied = self._session.clone(self._chunk)
        with self._session.read(copied) as stream:
            yield from parts(stream)
        self._session.remove(copied)

    def lines(self) -> int:
        """How many records there are."""
        return sum(part.lines for part in self)


def _deleted(chunk: Any, identifier: str, positions: str | None, *, versioned: bool) -> ChunkResult:
    """A refused tombstone that is sent again: id and version are all that is left of its record."""
    found = ChunkResult()
    found.taken = 1
    number = whole_number(chunk.getAttribute("idemflow.letter.version")) if versioned else None
    operation = "delete" if number is None else "tombstone"
    place = next(iter(decode(positions, 1) or ()), None)
    found.documents.append((identifier, number, operation, TOMBSTONE, place))
    found.entries.append((identifier, "", number))
    return found


def _unusable(chunk: Any, data: bytes) -> ChunkResult:
    """What Collect could not make a record of has its reason already."""
    found = ChunkResult()
    found.taken = 1
    reason = chunk.getAttribute("idemflow.reason")
    step = chunk.getAttribute("idemflow.step") or "Collect"
    attributes = {"idemflow.reason": reason, "idemflow.step": step, "idemflow.stage": "collected"}
    found.refused.append((data, attributes))
    return found
