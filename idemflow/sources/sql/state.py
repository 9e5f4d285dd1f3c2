"""How far a database was read: the state of the step that plans a read.

Runs inside NiFi: standard library only. NiFi keeps it over restarts and shares it in a cluster. A
position belongs to what was read: the state names it, and of anything else it says nothing.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

# What a position belongs to. The first, in this order, that differs is told.
READ = ("database", "address", "table", "query", "column", "type", "index")


def position(
    session: Any, scope: Any, read: Mapping[str, str], kind: str, run: str
) -> tuple[str | None, str | None]:
    """How far something was read.

    Args:
        read: what, by the names of :data:`READ`; nothing where it is not known.
        kind: ``timestamp`` or ``integer``.
        run: the run that asks.

    Returns:
        The highest value; ``None`` where nothing was read. And why its reading starts anew, if it
        does: then what was known is forgotten.
    """
    state = dict(session.getState(scope).toMap().items())
    until = state.get("until")
    before = {name: state[name] for name in READ if name in state}
    if before and read and before != read:
        anew = _difference(before, read)
    elif until is not None and not _is(until, kind):
        anew = f"{until!r} is no {kind}"
    else:
        if until is not None and read and not before:
            # Of an idemflow that did not note it: what is read now is taken for it.
            session.setState({**state, **read}, scope)
        return until, None
    session.setState({**read, "anew": f"since the run {run}: {anew}"}, scope)
    return None, anew


def move_on(
    session: Any, scope: Any, value: str, kind: str, run: str, read: Mapping[str, str]
) -> None:
    """Remember a higher value, and the run that read it; a lower one changes nothing."""
    state = dict(session.getState(scope).toMap().items())
    known = state.get("until")
    if known is None or order(value, kind) > order(known, kind):
        session.setState({**state, **read, "until": value, "run": run}, scope)


def order(value: str, kind: str) -> Any:
    """What to compare a value of a ``timestamp`` or ``integer`` by.

    Raises:
        ValueError: it is none.
    """
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


def _difference(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """What has changed, in words."""
    names = [name for name in READ if before.get(name) != now.get(name)]
    if {"table", "query"} <= set(names):
        old, new = ("a query" if "query" in one else one["table"] for one in (before, now))
        return f"{old} was read, now it is {new}"
    name = names[0]
    if name == "query":  # its hash tells nobody anything
        return "the query changed"
    return f"the {name} changed from {before.get(name)} to {now.get(name)}"


def _is(until: str, kind: str) -> bool:
    try:
        order(until, kind)
    except ValueError:
        return False
    return True
