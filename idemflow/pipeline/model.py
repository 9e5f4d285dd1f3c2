"""A pipeline's YAML as typed, validated data."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    field_validator,
    model_validator,
)

# Elasticsearch's rules for an index name (its "Create index" reference).
_INDEX_FORBIDDEN = re.compile(r'[\\/*?"<>| ,#:A-Z{}]')
_PERIOD = re.compile(r"^(\d+) (ms|s|sec|secs|min|mins|hour|hours|day|days)$")
_SECONDS = {"ms": 0.001, "s": 1, "sec": 1, "min": 60, "hour": 3600, "day": 86400}
_FIELD_TYPES = (
    "keyword", "text", "date", "boolean", "byte", "short", "integer", "long",
    "unsigned_long", "half_float", "float", "double", "ip", "geo_point", "object",
    "flattened", "binary",
)  # fmt: skip
RUN, DAY = "{run}", "{day}"


def check_period(value: object) -> object:
    """A period as NiFi reads it.

    Raises:
        ValueError: it is text, but not a period.
    """
    if isinstance(value, str) and not _PERIOD.match(value):
        raise ValueError('a whole number and a unit: "500 ms", "5 s", "5 min", "2 hours", "1 day"')
    return value


def seconds(period: str) -> float:
    """The length of a period that :func:`check_period` accepts, in seconds."""
    number, unit = period.split(" ")
    return int(number) * _SECONDS[unit if unit in ("ms", "s") else unit.removesuffix("s")]


def _scalar(value: object) -> object:
    if not isinstance(value, bool | int | float | str):
        raise ValueError("a number, a text, true or false")
    return value


def _field_type(value: object) -> object:
    if not isinstance(value, dict) and value not in _FIELD_TYPES:
        raise ValueError(f"a field type ({', '.join(_FIELD_TYPES)}) or a full mapping")
    return value


def _script_path(value: str) -> str:
    path = Path(value)
    if path.is_absolute() or ".." in path.parts or path.suffix != ".py":
        raise ValueError("a .py file inside the project, such as scripts/people.py")
    return value


def _function_name(value: str) -> str:
    if not value.isidentifier() or keyword.iskeyword(value):
        raise ValueError("the name of a Python function")
    return value


def _as_field(value: object) -> object:
    return {"field": value} if isinstance(value, str) else value


def _as_fields(value: object) -> object:
    if isinstance(value, str):
        return {"fields": [value]}
    return {"fields": value} if isinstance(value, list) else value


Period = Annotated[str, BeforeValidator(check_period)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
FieldName = Annotated[str, StringConstraints(min_length=1)]
Scalar = Annotated[bool | int | float | str, BeforeValidator(_scalar)]
FieldType = Annotated[str | dict[str, Any], BeforeValidator(_field_type)]
ScriptPath = Annotated[str, BeforeValidator(lambda v: _script_path(v) if isinstance(v, str) else v)]
FunctionName = Annotated[
    str, BeforeValidator(lambda v: _function_name(v) if isinstance(v, str) else v)
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ScriptSource(_Strict):
    """Records from a generator function of a script.

    Attributes:
        script: path of the script, relative to the project.
        function: name of the generator function in it.
        arguments: the function's keyword arguments; each becomes a parameter on the canvas.
    """

    script: ScriptPath
    function: FunctionName
    arguments: dict[str, Scalar] = Field(default_factory=dict)

    @field_validator("arguments")
    @classmethod
    def _are_names(cls, value: dict[str, Scalar]) -> dict[str, Scalar]:
        for name in value:
            if not name.isidentifier() or keyword.iskeyword(name):
                raise ValueError(f"{name!r} cannot be the name of an argument")
            if name in ("index", "elasticsearch"):
                raise ValueError(f"{name!r} is the name of a parameter of idemflow's own")
        return value


class Incremental(_Strict):
    """Reads only rows whose column is not below what was read before.

    Attributes:
        column: the column that grows with each change of a row.
        type: what it holds.
        overlap: how far before the highest value read a read starts again: rows that were
            committed late come with it. A period for timestamps, a number for integers.
    """

    column: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_$]*$")]
    type: Literal["timestamp", "integer"] = "timestamp"
    overlap: Annotated[int, Field(ge=0)] | Period = Field(default="5 min")

    @model_validator(mode="after")
    def _overlap_fits(self) -> Self:
        if self.type == "integer" and "overlap" not in self.model_fields_set:
            return self.model_copy(update={"overlap": 0})
        if isinstance(self.overlap, int) != (self.type == "integer"):
            wanted = "a number" if self.type == "integer" else 'a period such as "5 min"'
            raise ValueError(f"overlap must be {wanted} for a column of type {self.type}")
        return self


class Sql(_Strict):
    """A table or a query of a database.

    Attributes:
        database: ``demo``, or the name of a database in ``idemflow.toml``.
        table: the table, or
        query: a SELECT.
        incremental: read only what is new; without it each run reads all rows.
        fetch: rows that the driver brings at a time.
    """

    database: Name
    table: Annotated[str, StringConstraints(pattern=r'^[A-Za-z_"][A-Za-z0-9_."$ -]*$')] | None = (
        None
    )
    query: Annotated[str, StringConstraints(min_length=1)] | None = None
    incremental: Incremental | None = None
    fetch: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.table is None) == (self.query is None):
            raise ValueError("name a table or a query, one of both")
        return self


class SqlSource(_Strict):
    """Records from the rows of a database."""

    sql: Sql


class Csv(_Strict):
    """How a CSV file is written.

    Attributes:
        delimiter: what stands between two values.
        encoding: the character encoding, by Python's name.
        types: columns that are not text.
    """

    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8"
    types: dict[str, Literal["number", "integer", "boolean"]] = Field(default_factory=dict)

    @field_validator("encoding")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            "".encode(value)
        except LookupError:
            raise ValueError("a character encoding such as utf-8 or latin-1") from None
        return value


class Files(_Strict):
    """Files in a directory.

    Attributes:
        directory: where they are, absolute or relative to the project.
        pattern: which of them, as a glob pattern below the directory.
        format: what is in them; ``json`` is an array of objects.
        quiet: how long a file must not have changed before it is read.
        csv: details of CSV.
    """

    directory: Annotated[str, StringConstraints(min_length=1)]
    pattern: Annotated[str, StringConstraints(min_length=1)] = "*"
    format: Literal["csv", "ndjson", "json"]
    quiet: Period = "5 s"
    csv: Csv = Field(default_factory=Csv)

    @field_validator("pattern")
    @classmethod
    def _stays_inside(cls, value: str) -> str:
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError('a pattern below the directory, such as "*.csv" or "**/*.json"')
        return value


class FilesSource(_Strict):
    """Records from files in a directory."""

    files: Files


SOURCES: dict[str, type[_Strict]] = {"script": ScriptSource, "sql": SqlSource, "files": FilesSource}


def source_kind(value: object) -> str:
    """Which of ``SOURCES`` a ``collect`` is, by the field that only that one has."""
    if isinstance(value, Mapping):
        return next((kind for kind in ("sql", "files") if kind in value), "script")
    return next((kind for kind, model in SOURCES.items() if isinstance(value, model)), "script")


Source = Annotated[
    Annotated[ScriptSource, Tag("script")]
    | Annotated[SqlSource, Tag("sql")]
    | Annotated[FilesSource, Tag("files")],
    Discriminator(source_kind),
]


class Transform(_Strict):
    """A function of a script that changes each record: to another, to several, or to none.

    Attributes:
        script: path of the script, relative to the project.
        function: name of the function in it.
    """

    script: ScriptPath
    function: FunctionName


class Identity(_Strict):
    """The rule that makes a document's id.

    Attributes:
        fields: the fields it is made of; a dot leads into an object.
        content_hash: it is the hash of the record instead,
        except_: without these fields.
    """

    fields: Annotated[list[FieldName], Field(min_length=1, max_length=16)] | None = None
    content_hash: Literal[True] | None = Field(default=None, alias="content-hash")
    except_: list[FieldName] = Field(default_factory=list, alias="except")

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if (self.fields is None) == (self.content_hash is None):
            raise ValueError("a field, a list of fields, or {content-hash: true}")
        if self.except_ and self.fields is not None:
            raise ValueError("`except` belongs to content-hash")
        return self

    def rule(self) -> dict[str, Any]:
        """The rule as the Identify step reads it."""
        if self.fields is not None:
            return {"fields": self.fields}
        return {"content": True, "except": self.except_}

    def __str__(self) -> str:
        """The rule in a reader's words."""
        return ", ".join(self.fields) if self.fields else "a hash of the record"


