"""The paths of a flow, from each source to each sink, and what is known at each sink."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from idemflow.audit import catalog, scripts, steps
from idemflow.audit.catalog import Again, Role
from idemflow.audit.graph import Edge, Graph, Node
from idemflow.audit.state import State

_READING = {"GET", "HEAD", "OPTIONS"}


@dataclass(frozen=True)
class Path:
    """A path from a source to a sink.

    Attributes:
        source: where records come from.
        sink: what writes them.
        state: what is known of the FlowFiles that reach the sink.
        way: a shortest way.
        again: what the source gives in a second run; ``None`` where that is not known.
        after_failure: whether only what has failed goes this way.
    """

    source: Node
    sink: Node
    state: State = field(repr=False, compare=False)
    way: tuple[Node, ...] = field(repr=False, compare=False)
    again: Again | None = None
    after_failure: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Ids of its source and its sink."""
        return self.source.id, self.sink.id


@dataclass(frozen=True)
class Flow:
    """A flow with all that the rules ask.

    Attributes:
        graph: its components and connections.
        paths: its paths.
        sources: where FlowFiles come from.
        arriving: what is known of the FlowFiles that reach a component, by source and component.
    """

    graph: Graph
    paths: tuple[Path, ...]
    sources: tuple[Node, ...]
    arriving: Mapping[str, Mapping[str, State]]

    def through(self, node: Node) -> tuple[tuple[str, str], ...]:
        """The paths that a component is on."""
        before, after = (
            {*self.graph.before(node.id), node.id},
            {*self.graph.after(node.id), node.id},
        )
        return tuple(p.key for p in self.paths if p.source.id in before and p.sink.id in after)

    def along(self, edge: Edge) -> tuple[tuple[str, str], ...]:
        """The paths that a connection is on."""
        before = {*self.graph.before(edge.source), edge.source}
        after = {*self.graph.after(edge.target), edge.target}
        return tuple(p.key for p in self.paths if p.source.id in before and p.sink.id in after)

    def connection(self, edge: Edge) -> Node:
        """A connection, as something that a finding can be about."""
        source, target = self.graph.nodes[edge.source], self.graph.nodes[edge.target]
        name = f"{source.name} → {target.name}"
        if edge.relationships:
            name += f" ({', '.join(sorted(edge.relationships))})"
        return Node(edge.id, edge.instance, name, "CONNECTION", source.group, source.group_instance)


def is_sink(graph: Graph, node: Node) -> bool:
    """Whether a component writes outside of the flow, or may do so for all that is known."""
    if node.kind in {"OUTPUT_PORT", "REMOTE_PORT", "MISSING"}:
        return not graph.outgoing.get(node.id)
    if node.kind != "PROCESSOR":
        return False
    known = catalog.kind(node)
    if known is not None and known.role is Role.SINK:
        return node.type != "InvokeHTTP" or node.get("HTTP Method", "GET").upper() not in _READING
    if known is None or known.role is Role.SCRIPT:
        return not (graph.after(node.id) - {node.id})
    return False


def is_source(graph: Graph, node: Node) -> bool:
    """Whether FlowFiles begin at a component."""
    if node.kind in {"INPUT_PORT", "REMOTE_PORT", "MISSING"}:
        return not graph.incoming.get(node.id) and bool(graph.outgoing.get(node.id))
    if node.kind != "PROCESSOR":
        return False
    known = catalog.kind(node)
    before = graph.before(node.id) - {node.id}
    if before - graph.after(node.id) or any(_begins(graph.nodes[one]) for one in before):
        return False
    begins = {Role.SOURCE, Role.READ, Role.SCRIPT}
    return known is None or known.role in begins or node.type == "InvokeHTTP"


def _begins(node: Node) -> bool:
    known = catalog.kind(node)
    return known is not None and known.role is Role.SOURCE


def again(node: Node) -> Again | None:
    """What a source gives in a second run."""
    known = catalog.kind(node)
    if known is None:
        return None
    if node.type.startswith("List") and "none" in node.get("Listing Strategy").lower():
        return Again.ALL
    if node.type.startswith("QueryDatabaseTable") and not node.get("Maximum-value Columns"):
        return Again.ALL
    if known.again is Again.TAKES and node.get("Keep Source File").lower() == "true":
        return Again.ALL
    if known.role is Role.SCRIPT and node.type == "ExecuteScript":
        found = scripts.read(node.get("Script Body"), node.get("Script Engine"))
        return Again.ALL if found.read else None
    return known.again


def analyse(graph: Graph) -> Flow:
    """Walk all paths of a flow."""
    sources = tuple(node for node in graph.nodes.values() if is_source(graph, node))
    sinks = [node for node in graph.nodes.values() if is_sink(graph, node)]
    arriving = {source.id: walk(graph, source) for source in sources if _runs(source)}
    paths = []
    for source in sources:
        reached = arriving.get(source.id, {})
        plain = _plainly(graph, source)
        for sink in sinks:
            if sink.id in reached and sink.id != source.id and _runs(sink):
                paths.append(
                    Path(
                        source, sink, reached[sink.id], tuple(graph.way(source.id, sink.id)),
                        again(source), sink.id not in plain,
                    )
                )  # fmt: skip
    return Flow(graph, tuple(paths), sources, arriving)


def _runs(node: Node) -> bool:
    return node.state != "DISABLED"


def walk(graph: Graph, source: Node) -> dict[str, State]:
    """What is known of the FlowFiles of a source at each component that they reach."""
    found: dict[str, State] = {}
    queue = deque([(source.id, steps.born(source))])
    while queue:
        at, state = queue.popleft()
        node = graph.nodes[at]
        if not _runs(node):
            continue
        for edge in graph.outgoing.get(at, ()):
            for relationship in sorted(edge.relationships) or [""]:
                is_start = at == source.id and node.kind == "PROCESSOR"
                left = state if is_start and _begins(node) else steps.leaving(
                    node, state, relationship
                )  # fmt: skip
                before = found.get(edge.target)
                after = left if before is None else before.joined(left)
                if after != before:
                    found[edge.target] = after
                    queue.append((edge.target, after))
    return found


def _plainly(graph: Graph, source: Node) -> set[str]:
    """What is reached where nothing fails."""
    found: set[str] = set()
    queue = deque([source.id])
    while queue:
        at = queue.popleft()
        node = graph.nodes[at]
        for edge in graph.outgoing.get(at, ()):
            ways = edge.relationships
            if ways and all(catalog.losing(node, one) for one in ways):
                continue
            if edge.target not in found:
                found.add(edge.target)
                queue.append(edge.target)
    return found
