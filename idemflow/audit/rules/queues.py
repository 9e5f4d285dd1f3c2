"""Connections that drop what waits, or that mix up the order."""

from __future__ import annotations

import re
from collections.abc import Iterator

from idemflow.audit.findings import Effect, Finding, Sure
from idemflow.audit.flow import Flow
from idemflow.audit.graph import Node
from idemflow.audit.rules import elasticsearch, messages
from idemflow.audit.rules.rule import Rule

EXPIRES = Rule(
    "queue-expires", Effect.LOSES, Sure.LIKELY,
    "What waits longer than that is dropped: an outage or a slow target is enough.",
    "set FlowFile Expiration to 0 sec",
)  # fmt: skip
BALANCED = Rule(
    "queue-mixes-order", Effect.CONDITION, Sure.DEPENDS,
    "The nodes of a cluster share what passes: an older state of a record may be written after a "
    "newer one.",
    "partition by the attribute with the id, or write with a version (BULK:version)",
)  # fmt: skip
DISTRIBUTED = Rule(
    "distributed", Effect.CONDITION, Sure.DEPENDS,
    "Which way a record goes is a matter of time: a second run may write it to another of the "
    "targets.",
    "let all ways write to one target, or route by a key in the record",
)  # fmt: skip
RULES = (EXPIRES, BALANCED, DISTRIBUTED)

_NEVER = re.compile(r"^0+(\.0*)?\s*\D*$")


def check(flow: Flow) -> Iterator[Finding]:
    """The findings of this family."""
    for node in flow.graph.processors:
        if node.type == "DistributeLoad" and flow.through(node):
            yield DISTRIBUTED.found(node, "it is DistributeLoad", flow.through(node))
    for edge in flow.graph.edges:
        paths = flow.along(edge)
        if not paths:
            continue
        where = flow.connection(edge)
        if not _NEVER.match(edge.expiration):
            yield EXPIRES.found(where, f"FlowFile Expiration is {edge.expiration}", paths)
        if edge.balance == "ROUND_ROBIN":
            nodes = flow.graph.nodes
            mixed = [key for key in paths if _ordered(nodes[key[1]]) and not _restored(flow, key)]
            if mixed:
                names = ", ".join(sorted({nodes[sink].name for _, sink in mixed}))
                why = f"Load Balance Strategy is ROUND_ROBIN, before {names}"
                yield BALANCED.found(where, why, mixed)


def _ordered(node: Node) -> bool:
    """Whether a later write replaces an earlier one, or stands behind it."""
    if node.type in elasticsearch.TYPES:
        versioned = any(key.lower() in {"bulk:version", "version field"} and value
                        for key, value in node.properties.items())  # fmt: skip
        return not versioned and elasticsearch.operation(node) != "create"
    if node.type == "PutDatabaseRecord":
        return node.get("Statement Type").upper() in {"UPDATE", "UPSERT", "DELETE"}
    return node.type in {*messages.KAFKA, "PutFile", "PutS3Object", "PutSQL"}


def _restored(flow: Flow, key: tuple[str, str]) -> bool:
    source, sink = key
    between = flow.graph.after(source) & flow.graph.before(sink)
    return any(flow.graph.nodes[one].type == "EnforceOrder" for one in between)