class Version(_Strict):
    """The field that says which of two states of a record is newer.

    Attributes:
        field: its name; a dot leads into an object.
        type: what it holds.
    """

    field: FieldName
    type: Literal["timestamp", "integer"] = "timestamp"

    def rule(self) -> dict[str, str]:
        """The rule as the Identify step reads it."""
        return {"field": self.field, "type": self.type}


class Delete(_Strict):
    """When a record says that its document is to go.

    Attributes:
        field: the field that says so; a dot leads into an object.
        equals: the value that does; or
        in_: the values that do. Without either: any value but null, false, 0 and blank.
    """

    field: FieldName
    equals: Scalar | None = None
    in_: Annotated[list[Scalar], Field(min_length=1)] | None = Field(default=None, alias="in")

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        if self.equals is not None and self.in_ is not None:
            raise ValueError("`equals` or `in`, not both")
        return self

    def rule(self) -> dict[str, Any]:
        """The rule as the Identify step reads it."""
        rule: dict[str, Any] = {"field": self.field}
        if self.equals is not None:
            rule["equals"] = self.equals
        if self.in_ is not None:
            rule["in"] = self.in_
        return rule


class Index(_Strict):
    """The index that the documents go to.

    Attributes:
        name: the index' name; ``{run}`` or ``{day}`` at its end makes an index per run or per day.
        shards: number of primary shards, for a new index.
        replicas: number of replicas of each.
        mapping: field name to field type, or to a full mapping of the field.
        dynamic: what Elasticsearch does with a field that is not in the mapping.
    """

    name: str
    shards: Annotated[int, Field(ge=1, le=1024)] = 1
    replicas: Annotated[int, Field(ge=0, le=10)] = 0
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

    @field_validator("dynamic", mode="before")
    @classmethod
    def _yaml_booleans(cls, value: object) -> object:
        return str(value).lower() if isinstance(value, bool) else value


