"""The steps around the reading of rows: from where to read on, and how far a read came.

Runs inside NiFi: standard library only. How far is kept in the state of the planning step. It moves
on only when the rows are in the flow: the step behind the read sends it back, with what was read. A
read that fails is planned again, since what is read may have changed meanwhile.
"""

import json
import re
from typing import Any

from idemflow.sources.sql import state
from idemflow.steps import processor
from idemflow.steps.chunks import send_summary
from idemflow.steps.parts import Beginning, parts

# JDBC's numbers of the types TIMESTAMP and BIGINT (java.sql.Types).
_JDBC_TYPES = {"timestamp": "93", "integer": "-5"}
_UNTIL, _READ = "idemflow.until", "idemflow.read"
_ARGUMENT = ("sql.args.1.type", "sql.args.1.value", "sql.args.1.format")


def plan_read(session: Any, context: Any, success: Any, log: Any = None) -> None:
    """Say from where a triggered run reads on, or note how far one has come.

    The processor's properties are ``condition`` (SQL with one ``?``), ``kind`` (``timestamp`` or
    ``integer``), ``overlap`` (how far before the highest value a read starts: seconds, or a
    number), and what is read: ``database``, ``address``, ``table`` or ``query``, ``column``, and
    the ``index`` that it goes to. A position of anything else does not count.

    Args:
        success: the relationship to the read.
        log: the processor's, which makes bulletins.
    """
    scope, kind = processor.scope("CLUSTER"), processor.text(context, "kind")
    condition = processor.text(context, "condition")
    overlap = float(processor.text(context, "overlap"))
    found = {name: processor.optional(context, name) for name in state.READ}
    # Steps that an earlier idemflow drew do not say what they read.
    read = {name: value for name, value in found.items() if value} if found["database"] else {}
    if read:
        read["type"] = kind
    flow_file = session.get()
    if flow_file is None:
        return
    run = str(flow_file.getAttribute("idemflow.run"))
    until = flow_file.getAttribute(_UNTIL)
    if until is not None:
        if json.loads(flow_file.getAttribute(_READ) or "{}") in ({}, read):
            state.move_on(session, scope, until, kind, run, read)
        session.remove(flow_file)
        return
    known, anew = state.position(session, scope, read, kind, run)
    if anew is not None and log is not None:
        log.warn(f"the reading starts anew: {anew}")
    for name in _ARGUMENT:
        flow_file = session.removeAttribute(flow_file, name)
    attributes = {"idemflow.condition": "", _READ: json.dumps(read)}
    if known is not None:
        attributes |= {
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
    where the read is incremental, the FlowFile's attribute says by which column. (Steps that an
    earlier idemflow drew have the properties ``column`` and ``kind`` for that.)

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
    read = json.loads(flow_file.getAttribute(_READ) or "{}")
    column, kind = read.get("column", column), read.get("type", kind)
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
    reads skip what is changed until then. A value that is none, such as PostgreSQL's ``infinity``
    or an integer of thousands of digits, does not count: each read gives its row again.
    """
    # Inside a text the quotes around a name are escaped: only a field's own name matches.
    value = rb'"([^"]*)"' if kind == "timestamp" else rb"(-?\d+)"
    name = re.escape(json.dumps(column).encode())
    field = re.compile(rb"(?i:" + name + rb")\s*:\s*(?:" + value + rb"|null)")
    found: set[bytes] = set()
    with session.read(flow_file) as stream:
        for part in parts(stream):
            # A row that is too large is not looked at: the next read gives it again.
            found.update([b""] if isinstance(part.data, Beginning) else field.findall(part.data))
    if not found:
        raise ValueError(f"the rows have no column {column!r} of type {kind}")
    values: list[str] = [item.decode() for item in found if _in_order(item.decode(), kind)]
    if not values:
        return None
    highest = max(values, key=lambda item: state.order(item, kind))
    if kind == "timestamp":
        started = flow_file.getAttribute("idemflow.started")
        return min(highest, str(started), key=lambda item: state.order(item, kind))
    return highest


def _in_order(value: str, kind: str) -> bool:
    """Whether something is a value that others can be compared with."""
    try:
        state.order(value, kind)
    except ValueError:
        return False
    return True
