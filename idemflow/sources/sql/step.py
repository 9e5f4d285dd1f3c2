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
from idemflow.steps.flow_file import read

# JDBC's numbers of the types TIMESTAMP and BIGINT (java.sql.Types).
_JDBC_TYPES = {"timestamp": "93", "integer": "-5"}
_UNTIL = "idemflow.until"


def plan_read(session: Any, context: Any, success: Any) -> None:
    """Say from where a triggered run reads on, or note how far one has come.

    The processor's properties are ``condition`` (SQL with one ``?``), ``kind`` (``timestamp`` or
    ``integer``) and ``overlap`` (how far before the highest value a read starts: seconds, or a
    number).

    Args:
        success: the relationship to the read.
    """
    scope, kind = processor.scope("CLUSTER"), processor.text(context, "kind")
    condition = processor.text(context, "condition")
    overlap = float(processor.text(context, "overlap"))
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


def collect(session: Any, context: Any, success: Any, planned: Any, *, pipeline: str) -> None:
    """Number the rows of a FlowFile; with the last one of a run goes its summary.

    The processor's properties are ``origin`` (where the rows come from, for those who read a dead
    letter) and ``rows`` (how many a FlowFile has at most; only the last of a read has fewer);
    where the read is incremental, ``column`` (what it goes by) and ``kind`` (its type).

    Args:
        success: the relationship of rows and summaries.
        planned: the relationship back to :func:`plan_read`.

    Raises:
        ValueError: the rows have no such column.
    """
    origin, rows = processor.text(context, "origin"), int(processor.text(context, "rows"))
    column, kind = (processor.optional(context, name) for name in ("column", "kind"))
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
    attributes = {"idemflow.positions": f"{before + 1}-{before + count}", "idemflow.source": origin}
    session.transfer(session.putAllAttributes(flow_file, attributes), success)


def _highest(session: Any, flow_file: Any, column: str, kind: str) -> str | None:
    """The highest value of a column in rows of JSON; ``None`` where all are null.

    A timestamp of the future counts as the start of the run: one wrong row must not make later
    reads skip what is changed until then.
    """
    data = read(session, flow_file)
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
