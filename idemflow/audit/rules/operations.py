"""What a bulk request does with a document that is there already."""

from __future__ import annotations

from collections.abc import Iterator

from idemflow.audit.findings import Effect, Finding, Sure
from idemflow.audit.flow import Flow
from idemflow.audit.graph import Node
from idemflow.audit.rules.elasticsearch import TYPES, operation
from idemflow.audit.rules.rule import Rule

MIXED = Rule(
    "elasticsearch-mixed-operations", Effect.CONDITION, Sure.DEPENDS,
    "create and index write to one index: a document that both write is whichever came last, and "
    "create is refused from the second run on.",
    "write with index alone, or into an index each",
)  # fmt: skip
CREATE = Rule(
    "elasticsearch-create", Effect.NOTE, Sure.CERTAIN,
    "A second run is refused, document by document, as errors: nothing doubles, and nothing that "
    "has changed arrives.",
    "use index where a rerun should bring what has changed",
)  # fmt: skip
SCRIPTED = Rule(
    "elasticsearch-script", Effect.DUPLICATES, Sure.DEPENDS,
    "A script changes the document that is there: where it counts or appends, a second run does it "
    "twice.",
    "write the whole document with index, or make the script set values, not add to them",
)  # fmt: skip
UNKNOWN_OPERATION = Rule(
    "elasticsearch-operation-unknown", Effect.CONDITION, Sure.DEPENDS,
    "The operation comes from each FlowFile or record, and was taken for index.",
    "name the operation",
)  # fmt: skip
RULES = (MIXED, CREATE, SCRIPTED, UNKNOWN_OPERATION)
_OPERATIONS = {"index", "create", "update", "upsert", "delete"}


def check(flow: Flow) -> Iterator[Finding]:
    """The findings of this family."""
    sinks = [node for node in flow.graph.processors if node.type in TYPES]
    by_index: dict[str, dict[str, list[Node]]] = {}
    for node in sinks:
        made = by_index.setdefault(node.get("Index"), {})
        made.setdefault(operation(node), []).append(node)
    for index, operations in by_index.items():
        if {"index", "create"} <= operations.keys():
            others = ", ".join(node.name for node in operations["index"])
            for node in operations["create"]:
                why = f"{node.name} creates in {index}, {others} overwrites there"
                both = [node, *operations["index"]]
                yield MIXED.found(node, why, [key for one in both for key in flow.through(one)])
    for node in sinks:
        paths = [path.key for path in flow.paths if path.sink is node]
        if operation(node) == "create":
            yield CREATE.found(node, "Index Operation is create", paths)
        elif operation(node) not in _OPERATIONS and "idemflow." not in operation(node):
            yield UNKNOWN_OPERATION.found(node, f"Index Operation is {operation(node)}", paths)
        script = node.get("Script") or node.get("Script Record Path")
        if script and operation(node) in {"update", "upsert"}:
            yield SCRIPTED.found(node, "Script is set", paths)