class Load(_Strict):
    """How documents are sent.

    Attributes:
        batch: records in one FlowFile; 1 makes each record a FlowFile of its own.
        tasks: bulk requests at a time.
        retry_after: pause before something that an outage held up is tried again.
        queue: number of FlowFiles at which a full queue holds back the step before it.
    """

    batch: Annotated[int, Field(ge=1, le=100_000)] = 5000
    tasks: Annotated[int, Field(ge=1, le=16)] = 1
    retry_after: Period = "5 s"
    queue: Annotated[int, Field(ge=100, le=10_000_000)] = 50_000


class Pipeline(_Strict):
    """A whole pipeline, as one file in ``flows/`` describes it."""

    pipeline: Name
    description: str = ""
    collect: Source
    transform: Transform | None = None
    identity: Annotated[Identity, BeforeValidator(_as_fields)]
    version: Annotated[Version, BeforeValidator(_as_field)] | None = None
    delete: Annotated[Delete, BeforeValidator(_as_field)] | None = None
    mode: Literal["upsert", "snapshot"] = "upsert"
    index: Index
    load: Load = Field(default_factory=Load)
    schedule: Period = "1 day"

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        templated = RUN in self.index.name or DAY in self.index.name
        if self.mode == "snapshot":
            if templated:
                raise ValueError("mode: snapshot makes an index per run by itself; index.name "
                                 "must be a plain name, which becomes the alias")  # fmt: skip
            if isinstance(self.collect, SqlSource) and self.collect.sql.incremental:
                raise ValueError("mode: snapshot needs all rows in each run; "
                                 "take collect.sql.incremental away")  # fmt: skip
        if self.tombstones and templated:
            raise ValueError("delete: with version: needs one index for all runs; index.name "
                             "must be a plain name")  # fmt: skip
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
    def tombstones(self) -> bool:
        """Whether a delete leaves a hidden document that remembers its version.

        Elasticsearch itself forgets the version of a deleted document after a minute
        (``index.gc_deletes``) and at each restart: a late older record would bring it back.
        """
        return self.delete is not None and self.version is not None

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

    @property
    def target_pattern(self) -> str:
        """A pattern of all indices that runs write to."""
        return self.target.replace(RUN, "*").replace(DAY, "*")

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
