"""The steps around the reading of rows: from where to read on, and how far a read came.

Runs inside NiFi: standard library only. How far is kept in the state of the planning step. It moves
on only when the rows are in the flow: the step behind the read sends it back. A read that begins
again begins where the last one did.
"""

import json
import re
from typing import Any

from idemflow.sources.sql import state
from idemflow.steps import processor
from idemflow.steps.chunks import send_summary

# JDBC's numbers of the types TIMESTAMP and BIGINT (java.sql.Types).
_JDBC_TYPES = {"timestamp": "93", "integer": "-5"}
_UNTIL = "idemflow.until"


def plan_read(session: Any, context: Any, success: Any) -> None:
    """The step before the read: :func:`plan` as the processor's properties say.

    They are ``condition``, ``kind`` and ``overlap``.
    """
    plan(
        session,
        success,
        processor.scope("CLUSTER"),
        condition=processor.text(context, "condition"),
        kind=processor.text(context, "kind"),
        overlap=float(processor.text(context, "overlap")),
    )


def collect(session: Any, context: Any, success: Any, planned: Any, *, pipeline: str) -> None:
    """The step behind the read: :func:`collect_rows` as the processor's properties say.

    They are ``rows`` and ``origin``; ``column`` and ``kind`` where the read is incremental.
    """
    collect_rows(
        session,
        success,
        planned,
        pipeline=pipeline,
        origin=processor.text(context, "origin"),
        rows=int(processor.text(context, "rows")),
        column=processor.optional(context, "column"),
        kind=processor.optional(context, "kind"),
    )


def plan(
    session: Any, success: Any, scope: Any, *, condition: str, kind: str, overlap: float
) -> None:
    """Say from where a triggered run reads on, or note how far one has come.

    Args:
        session: NiFi's ProcessSession.
        success: the relationship to the read.
        scope: NiFi's Scope.CLUSTER.
        condition: the SQL condition with one ``?``.
        kind: ``timestamp`` or ``integer``.
        overlap: how far before the highest value a read starts: seconds, or a number.
    """
    flow_file = session.get()
    if flow_file is None:
        return
    until = flow_file.getAttribute(_UNTIL)
    if until is not None:
        state.move_on(session, scope, until, kind, flow_file.getAttribute("idemflow.run"))
        session.remove(flow_file)
        return
    known = state.until(session, scope)
    attributes = {"idemflow.condition": ""}
    if known is not None:
        attributes = {
            "idemflow.condition": condition,
            "sql.args.1.type": _JDBC_TYPES[kind],
            "sql.args.1.value": state.since(known, kind, overlap),
        }
        if kind == "timestamp":
            # Without a format NiFi takes three digits only, and waits for ever over others.
            attributes["sql.args.1.format"] = "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"
    session.transfer(session.putAllAttributes(flow_file, attributes), success)


def collect_rows(
    session: Any,
    success: Any,
    planned: Any,
    *,
    pipeline: str,
    origin: str,
    rows: int,
    column: str | None,
    kind: str | None,
) -> None:
    """Number the rows of a FlowFile; with the last one of a run goes its summary.

    Args:
        session: NiFi's ProcessSession.
        success: the relationship of rows and summaries.
        planned: the relationship back to :func:`plan`.
        pipeline: the pipeline's name.
        origin: where the rows come from, for those who read a dead letter.
        rows: how many rows a FlowFile has at most; only the last of a read has fewer.
        column: the column that incremental reads go by; ``None`` where each run reads all.
        kind: ``timestamp`` or ``integer``.

    Raises:
        ValueError: the rows have no such column.
    """
    flow_file = session.get()
    if flow_file is None:
        return
    count = int(flow_file.getAttribute("executesql.row.count") or 0)
    index = int(flow_file.getAttribute("fragment.index") or 0)
    files = int(flow_file.getAttribute("fragment.count") or 1)
    before = index * rows
    if index == files - 1:
        send_summary(session, success, flow_file, pipeline=pipeline, records=before + count)
    if not count:
        session.remove(flow_file)
        return
    if column and kind:
        until = _highest(session, flow_file, column, kind)
        if until is not None:
            done = session.create(flow_file)
            session.transfer(session.putAttribute(done, _UNTIL, until), planned)
    attributes = {
        "idemflow.positions": f"{before + 1}-{before + count}",
        "idemflow.source": origin,
    }
    session.transfer(session.putAllAttributes(flow_file, attributes), success)


def _highest(session: Any, flow_file: Any, column: str, kind: str) -> str | None:
    """The highest value of a column in rows of JSON; ``None`` where all are null.

    A timestamp of the future counts as the start of the run: one wrong row must not make later
    reads skip what is changed until then.
    """
    with session.read(flow_file) as content:
        data = bytes(content.readAllBytes())
    # Inside a text the quotes around a name are escaped: only a field's own name matches.
    value = rb'"([^"]*)"' if kind == "timestamp" else rb"(-?\d+)"
    name = re.escape(json.dumps(column).encode())
    found = set(re.findall(rb"(?i:" + name + rb")\s*:\s*(?:" + value + rb"|null)", data))
    if not found:
        raise ValueError(f"the rows have no column {column!r} of type {kind}")
    values: list[str] = [item.decode() for item in found if item]
    if not values:
        return None
    highest = max(values, key=lambda item: state.order(item, kind))
    if kind == "timestamp":
        started = flow_file.getAttribute("idemflow.started")
        return min(highest, str(started), key=lambda item: state.order(item, kind))
    return highest
