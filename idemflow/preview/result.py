"""What a pipeline would send: documents, refusals, ids that are there twice, and fields."""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from idemflow.config.settings import Settings
from idemflow.elasticsearch.entries import Repeated, SentInRun
from idemflow.elasticsearch.examples import Example, SentRecord
from idemflow.elasticsearch.spill import Scratch, Spill
from idemflow.errors import NothingRead, NotIdempotent, RecordsRefused
from idemflow.pipeline.identity import Unique
from idemflow.pipeline.spec import Pipeline
from idemflow.preview import runner
from idemflow.preview.reading import Seconds
from idemflow.sources.fields import Scalar
from idemflow.sources.source import Local
from idemflow.steps.chunk_result import ChunkResult
from idemflow.steps.rules.words import counted

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d.*")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
# So many fields are told of; documents may have any number of them.
_FIELDS = 500
# So much of a record that is no document is shown.
_SHOWN = 10_000


@dataclass(frozen=True)
class Document:
    """What would be sent.

    Attributes:
        id: the document's id.
        version: its version, where the pipeline has versions.
        operation: ``index``, ``delete`` or ``tombstone`` (a delete that is remembered).
        position: the record's place in the source, from 1, where that is known.
        source: the file that it comes from, if it comes from one.
        text: the document as JSON; of a delete the record that says so.
    """

    id: str
    version: int | None
    operation: str
    position: int | None
    source: str | None
    text: str

    @property
    def deleted(self) -> bool:
        """Whether the document is to go."""
        return self.operation != "index"


@dataclass(frozen=True)
class Refusal:
    """A record that cannot go in: it would be a dead letter.

    Attributes:
        reason: why not.
        step: which step says so.
        position: the record's place in the source, from 1, where that is known.
        source: the file that it comes from, if it comes from one.
        id: its id, where it has one.
        text: what there is of it.
    """

    reason: str
    step: str
    position: int | None
    source: str | None
    id: str | None
    text: str


@dataclass(frozen=True)
class SeenField:
    """A field of the documents.

    Attributes:
        name: its name, dotted inside of an object.
        types: what it holds, and how often, the most frequent first.
        mapping: its type in the pipeline's mapping, if it is there.
    """

    name: str
    types: dict[str, int]
    mapping: str | None


@dataclass
class Preview:
    """What a pipeline would send.

    Attributes:
        pipeline: the pipeline's name.
        whole: whether all records of the source were looked at.
        records: how many records the source gave.
        documents: how many documents come of them, deletes included.
        deletes: how many of these are deletes.
        dropped: records that the transform makes nothing of.
        refused: records that would become dead letters.
        repeated: records whose id another one has, beyond the first of each id.
        collisions: those of them that have another content.
        unique: what becomes of a run with such records.
        examples: two records of each such id, for the first ids.
        shown: the first documents.
        refusals: the first records that are refused.
        fields: the fields of the documents.
        seconds: how long each step took.
    """

    pipeline: str
    whole: bool
    unique: Unique
    records: int = 0
    documents: int = 0
    deletes: int = 0
    dropped: int = 0
    refused: int = 0
    repeated: int = 0
    collisions: int = 0
    examples: tuple[Example, ...] = ()
    shown: list[Document] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    fields: list[SeenField] = field(default_factory=list)
    seconds: Seconds = field(default_factory=Seconds)


def preview(
    settings: Settings,
    pipeline: Pipeline,
    *,
    limit: int,
    whole: bool = False,
    record: str | None = None,
    arguments: Mapping[str, Scalar] | None = None,
) -> Preview:
    """Run a pipeline's source, transform and identity in this process.

    Memory is bounded by ``verify_memory``, whatever the number of records.

    Args:
        settings: the resolved settings.
        pipeline: the pipeline.
        limit: how many documents, and how many refusals, are kept to be shown; and how many
            records are looked at, unless
        whole: all are.
        record: one record as JSON, in place of what the source gives.
        arguments: values of the run's arguments in place of those of the YAML.

    Raises:
        PipelineError: a script or the source fails; with file, line and cause.
        UsageError: the source can only run in NiFi.
    """
    with tempfile.TemporaryDirectory(prefix="idemflow-preview-") as folder:
        gathered = _Gathered(pipeline, limit, Scratch(Path(folder), settings.verify_bytes).spill())
        gathered.found.whole = whole
        gathered.found.seconds = runner.run(
            settings, pipeline, gathered.take,
            most=None if whole or record is not None else limit,
            records=None if record is None else record.encode("utf-8", "surrogateescape"),
            arguments=arguments,
        )  # fmt: skip
        gathered.end()
        return gathered.found


def documents(
    settings: Settings,
    pipeline: Pipeline,
    *,
    most: int,
    local: Local | None = None,
    records: bytes | None = None,
    arguments: Mapping[str, Scalar] | None = None,
) -> list[Document | Refusal]:
    """What a pipeline would send and refuse, by file and place.

    Args:
        settings: the resolved settings.
        pipeline: the pipeline.
        most: how many records are looked at.
        local: what the source's last step takes.
        records: JSON lines in place of what the source gives.
        arguments: values of the run's arguments in place of those of the YAML.

    Raises:
        PipelineError: a script or the source fails; with file, line and cause.
        UsageError: the source can only run in NiFi.
    """
    made: list[Document | Refusal] = []

    def take(found: ChunkResult, source: str | None) -> None:
        made.extend(_documents(found, source))
        made.extend(_refusals(found, source))

    runner.run(
        settings, pipeline, take, most=most, local=local, records=records, arguments=arguments
    )
    # A step hands on what is no record before the records around it, and files by their time.
    return sorted(made, key=lambda one: (one.source or "", one.position or 0))


