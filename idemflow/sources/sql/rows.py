"""Reads the rows of a database without NiFi, in the form that its steps give them.

PostgreSQL alone, through psycopg (the extra ``postgresql``): NiFi has drivers of Java for the rest.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from idemflow.config.databases import POSTGRESQL, Database
from idemflow.config.pip import pip
from idemflow.errors import IdemflowError, Unreachable, UsageError
from idemflow.steps.records import to_line

if TYPE_CHECKING:
    from idemflow.sources.sql.model import Sql

# JDBC's parameters that mean the same here.
_PARAMETERS = frozenset({"sslmode", "options"})
# What the driver of Java gives as text.
_TEXTS = ("json", "jsonb", "uuid", "interval", "inet", "cidr", "money", "bit", "varbit")
_WITHIN = 10  # seconds for a connection


def read(database: Database, sql: Sql, records: int) -> Iterator[tuple[bytes, Mapping[str, str]]]:
    """All rows, as ExecuteSQLRecord gives them to the step behind it.

    Args:
        database: where they are.
        sql: which.
        records: rows in a FlowFile, at most.

    Yields:
        Rows as JSON lines, and the attributes of NiFi.

    Raises:
        UsageError: it is no PostgreSQL.
        IdemflowError: the extra ``postgresql`` is not installed; or the database refuses the query.
        Unreachable: it does not answer.
    """
    kind, _, address = database.url.removeprefix("jdbc:").partition(":")
    if kind != POSTGRESQL:
        raise UsageError(
            f"without NiFi only PostgreSQL is read, and the database {database.name} is {kind}",
            next_command="look at one record: idemflow preview NAME --record '{...}'",
        )
    try:
        import psycopg  # noqa: PLC0415 (an extra)
        from psycopg.types.string import TextLoader  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise IdemflowError(
            "to read PostgreSQL without NiFi needs psycopg",
            next_command=pip("install 'idemflow[postgresql]'"),
        ) from error
    where, _, query = address.partition("?")
    options = urlencode([pair for pair in parse_qsl(query) if pair[0] in _PARAMETERS])
    try:
        with psycopg.connect(
            f"{POSTGRESQL}:{where}?{options}", user=database.username, password=database.password,
            connect_timeout=_WITHIN,
        ) as connection, connection.cursor(name="idemflow_preview") as cursor:  # fmt: skip
            connection.execute("set time zone 'UTC'")
            for name in _TEXTS:
                cursor.adapters.register_loader(name, TextLoader)
            cursor.itersize = sql.fetch
            text = sql.query.strip().rstrip(";") if sql.query else f"SELECT * FROM {sql.table}"
            cursor.execute(text.encode())
            yield from _flow_files(cursor, records)
    except psycopg.OperationalError as error:
        raise Unreachable(
            f"the database {database.name} does not answer: {error}",
            next_command="start it (the demo database: idemflow demo-db start), or mend "
            f"[databases.{database.name}]",
        ) from error
    except psycopg.Error as error:
        raise IdemflowError(
            f"the database {database.name} refuses the query: {error}",
            next_command="mend collect.sql of the pipeline",
        ) from error


def _flow_files(cursor: Any, records: int) -> Iterator[tuple[bytes, dict[str, str]]]:
    names: list[str] = []
    number = 0
    some = cursor.fetchmany(records)
    while True:
        following = cursor.fetchmany(records) if some else []
        names = names or [column.name for column in cursor.description]
        lines = [to_line({n: _form(v) for n, v in zip(names, row, strict=True)}) for row in some]
        # The last is known by its number alone.
        yield (
            "\n".join(lines).encode(),
            {
                "executesql.row.count": str(len(some)),
                "fragment.index": str(number),
                "fragment.count": str(number + 1 + bool(following)),
            },
        )
        if not following:
            return
        some, number = following, number + 1


def _form(value: object) -> object:
    """A value as NiFi's writer has it."""
    if isinstance(value, datetime.datetime):
        # A time without a zone is one of the session's, UTC.
        moment = value.astimezone(datetime.UTC) if value.tzinfo else value
        return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
    if isinstance(value, datetime.time):
        return value.replace(tzinfo=None).isoformat(timespec="microseconds")
    if isinstance(value, bytes | memoryview):
        return list(bytes(value))
    return value
