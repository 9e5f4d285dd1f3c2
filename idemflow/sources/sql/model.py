"""The YAML of the source ``sql``: a table or a query of a database."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from idemflow.config import databases
from idemflow.config.settings import Settings
from idemflow.drawing.boxes import Json
from idemflow.drawing.collect import Collect
from idemflow.drawing.parameters import Parameter
from idemflow.errors import PipelineError, UsageError
from idemflow.profile.guess import Found, Origin
from idemflow.sources.fields import Name, Period, Strict, Text, like, one_of, written
from idemflow.sources.source import Local, Source
from idemflow.sources.sql import draw as drawing
from idemflow.sources.sql import rows

_COLUMN, _TABLE = r"[A-Za-z_][A-Za-z0-9_$]*", r'[A-Za-z_"][A-Za-z0-9_."$ -]*'
# What most drivers take: the vendor, host and port, the database.
_JDBC = re.compile(r"jdbc:(?P<vendor>\w+)://(?P<host>[^/;?@]+)/(?P<database>[^;?]+)")
Column = Annotated[
    str, like(_COLUMN, "the name of a column: letters, digits and _"), written(_COLUMN)
]
Table = Annotated[
    str,
    like(_TABLE, "the name of a table, such as orders or shop.orders"),
    written(_TABLE, "orders", "shop.orders"),
]


# Ids are given out before they are committed: a transaction may commit a low one after a read has
# seen a higher. So many may be given out while it is open.
LATE_IDS = 10_000


class Incremental(Strict):
    """Reads only rows whose column is not below what was read before.

    Attributes:
        column: the column that grows with each change of a row.
        type: what it holds.
        overlap: how far before the highest value read a read starts again: rows that were
            committed late come with it. A period for timestamps, a number for integers
            (:data:`LATE_IDS` by default).
    """

    column: Column
    type: Literal["timestamp", "integer"] = "timestamp"
    overlap: Annotated[int, Field(ge=0)] | Period = Field(default="5 min")

    @model_validator(mode="after")
    def _overlap_fits(self) -> Self:
        if self.type == "integer" and "overlap" not in self.model_fields_set:
            return self.model_copy(update={"overlap": LATE_IDS})
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
        fetch: rows that the driver brings at a time, and holds in NiFi's memory.
    """

    model_config = one_of("table", "query")

    database: Name
    table: Table | None = None
    query: Text | None = None
    incremental: Incremental | None = None
    fetch: Annotated[int, Field(ge=1, le=1_000_000)] = 50

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.table is None) == (self.query is None):
            raise ValueError("name a table or a query, one of both")
        return self

    @property
    def place(self) -> str:
        """What is read, in words."""
        return f"{self.table or 'a query'} of the database {self.database}"


class SqlSource(Source):
    """Records from the rows of a database."""

    steps = (drawing.PLAN, drawing.READ, drawing.ROWS)

    sql: Sql

    @classmethod
    def look(cls, settings: Settings, origin: Origin) -> AbstractContextManager[Found] | None:
        from idemflow.sources.sql import look  # noqa: PLC0415 (slow to import)

        return look.look(settings, origin) if look.reads(settings, origin.where) else None

    @property
    def summary(self) -> str:
        return f"Reads {self.sql.place}."

    @property
    def types(self) -> Sequence[str]:
        return drawing.TYPES

    @property
    def incremental(self) -> str | None:
        return "collect.sql.incremental" if self.sql.incremental else None

    def dataset(self, settings: Settings) -> tuple[str, str] | None:
        url = _JDBC.match(databases.database(settings, self.sql.database).url)
        if url is None or self.sql.table is None:
            return None  # which tables a query reads, its database knows
        vendor = "postgres" if url["vendor"] == "postgresql" else url["vendor"]
        return f"{vendor}://{url['host']}", f"{url['database']}.{self.sql.table}"

    def draw(self, collect: Collect, script: str | None) -> tuple[Json, Json]:  # noqa: ARG002
        return drawing.draw(self.sql, collect)

    def needs_utc(self, settings: Settings) -> str | None:
        name = self.sql.database
        return f"databases.{name}" if databases.needs_utc(settings, name) else None

    def local(
        self,
        settings: Settings,
        records: int,
        sample: Path | None = None,  # noqa: ARG002
    ) -> Local:
        database = databases.database(settings, self.sql.database)
        return Local({"rows": str(records)}, rows.read(database, self.sql, records))

    def problems(self, settings: Settings, pipeline: str) -> Iterator[PipelineError]:
        try:
            databases.check(settings, self.sql.database)
        except UsageError as error:
            yield PipelineError(
                f"flows/{pipeline}.yaml", error.message,
                field="collect.sql.database", next_command=error.next_command,
            )  # fmt: skip

    def parameters(self, settings: Settings, pipeline: str) -> list[Parameter]:  # noqa: ARG002
        database = databases.database(settings, self.sql.database)
        databases.check_driver(settings, database)
        return drawing.parameters(database)
