"""What a source gives in a second run, and what makes it begin anew."""

from __future__ import annotations

from collections.abc import Iterator

from idemflow.audit.catalog import Again
from idemflow.audit.findings import Effect, Finding, Sure
from idemflow.audit.flow import Flow, again
from idemflow.audit.graph import Node
from idemflow.audit.rules import shaping
from idemflow.audit.rules.rule import Rule

STATE = Rule(
    "source-state", Effect.NOTE, Sure.CERTAIN,
    "It reads on from where it was: a second run brings what is new. All comes again once its "
    "state is cleared, the flow is imported anew, or the property below is changed.",
    "keep the state with the flow, and a sink behind it that overwrites",
)  # fmt: skip
TAKES = Rule(
    "source-takes", Effect.NOTE, Sure.CERTAIN,
    "What it has read is gone from the source: a second run finds nothing, and what was lost on "
    "the way cannot be read again.",
    "keep the source, or a copy of what was read",
)  # fmt: skip
SENT = Rule(
    "source-sent", Effect.NOTE, Sure.CERTAIN,
    "What comes is what somebody sends: a sender that tries again sends it twice.",
    "have the sender give an id, and write under it",
)  # fmt: skip
LATE_ROWS = Rule(
    "source-late-rows", Effect.CONDITION, Sure.DEPENDS,
    "Rows that are committed late, with a value that was passed already, are never read.",
    "read again from some time before the highest value, into a sink that overwrites",
)  # fmt: skip
CACHE = Rule(
    "cache-remembers", Effect.NOTE, Sure.DEPENDS,
    "A cache drops what has passed before: a second run brings nothing while it remembers, "
    "not even what was lost behind it the first time.",
    "write under an id that comes from the record, and leave the cache out",
)  # fmt: skip
RULES = (STATE, TAKES, SENT, LATE_ROWS, CACHE)

_RULES = {Again.STATE: STATE, Again.TAKES: TAKES, Again.SENT: SENT}


def check(flow: Flow) -> Iterator[Finding]:
    """The findings of this family."""
    for node in flow.graph.processors:
        paths = flow.through(node)
        if shaping.remembers(node) and paths:
            yield CACHE.found(node, f"it is {node.type}", paths)
        rule = _RULES.get(again(node) or Again.ALL)
        if rule is None or not paths:
            continue
        yield rule.found(node, _why(node), paths)
        if node.get("Maximum-value Columns"):
            why = f"Maximum-value Columns is {node.get('Maximum-value Columns')}"
            yield LATE_ROWS.found(node, why, paths)


def _why(node: Node) -> str:
    told = {
        name: node.get(name)
        for name in (
            "Maximum-value Columns", "Listing Strategy", "Input Directory", "Topics", "Topic Name",
            "Group ID", "Keep Source File", "Table Name",
        )
        if node.get(name)
    }  # fmt: skip
    return "; ".join(f"{name} is {value}" for name, value in told.items()) or f"it is {node.type}"
