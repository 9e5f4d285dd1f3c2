"""A pipeline's YAML as typed, validated data."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    PlainValidator,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from idemflow.pipeline.expect import Expect
from idemflow.pipeline.identity import Delete, Fields, Identity, Unique, Version
from idemflow.pipeline.retention import LongPeriod, PruneRules
from idemflow.pipeline.schedule import Schedule, as_schedule
from idemflow.sources import registry
from idemflow.sources.fields import (
    FieldName,
    FieldType,
    FunctionName,
    Name,
    Period,
    ScriptPath,
    Strict,
    Text,
    as_field,
    as_fields,
)
from idemflow.sources.source import Source

# Elasticsearch's rules for an index name (its "Create index" reference).
_INDEX_FORBIDDEN = re.compile(r'[\\/*?"<>| ,#:A-Z{}]')
RUN, DAY = "{run}", "{day}"
# What stands for them in an index' name.
_FORMS = {RUN: r"\d{8}t\d{9}-[0-9a-f]{8}", DAY: r"\d{4}-\d{2}-\d{2}"}


class Transform(Strict):
    """A function of a script that changes each record: to another, to several, or to none.

    Attributes:
        script: path of the script, relative to the project.
        function: name of the function in it.
    """

    script: ScriptPath
    function: FunctionName


def check_refusals(value: object) -> str:
    """A number of records, or a share of a run's, as text.

    Raises:
        ValueError: it is none.
    """
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch(
        r"[0-9]{1,15}|(100|[0-9]{1,2}(\.[0-9]+)?)%", text
    ):
        raise ValueError('a number of records, or a share of them: 10, "1%"')
    return text


def refusals(limit: str, records: int) -> int:
    """How many of so many records may be refused, by what :func:`check_refusals` gives."""
    if limit.endswith("%"):
        return math.floor(Fraction(limit.removesuffix("%")) * records / 100)
    return int(limit)


class SnapshotRules(Strict):
    """Which snapshots readers get to see.

    Attributes:
        max_refused: a run of which more records became dead letters is not published.
    """

    max_refused: Annotated[
        str,
        BeforeValidator(check_refusals),
        WithJsonSchema({"type": ["integer", "string"], "minimum": 0, "pattern": "^[0-9.]+%?$"}),
    ] = "0"


class Index(Strict):
    """The index that the documents go to.

    Attributes:
        name: the index' name; ``{run}`` or ``{day}`` at its end makes an index per run or per day.
        shared: whether other pipelines may write to it, each of which says so, too.
        shards: number of primary shards, for a new index.
        replicas: number of replicas of each.
        refresh: how soon searches see what was written; ``None`` for Elasticsearch's own way.
        mapping: field name to field type, or to a full mapping of the field.
        dynamic: what Elasticsearch does with a field that is not in the mapping.
    """

    name: str
    shared: bool = False
    shards: Annotated[int, Field(ge=1, le=1024)] = 1
    replicas: Annotated[int, Field(ge=0, le=10)] = 0
    refresh: Period | None = None
    mapping: dict[FieldName, FieldType] = Field(default_factory=dict)
    dynamic: Literal["true", "false", "strict"] = "true"

    @field_validator("name")
    @classmethod
    def _elasticsearch_takes_it(cls, value: str) -> str:
        filled = value.removesuffix(RUN).removesuffix(DAY)
        # Room for what idemflow appends: the run of a snapshot is the longest.
        if not filled or len(filled.encode()) > 227 or value in (".", ".."):
            raise ValueError("an index name has 1 to 227 bytes and is not . or ..")
        if value[0] in "-_+." or _INDEX_FORBIDDEN.search(filled):
            raise ValueError(
                'Elasticsearch takes lower case, no blank and none of \\ / * ? " < > | , # :, '
                "and a letter or digit first; {run} or {day} may end it"
            )
        if value.startswith("idemflow-"):
            raise ValueError("indices that start with idemflow- belong to the ledger")
        return value

    @field_validator(
        "dynamic", mode="before", json_schema_input_type=bool | Literal["true", "false", "strict"]
    )
    @classmethod
    def _yaml_booleans(cls, value: object) -> object:
        return str(value).lower() if isinstance(value, bool) else value


class Load(Strict):
    """How documents are sent.

    Attributes:
        batch: records in one FlowFile, at least 1,000: 2 to 999 make FlowFiles of 1,000. 1 makes
            each record a FlowFile of its own.
        tasks: bulk requests at a time.
        retry_after: pause before something that an outage held up is tried again.
        queue: number of FlowFiles at which a full queue holds back the step before it.
    """

    batch: Annotated[int, Field(ge=1, le=100_000)] = 5000
    tasks: Annotated[int, Field(ge=1, le=16)] = 1
    retry_after: Period = "5 s"
    queue: Annotated[int, Field(ge=100, le=10_000_000)] = 50_000


class LedgerRules(Strict):
    """What the ledger keeps.

    Attributes:
        keep: how long the summaries of runs are kept, and deletes are remembered.
    """

    keep: LongPeriod = "30 days"


class Pipeline(Strict):
    """A whole pipeline, as one file in ``flows/`` describes it.

    Attributes:
        pipeline: its name, the same as the file's.
        description: what the canvas says of it.
        collect: the source: where the records come from.
        transform: a function that changes each record.
        identity: what makes a document's id: a field, a list of fields, or ``{content-hash:
            true}``.
        version: the field that says which of two states of a record is newer; an older one never
            replaces a newer document.
        delete: the field that says that a document is to go.
        mode: ``snapshot``: each run replaces all documents of the run before.
        snapshots: which snapshots readers get to see; with ``mode: snapshot``.
        index: the index that the documents go to.
        load: how documents are sent.
        schedule: when it runs by itself, once that is started: a period, or the times of a clock.
        ledger: what is remembered of its runs.
        expect: the thresholds of ``idemflow status --check``.
        after: pipelines that ``run --all`` and ``deploy --all`` take before this one.
    """

    pipeline: Name
    description: Text = ""
    collect: Annotated[Source, PlainValidator(registry.parse, json_schema_input_type=object)]
    transform: Transform | None = None
    identity: Annotated[
        Identity, BeforeValidator(as_fields, json_schema_input_type=FieldName | Fields | Identity)
    ]
    version: (
        Annotated[Version, BeforeValidator(as_field, json_schema_input_type=FieldName | Version)]
        | None
    ) = None
    delete: (
        Annotated[Delete, BeforeValidator(as_field, json_schema_input_type=FieldName | Delete)]
        | None
    ) = None
    mode: Literal["upsert", "snapshot"] = "upsert"
    snapshots: SnapshotRules | None = Field(default=None, alias="snapshot")
    index: Index
    load: Load = Field(default_factory=Load)
    schedule: (
        Annotated[Schedule, BeforeValidator(as_schedule, json_schema_input_type=Period | Schedule)]
        | None
    ) = None
    ledger: LedgerRules = Field(default_factory=LedgerRules)
    prune: PruneRules | None = None
    expect: Expect | None = None
    after: Annotated[
        list[Name],
        BeforeValidator(
            lambda value: [value] if isinstance(value, str) else value,
            json_schema_input_type=Name | list[Name],
        ),
    ] = Field(default_factory=list)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        templated = RUN in self.index.name or DAY in self.index.name
        if self.snapshots is not None and not self.snapshot:
            raise ValueError("`snapshot` belongs to mode: snapshot")
        if self.mode == "snapshot":
            if self.index.shared:
                raise ValueError("mode: snapshot replaces all documents of the alias; its index "
                                 "cannot be shared: take index.shared away")  # fmt: skip
            if templated:
                raise ValueError("mode: snapshot makes an index per run by itself; index.name "
                                 "must be a plain name, which becomes the alias")  # fmt: skip
            if self.schedule:
                raise ValueError("mode: snapshot is published by `idemflow run` alone, once all "
                                 "of a run has arrived; take schedule away and let a timer "
                                 "call that")  # fmt: skip
            if self.collect.incremental:
                raise ValueError("mode: snapshot needs all rows in each run; "
                                 f"take {self.collect.incremental} away")  # fmt: skip
        if self.prune and self.prune.indices and not (self.snapshot or templated):
            raise ValueError("prune.indices is for mode: snapshot, or an index.name with {run} or "
                             "{day}: all runs write to one index, which is kept")  # fmt: skip
        if self.tombstones and templated:
            raise ValueError("delete: with version: needs one index for all runs; index.name "
                             "must be a plain name")  # fmt: skip
        if self.expect and self.expect.freshness_of == "version" and not self.dated:
            raise ValueError("expect.freshness_of: version needs a version field that is a "
                             "timestamp, and an index that is not shared")  # fmt: skip
        return self

    @property
    def name(self) -> str:
        """The pipeline's name, which is its process group's name as well."""
        return self.pipeline

    @property
    def snapshot(self) -> bool:
        """Whether each run's documents replace those of the run before as a whole."""
        return self.mode == "snapshot"

    @property
    def max_refused(self) -> str:
        """How many dead letters a run may have whose snapshot is published."""
        return (self.snapshots or SnapshotRules()).max_refused

    @property
    def unique(self) -> Unique:
        """What becomes of a run in which two records have one id.

        Without a version it is chance which of two records stays. Records with one content hash
        are the same, by the rule that was chosen.
        """
        if self.identity.unique is not None:
            return self.identity.unique
        if self.identity.content_hash:
            return "allow"
        return "warn" if self.versioned and not self.snapshot else "fail"

    @property
    def tombstones(self) -> bool:
        """Whether a delete leaves a hidden document that remembers its version.

        Elasticsearch itself forgets the version of a deleted document after a minute
        (``index.gc_deletes``) and at each restart: a late older record would bring it back.
        """
        return self.delete is not None and self.version is not None

    @property
    def versioned(self) -> bool:
        """Whether documents have versions, so that an older record is never written over a newer.

        A deleted document's version is remembered only by a tombstone, and that needs a field.
        """
        return self.version is not None or (self.delete is None and self.collect.versions)

    @property
    def dated(self) -> bool:
        """Whether the newest version in the index tells how fresh the pipeline's documents are."""
        stamped = self.version is not None and self.version.type == "timestamp"
        return stamped and not self.index.shared

    @property
    def alias(self) -> str | None:
        """The alias that readers use, where the documents are not in an index of that name."""
        return self.index.name if self.snapshot or self.tombstones else None

    @property
    def target(self) -> str:
        """The index that a run writes to; ``{run}`` and ``{day}`` stand for the run's own."""
        if self.snapshot:
            return f"{self.index.name}-{RUN}"
        return f"{self.index.name}-rows" if self.tombstones else self.index.name

    def next_targets(self, now: datetime) -> list[str]:
        """The indices that a run may write to that is triggered now; none that it makes itself."""
        if RUN in self.target:
            return []
        # One that is triggered just before midnight may belong to the next day.
        days = (now + timedelta(days=more) for more in (0, 1))
        return sorted({self.target.replace(DAY, f"{day:%Y-%m-%d}") for day in days})

    @property
    def target_pattern(self) -> str:
        """A pattern of all indices that runs write to; :meth:`is_target` tells which are."""
        # No closer one can be said: a pattern of Elasticsearch has no wildcard but `*`.
        return self.target.replace(RUN, "20*t*-*").replace(DAY, "20*-*-*")

    @property
    def granted(self) -> str:
        """The closest pattern that a privilege on indices may have: ``?`` is one character."""
        return self.target.replace(RUN, "20??????t?????????-????????").replace(DAY, "20??-??-??")

    def is_target(self, index: str) -> bool:
        """Whether an index has the name of one that runs write to, which others may begin like."""
        return self._in_name(index) is not None

    def target_time(self, index: str) -> datetime | None:
        """When the run of an index was triggered, or its day began; ``None`` where its name does
        not say so."""
        found = self._in_name(index)
        text = max(found.groups(), key=len, default="") if found else ""
        try:
            form = "%Y-%m-%d" if text[4:5] == "-" else "%Y%m%dt%H%M%S"
            return datetime.strptime(text[:15], form).replace(tzinfo=UTC)
        except ValueError:
            return None

    def _in_name(self, index: str) -> re.Match[str] | None:
        expression = re.escape(self.target)
        for kind, form in _FORMS.items():
            expression = expression.replace(re.escape(kind), f"({form})")
        return re.fullmatch(expression, index)

    def mapping(self) -> dict[str, Any]:
        """The index' mapping in Elasticsearch's own form."""
        properties = {
            field: {"type": kind} if isinstance(kind, str) else kind
            for field, kind in self.index.mapping.items()
        }
        if self.tombstones:
            properties[TOMBSTONE] = {"type": "boolean"}
        return {"dynamic": self.index.dynamic, "properties": properties}


# The field of a tombstone, the only one it has.
TOMBSTONE = "idemflow_deleted"
