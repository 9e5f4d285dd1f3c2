"""The steps of the source ``sql``.

::

    Start a run ──▶ [Plan the read ──▶] Read rows ──▶ Collect rows ──▶ records
                         ▲                                 │
                         └───────────── read until ────────┘

A read holds bounded memory: the driver brings few rows at a time, and PostgreSQL's refuses to hold
more than :data:`DRIVER_MEMORY` of them, where NiFi would end for want of memory.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from idemflow.config.databases import POSTGRESQL, Database
from idemflow.drawing import script_body
from idemflow.drawing.boxes import Json
from idemflow.drawing.collect import ROW, Collect
from idemflow.drawing.parameters import Parameter
from idemflow.sources.fields import seconds
from idemflow.sources.sql import step

if TYPE_CHECKING:
    from idemflow.sources.sql.model import Incremental, Sql

PLAN = "Plan the read"
READ = "Read rows"
ROWS = "Collect rows"
POOL = "Database"
WRITER = "Rows as JSON lines"

SQL_TYPE = "org.apache.nifi.processors.standard.ExecuteSQLRecord"
POOL_TYPE = "org.apache.nifi.dbcp.DBCPConnectionPool"
WRITER_TYPE = "org.apache.nifi.json.JsonRecordSetWriter"
TYPES = (SQL_TYPE, POOL_TYPE, WRITER_TYPE)

# Of NiFi's heap, 1 GB by default, a row of this size takes half: as bytes, text and JSON.
DRIVER_MEMORY = "maxResultBuffer=128M"

# Microseconds and the offset: what PostgreSQL keeps, in a form that Elasticsearch reads.
_TIMESTAMP = "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"


def draw(sql: Sql, collect: Collect) -> tuple[Json, Json]:
    """The first and the last step."""
    pool, writer = _services(collect)
    group, queue = collect.group, collect.queue
    incremental = sql.incremental
    y = 2 * ROW if incremental else ROW
    read = group.processor(
        collect.types[SQL_TYPE],
        READ,
        (0.0, y),
        {
            "Database Connection Pooling Service": pool["identifier"],
            "Record Writer": writer["identifier"],
            "SQL Query": _statement(sql),
            "Max Rows Per Flow File": str(collect.records),
            # All rows of a run or none: they enter the flow in one transaction.
            "Output Batch Size": "0",
            "Fetch Size": str(sql.fetch),
            # Without it PostgreSQL's driver holds the whole result in memory.
            "Set Auto Commit": "false",
            "Use Avro Logical Types": "true",
        },
        comments=f"Reads {sql.place} in one transaction.",
        penalty=collect.retry_after,
    )
    body = script_body.compose(
        step.collect,
        "session",
        "context",
        "REL_SUCCESS",
        "REL_FAILURE",
        pipeline=collect.pipeline,
    )
    rows = collect.python(
        ROWS,
        3 if incremental else 2,
        body,
        "Numbers the rows, and notes how far the read came.",
        {
            "rows": str(collect.records),
            "origin": sql.table or "query",
        },
        terminate=not incremental,
    )
    group.connect(read, rows, queue, ["success"])
    if incremental is None:
        group.connect(read, read, queue, ["failure"], name="database away",
                      bends=[(480.0, y + 24.0), (480.0, y + 104.0)])  # fmt: skip
        return read, rows
    plan = _plan(sql, incremental, collect)
    group.connect(plan, read, queue, ["success"])
    group.connect(read, plan, queue, ["failure"], name="database away",
                  bends=[(480.0, y + 64.0), (480.0, y - ROW + 64.0)])  # fmt: skip
    group.connect(rows, plan, queue, ["failure"], name="read until",
                  bends=[(-160.0, 1024.0), (-160.0, 384.0)])  # fmt: skip
    return plan, rows


def parameters(database: Database) -> list[Parameter]:
    """The parameters that they refer to."""
    return [
        Parameter("database.url", database.url, "Address of the database, as NiFi sees it"),
        Parameter("database.limits", _limits(database.url), "What the driver holds in memory"),
        Parameter("database.username", database.username or "", "Who NiFi is for the database"),
        Parameter("database.password", _password(database), "That user's password", sensitive=True),
        Parameter("database.driver.class", database.driver_class, "The JDBC driver's class"),
        Parameter("database.driver", str(database.driver_path), "The JDBC driver's jar"),
    ]


def _password(database: Database) -> str:
    """The password as a property of NiFi, which evaluates a ``${...}`` in it and may not be empty;
    some databases want an empty one."""
    password = database.password or ""
    if password and "$" not in password:
        return password
    encoded = base64.b64encode(password.encode()).decode()
    return f"${{literal('{encoded}'):base64Decode()}}"


def _limits(url: str) -> str:
    """What is added to an address, so that what the driver holds in memory has a limit."""
    if not url.startswith(f"jdbc:{POSTGRESQL}:") or "maxResultBuffer=" in url:
        return ""
    return ("&" if "?" in url else "?") + DRIVER_MEMORY


def _plan(sql: Sql, incremental: Incremental, collect: Collect) -> Json:
    column, overlap = incremental.column, incremental.overlap
    return collect.python(
        PLAN,
        1,
        script_body.compose(step.plan_read, "session", "context", "REL_SUCCESS", "log"),
        f"Reads on from the highest {column} so far; this step's state has it.",
        {
            "condition": f"WHERE {column} >= ? OR {column} IS NULL",
            "kind": incremental.type,
            "overlap": str(seconds(overlap) if isinstance(overlap, str) else overlap),
            # What a position belongs to; of any other it says nothing.
            "database": sql.database,
            "address": "#{database.url}",
            **({"table": sql.table} if sql.table else {"query": _hash(sql.query or "")}),
            "column": column,
            "index": "#{index}",
        },
    )


def _hash(query: str) -> str:
    return hashlib.sha256(query.encode()).hexdigest()[:16]


def _statement(sql: Sql) -> str:
    """The SELECT; the step before it fills in the condition of an incremental read."""
    text = sql.query.strip().rstrip(";") if sql.query else f"SELECT * FROM {sql.table}"
    # NiFi would read ${...} and #{...} in it as its own.
    text = text.replace("${", "$${").replace("#{", "##{")
    if sql.incremental is None:
        return text
    if sql.query:
        text = f"SELECT * FROM ({text}) AS source"
    return f"{text} ${{idemflow.condition}}"


def _services(collect: Collect) -> tuple[Json, Json]:
    pool = collect.top.service(
        collect.types[POOL_TYPE],
        POOL,
        {
            "Database Connection URL": "#{database.url}#{database.limits}",
            "Database Driver Class Name": "#{database.driver.class}",
            "Database Driver Location(s)": "#{database.driver}",
            "Database User": "#{database.username}",
            "Password": "#{database.password}",
            "Max Total Connections": "4",
        },
    )
    writer = collect.top.service(
        collect.types[WRITER_TYPE],
        WRITER,
        {
            "Output Grouping": "output-oneline",
            "Timestamp Format": _TIMESTAMP,
            "Date Format": "yyyy-MM-dd",
            "Time Format": "HH:mm:ss.SSSSSS",
            "Schema Write Strategy": "no-schema",
            "Schema Access Strategy": "inherit-record-schema",
            "Suppress Null Values": "never-suppress",
            "Pretty Print JSON": "false",
        },
    )
    return pool, writer
