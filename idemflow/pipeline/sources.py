"""The sources of a pipeline's records, as its YAML describes them."""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import (
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    field_validator,
    model_validator,
)

from idemflow.pipeline.fields import FunctionName, Name, Period, Scalar, ScriptPath, Strict


class ScriptSource(Strict):
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


class Incremental(Strict):
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


class Sql(Strict):
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


class SqlSource(Strict):
    """Records from the rows of a database."""

    sql: Sql


class Csv(Strict):
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


class Files(Strict):
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


class FilesSource(Strict):
    """Records from files in a directory."""

    files: Files


SOURCES: dict[str, type[Strict]] = {"script": ScriptSource, "sql": SqlSource, "files": FilesSource}


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
