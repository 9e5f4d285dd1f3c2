"""How far a database was read: the state of the step that plans a read.

Runs inside NiFi: standard library only. NiFi keeps it over restarts and shares it in a cluster.
"""

from datetime import UTC, datetime, timedelta
from typing import Any


def until(session: Any, scope: Any) -> str | None:
    """The highest value that was read; ``None`` where nothing was."""
    known: str | None = session.getState(scope).get("until")
    return known


def move_on(session: Any, scope: Any, value: str, kind: str, run: str) -> None:
    """Remember a higher value, and the run that read it; a lower one changes nothing."""
    known = until(session, scope)
    if known is None or order(value, kind) > order(known, kind):
        session.setState({"until": value, "run": run}, scope)


def order(value: str, kind: str) -> Any:
    """What to compare a value of a ``timestamp`` or ``integer`` by."""
    if kind == "integer":
        return int(value)
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def since(until: str, kind: str, overlap: float) -> str:
    """Where a read starts, as a text for JDBC.

    Args:
        until: the highest value so far.
        kind: ``timestamp`` or ``integer``.
        overlap: how far before it: seconds, or a number.
    """
    if kind == "integer":
        return str(int(until) - int(overlap))
    moment: datetime = order(until, kind).astimezone(UTC)
    try:
        moment -= timedelta(seconds=overlap)
    except OverflowError:
        moment = datetime.min
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
