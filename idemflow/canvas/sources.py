"""The Collect group of a pipeline: one way in for each kind of source.

script   Start a run ──▶ Collect records ──▶ records
files    Start a run ──▶ Collect records ──▶ records
sql      Start a run ──▶ [Plan the read ──▶] Read rows ──▶ Collect rows ──▶ records
                              ▲                                 │
                              └───────────── read until ────────┘
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from idemflow.drawing import catalog, script_body
from idemflow.drawing.boxes import COLUMN, Group, Json
from idemflow.drawing.catalog import Component
from idemflow.pipeline.fields import seconds
from idemflow.pipeline.sources import FilesSource, ScriptSource, Sql, SqlSource
from idemflow.pipeline.spec import Pipeline
from idemflow.steps import collect as collect_step
from idemflow.steps import files as files_step
from idemflow.steps import sql as sql_step
from idemflow.steps.chunks import RECORDS_A_FLOW_FILE

TRIGGER = "Start a run"
COLLECT = "Collect records"
PLAN = "Plan the read"
READ = "Read rows"
ROWS = "Collect rows"
POOL = "Database"
WRITER = "Rows as JSON lines"

_RUN_ID = "${now():format(\"yyyyMMdd'T'HHmmssSSS\", 'GMT')}-${UUID():substring(0, 8)}"
_STARTED = "${now():format(\"yyyy-MM-dd'T'HH:mm:ss.SSS'Z'\", 'GMT')}"
# Microseconds and the offset: what PostgreSQL keeps, in a form that Elasticsearch reads.
_TIMESTAMP = "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"


def collect(
    top: Group, pipeline: Pipeline, script: str | None, types: Mapping[str, Component]
) -> tuple[Group, Json]:
    """Draw the group.

    Args:
        top: the pipeline's group.
        pipeline: the pipeline.
        script: text of the source's script, if it has one.
        types: the component types of the NiFi.

    Returns:
        The group, not yet closed, and its output port.
    """
    source = pipeline.collect
    if isinstance(source, ScriptSource):
        group = top.group("Collect", (0.0, 0.0), f"Calls {source.function}() of {source.script}.")
        body = script_body.compose(
            collect_step.collect,
            "session",
            "REL_SUCCESS",
            script=script or "",
            generator=script_body.Name(source.function),
            pipeline=pipeline.name,
            batch=_records(pipeline),
        )
        step = _python(group, COLLECT, 1, pipeline, types, body,
                       f"{source.script}: records as JSON lines.")  # fmt: skip
        return group, _ends(group, pipeline, types, step, step, source.arguments)
    if isinstance(source, FilesSource):
        return _files(top, pipeline, source, types)
    return _sql(top, pipeline, source, types)


def _files(
    top: Group, pipeline: Pipeline, source: FilesSource, types: Mapping[str, Component]
) -> tuple[Group, Json]:
    files = source.files
    group = top.group("Collect", (0.0, 0.0), f"Reads {files.pattern} in {files.directory}.")
    step = _python(
        group,
        COLLECT,
        1,
        pipeline,
        types,
        script_body.compose(
            files_step.collect,
            "session",
            "context",
            "REL_SUCCESS",
            pipeline=pipeline.name,
            batch=_records(pipeline),
        ),
        "New and changed files as JSON lines; what was read is in this step's state.",
        {
            "directory": "#{files.directory}",
            "pattern": files.pattern,
            "format": files.format,
            "quiet": str(seconds(files.quiet)),
            "csv": json.dumps(files.csv.model_dump()),
            # A snapshot is whole in each run, whatever was read before.
            "remember": json.dumps(not pipeline.snapshot),
        },
    )
    return group, _ends(group, pipeline, types, step, step, {})


def _sql(
    top: Group, pipeline: Pipeline, source: SqlSource, types: Mapping[str, Component]
) -> tuple[Group, Json]:
    sql = source.sql
    place = f"{sql.table or 'a query'} of the database {sql.database}"
    group = top.group("Collect", (0.0, 0.0), f"Reads {place}.")
    pool, writer = _services(top, types)
    rows = _records(pipeline)
    read = group.processor(
        types[catalog.SQL],
        READ,
        (0.0, 640.0 if sql.incremental else 320.0),
        {
            "Database Connection Pooling Service": pool["identifier"],
            "Record Writer": writer["identifier"],
            "SQL Query": _statement(sql),
            "Max Rows Per Flow File": str(rows),
            # All rows of a run or none: they enter the flow in one transaction.
            "Output Batch Size": "0",
            "Fetch Size": str(sql.fetch),
            # Without it PostgreSQL's driver holds the whole result in memory.
            "Set Auto Commit": "false",
            "Use Avro Logical Types": "true",
        },
        comments=f"Reads {place} in one transaction.",
        penalty=pipeline.load.retry_after,
    )
    collect_rows = _python(
        group,
        ROWS,
        3 if sql.incremental else 2,
        pipeline,
        types,
        script_body.compose(
            sql_step.collect,
            "session",
            "context",
            "REL_SUCCESS",
            "REL_FAILURE",
            pipeline=pipeline.name,
        ),
        "Numbers the rows, and notes how far the read came.",
        {
            "rows": str(rows),
            "origin": sql.table or "query",
            **(
                {"column": sql.incremental.column, "kind": sql.incremental.type}
                if sql.incremental
                else {}
            ),
        },
        terminate=not sql.incremental,
    )
    queue = pipeline.load.queue
    group.connect(read, read, queue, ["failure"], name="database away",
                  bends=_loop(0.0, 640.0 if sql.incremental else 320.0))  # fmt: skip
    group.connect(read, collect_rows, queue, ["success"])
    first = read
    if sql.incremental:
        column = sql.incremental.column
        first = _python(
            group,
            PLAN,
            1,
            pipeline,
            types,
            script_body.compose(sql_step.plan_read, "session", "context", "REL_SUCCESS"),
            f"Reads on from the highest {column} so far; this step's state has it.",
            {
                "condition": f"WHERE {column} >= ? OR {column} IS NULL",
                "kind": sql.incremental.type,
                "overlap": str(_overlap(sql)),
            },
        )
        group.connect(first, read, queue, ["success"])
        group.connect(collect_rows, first, queue, ["failure"], name="read until",
                      bends=[(-160.0, 1024.0), (-160.0, 384.0)])  # fmt: skip
    return group, _ends(group, pipeline, types, first, collect_rows, {})


def _records(pipeline: Pipeline) -> int:
    """Records in a FlowFile on its way to Identify, where each may become one of its own."""
    return max(pipeline.load.batch, RECORDS_A_FLOW_FILE)


def _overlap(sql: Sql) -> float:
    assert sql.incremental is not None
    overlap = sql.incremental.overlap
    return seconds(overlap) if isinstance(overlap, str) else overlap


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


def _services(top: Group, types: Mapping[str, Component]) -> tuple[Json, Json]:
    pool = top.service(
        types[catalog.POOL],
        POOL,
        {
            "Database Connection URL": "#{database.url}",
            "Database Driver Class Name": "#{database.driver.class}",
            "Database Driver Location(s)": "#{database.driver}",
            "Database User": "#{database.username}",
            "Password": "#{database.password}",
            "Max Total Connections": "4",
        },
    )
    writer = top.service(
        types[catalog.JSON_WRITER],
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


def _python(
    group: Group,
    name: str,
    row: int,
    pipeline: Pipeline,
    types: Mapping[str, Component],
    body: str,
    comments: str,
    dynamic: Mapping[str, str] | None = None,
    *,
    terminate: bool = True,
) -> Json:
    return group.processor(
        types[catalog.SCRIPT],
        name,
        (0.0, row * 320.0),
        {"Script Engine": "python", "Script Body": body},
        dynamic=dynamic,
        comments=comments,
        terminate=["failure"] if terminate else [],
        penalty=pipeline.load.retry_after,
    )


def _ends(
    group: Group,
    pipeline: Pipeline,
    types: Mapping[str, Component],
    first: Json,
    last: Json,
    arguments: Mapping[str, bool | int | float | str],
) -> Json:
    """Draw the trigger before the first step and the port after the last."""
    trigger = group.processor(
        types[catalog.GENERATE],
        TRIGGER,
        (0.0, 0.0),
        {"File Size": "0B", "Batch Size": "1"},
        dynamic={
            "idemflow.run": _RUN_ID,
            "idemflow.started": _STARTED,
            "idemflow.pipeline": pipeline.name,
            "idemflow.arguments": arguments_template(arguments),
        },
        comments="One FlowFile starts one run. Run Once, or start it to run on a schedule.",
        period=pipeline.schedule,
        primary=True,
    )
    y = last["position"]["y"] + 40.0
    out = group.port("OUTPUT_PORT", "records", (COLUMN, y))
    group.connect(trigger, first, pipeline.load.queue, ["success"])
    group.connect(last, out, pipeline.load.queue, ["success"])
    return out


def _loop(x: float, y: float) -> list[tuple[float, float]]:
    """The bends of a connection from a processor to itself, on its right."""
    return [(x + 480.0, y + 24.0), (x + 480.0, y + 104.0)]


def arguments_template(arguments: Mapping[str, bool | int | float | str]) -> str:
    """Expression Language that makes the JSON object of the arguments from the parameters."""
    parts = [
        f'"{name}":"${{#{{{name}}}:escapeJson()}}"' if isinstance(value, str)
        else f'"{name}":#{{{name}}}'
        for name, value in arguments.items()
    ]  # fmt: skip
    return "{" + ",".join(parts) + "}"