def judge(found: Preview) -> None:
    """Say by an error what would end a run with another exit code than 0.

    Raises:
        NotIdempotent: ids are there twice, and ``identity.unique`` is ``fail``.
        RecordsRefused: records would become dead letters.
        NothingRead: there is no record.
    """
    name = found.pipeline
    if found.repeated and found.unique == "fail":
        raise NotIdempotent(
            f"{name}: {counted(found.repeated, 'record has', 'records have')} an id that another "
            "one has; of each id one document would stay",
            next_command=f"choose an identity in flows/{name}.yaml that tells them apart",
        )
    if found.refused:
        raise RecordsRefused(
            f"{name}: {counted(found.refused, 'record', 'records')} would be dead letters",
            next_command=f"mend the source or the transform, then: idemflow preview {name}",
        )
    if not found.records:
        raise NothingRead(
            f"{name}: the source has no record", next_command=f"look at flows/{name}.yaml: collect"
        )


def _documents(found: ChunkResult, source: str | None) -> Iterator[Document]:
    for identifier, version, operation, text, position in found.documents:
        yield Document(identifier, version, operation, position, source, text)


def _refusals(found: ChunkResult, source: str | None) -> Iterator[Refusal]:
    for content, more in found.refused:
        position = more.get("idemflow.position")
        text = content[:_SHOWN].decode("utf-8", "replace")
        yield Refusal(
            more["idemflow.reason"], more["idemflow.step"], int(position) if position else None,
            source, more.get("idemflow.id"), text,
        )  # fmt: skip


class _Gathered:
    """What was found so far."""

    def __init__(self, pipeline: Pipeline, limit: int, rows: Spill) -> None:
        self.found = Preview(pipeline.name, whole=False, unique=pipeline.unique)
        self._mapping = pipeline.mapping()["properties"]
        self._limit = limit
        self._rows = rows
        self._types: dict[str, Counter[str]] = {}

    def take(self, some: ChunkResult, source: str | None) -> None:
        found, limit = self.found, self._limit
        found.records += some.taken
        found.documents += len(some.documents)
        found.dropped += some.dropped
        found.refused += len(some.refused)
        for one in _refusals(some, source) if len(found.refusals) < limit else ():
            if len(found.refusals) < limit:
                found.refusals.append(one)
        for document in _documents(some, source):
            found.deletes += document.deleted
            if len(found.shown) < limit:
                found.shown.append(document)
            if not document.deleted:
                self._note(json.loads(document.text), "")
        places = (position for *_, position in some.documents)
        self._rows.add(
            (key, digest, version, source, place)
            for (key, digest, version), place in zip(some.entries, places, strict=True)
        )

    def end(self) -> None:
        repeated = Repeated()
        for part in self._rows.parts():
            sent = SentInRun()
            sent.add((key, digest, version) for key, digest, version, *_ in part)
            repeated.add(sent)
        found = self.found
        found.repeated, found.collisions = repeated.records, repeated.collisions
        found.examples = self._examples(repeated.ids) if repeated.ids else ()
        found.fields = [
            SeenField(name, dict(types.most_common()), _mapped(self._mapping, name))
            for name, types in self._types.items()
        ]

    def _examples(self, ids: list[str]) -> tuple[Example, ...]:
        """Two records of each id, which differ where any of its records do."""
        records: dict[str, list[SentRecord]] = {identifier: [] for identifier in ids}
        for part in self._rows.parts():
            for key, *more in part:
                known = records.get(key)
                if known is None or (len(known) == 2 and known[0].content != known[1].content):
                    continue
                one = SentRecord(*more)
                if len(known) < 2:
                    known.append(one)
                elif one.content != known[0].content:
                    known[1] = one
        return tuple(Example(key, tuple(both)) for key, both in records.items())

    def _note(self, value: dict[str, Any], above: str) -> None:
        for name, inner in value.items():
            full = f"{above}{name}"
            if isinstance(inner, dict) and inner:
                self._note(inner, f"{full}.")
            elif full in self._types or len(self._types) < _FIELDS:
                self._types.setdefault(full, Counter())[_kind(inner)] += 1


def _kind(value: object) -> str:
    if isinstance(value, str):
        if _TIMESTAMP.fullmatch(value):
            return "timestamp"
        return "date" if _DATE.fullmatch(value) else "text"
    kinds = ((bool, "boolean"), (int, "integer"), (float, "number"), (list, "array"),
             (dict, "object"))  # fmt: skip
    return next((name for kind, name in kinds if isinstance(value, kind)), "null")


def _mapped(properties: dict[str, Any], name: str) -> str | None:
    """The type of a field in a mapping; a dot leads into an object."""
    if name in properties:
        kind = properties[name].get("type")
        return str(kind) if kind else None
    first, _, rest = name.partition(".")
    inner = properties.get(first, {}).get("properties")
    return _mapped(inner, rest) if rest and inner else None
