"""Where what has failed goes: nowhere, round and round, or twice."""

from __future__ import annotations

import re
from collections.abc import Iterator

from idemflow.audit import catalog, scripts
from idemflow.audit.catalog import Role
from idemflow.audit.findings import Effect, Finding, Sure
from idemflow.audit.flow import Flow, is_sink
from idemflow.audit.graph import Edge, Node
from idemflow.audit.rules import messages
from idemflow.audit.rules.rule import Rule

TERMINATED = Rule(
    "failure-terminated", Effect.LOSES, Sure.DEPENDS,
    "What fails here is dropped: it is neither written nor kept.",
    "connect the relationship to where failed records are kept, or back with a pause",
)  # fmt: skip
RETRY_TERMINATED = Rule(
    "retry-terminated", Effect.LOSES, Sure.LIKELY,
    "What could be written later is dropped: an outage of the target loses it.",
    "connect retry back to this processor",
)  # fmt: skip
ONLY_LOGGED = Rule(
    "failure-only-logged", Effect.LOSES, Sure.DEPENDS,
    "What fails here ends in a log line: the record itself is gone.",
    "write failed records to where they can be read and sent again",
)  # fmt: skip
NO_PAUSE = Rule(
    "failure-loop-without-pause", Effect.NOTE, Sure.LIKELY,
    "What fails goes round at once and for ever, and holds up what comes behind it.",
    "put RetryFlowFile or ControlRate into the loop, and end it after some tries",
)  # fmt: skip
RETRIED = Rule(
    "retry-doubles", Effect.DUPLICATES, Sure.LIKELY,
    "A try that seemed to fail may have been done, in part or in full; the next one does it again.",
    "let the target tell what it knows already, or route the failure to where a person looks",
)  # fmt: skip
RULES = (TERMINATED, RETRY_TERMINATED, ONLY_LOGGED, NO_PAUSE, RETRIED)

_NONE = re.compile(r"^0+(\.0*)?\s*\D*$")
_LOGS = {"LogAttribute", "LogMessage", "UpdateCounter", "UpdateGauge", "CountText", "ControlRate"}


def check(flow: Flow) -> Iterator[Finding]:
    """The findings of this family."""
    for node in flow.graph.processors:
        if flow.through(node) and node.state != "DISABLED":
            yield from _terminated(flow, node)
            yield from _retried(flow, node)
            for edge in flow.graph.outgoing.get(node.id, ()):
                failing = sorted(one for one in edge.relationships if catalog.losing(node, one))
                if failing:
                    yield from _logged(flow, node, edge, failing)
                    yield from _loop(flow, node, edge, failing)


def _terminated(flow: Flow, node: Node) -> Iterator[Finding]:
    known = catalog.kind(node)
    connected = {one for edge in flow.graph.outgoing.get(node.id, ()) for one in edge.relationships}
    for name in sorted(node.terminated - connected):
        if not catalog.losing(node, name) or _asks_only(node):
            continue
        tries = ", after NiFi's own retries" if name in node.retried else ""
        why = f"{name} is terminated{tries}"
        if name.lower() in {"retry", "comms.failure"}:
            yield RETRY_TERMINATED.found(node, why, flow.through(node))
        else:
            # A sink fails where its target is away; what reads or parses fails by what it gets.
            away = known is not None and known.role is Role.SINK and name.lower() != "errors"
            yield TERMINATED.found(
                node, why, flow.through(node), sure=Sure.LIKELY if away else None
            )


def _asks_only(node: Node) -> bool:
    """Whether it only routes: what does not match is not lost by mistake."""
    return node.type in {"DetectDuplicate", "RouteOnContent", "RouteText", "Notify"}


def _logged(flow: Flow, node: Node, edge: Edge, failing: list[str]) -> Iterator[Finding]:
    reached = {edge.target, *flow.graph.after(edge.target)}
    nodes = [flow.graph.nodes[one] for one in reached]
    if node.id in reached or any(is_sink(flow.graph, one) for one in nodes):
        return
    known = [one for one in nodes if one.kind == "PROCESSOR"]
    if known and all(one.type in _LOGS for one in known):
        names = ", ".join(sorted(one.name for one in known))
        why = f"{', '.join(failing)} leads to {names} and no further"
        yield ONLY_LOGGED.found(node, why, flow.through(node))


def _loop(flow: Flow, node: Node, edge: Edge, failing: list[str]) -> Iterator[Finding]:
    graph = flow.graph
    if edge.target != node.id and node.id not in graph.after(edge.target):
        return
    back = graph.before(node.id)
    between = {edge.target, *(graph.after(edge.target) & back)}
    if any(graph.nodes[one].type in catalog.DELAYING for one in between) or _pauses(node, failing):
        return
    way = " and ".join(failing)
    yield NO_PAUSE.found(node, f"{way} leads back here with no pause", flow.through(node))


def _pauses(node: Node, failing: list[str]) -> bool:
    known = catalog.kind(node)
    if known is not None and known.role is Role.SCRIPT:
        step = scripts.read(node.get("Script Body"), node.get("Script Engine")).step
        return bool(step) or "penalize" in node.get("Script Body")
    if _NONE.match(node.penalty):
        return False
    if node.type == "InvokeHTTP":
        asked = node.get("Request Failure Penalization Enabled", "false").lower() == "true"
        return asked or failing == ["Retry"]
    return node.type in catalog.PENALIZING


def _retried(flow: Flow, node: Node) -> Iterator[Finding]:
    """NiFi's own retry, and a failure that leads back, of what cannot tell what it did before."""
    back = {
        one
        for edge in flow.graph.outgoing.get(node.id, ())
        for one in edge.relationships
        if edge.target == node.id or node.id in flow.graph.after(edge.target)
    }
    again = sorted(one for one in node.retried | back if catalog.losing(node, one))
    if not again:
        return
    paths = [path.key for path in flow.paths if path.sink is node]
    reason = _partly(node)
    if reason:
        yield RETRIED.found(node, f"{', '.join(again)} is tried again; {reason}", paths)


def _partly(node: Node) -> str:
    """Why a failed try of a sink may have been done; empty where another try is harmless."""
    if node.type in messages.TYPES:
        return "what was sent before it failed is sent again"
    if node.type in messages.KAFKA and node.get("Transactions Enabled", "true").lower() == "false":
        return "there are no transactions"
    if node.type == "InvokeHTTP" and node.get("HTTP Method").upper() in {"POST", "PATCH"}:
        return "an answer that came too late does not undo the request"
    if node.type in {"PutSQL", "PutDatabaseRecord"} and (
        node.get("Database Session AutoCommit", "false").lower() == "true"
    ):
        return "with autocommit the rows before the failure are in the table"
    return ""
