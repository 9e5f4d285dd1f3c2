"""The graph of a flow definition: what is connected with what, across groups and funnels."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from idemflow.audit import names

# The parts of a group that a connection can join.
_KINDS = ("processors", "inputPorts", "outputPorts", "funnels")
_PARAMETER = re.compile(r"(?<!#)#\{\s*'?([^}']+?)'?\s*\}")


@dataclass(frozen=True)
class Node:
    """A component that FlowFiles pass.

    Attributes:
        id: its id in the definition.
        instance: its id on the canvas, where it comes from one; empty otherwise.
        name: its name.
        kind: ``PROCESSOR``, ``INPUT_PORT``, ``OUTPUT_PORT``, ``FUNNEL``, ``REMOTE_PORT``, or
            ``MISSING`` for one that a connection names and the definition does not have.
        group: names of the groups that it is in, from the outermost on.
        group_instance: id of its group on the canvas; empty where that is not known.
        type: the simple name of a processor's class.
        state: ``ENABLED``, ``DISABLED`` or ``RUNNING``.
        properties: values by what the property is called in the definition; parameters filled in.
        display: display name in lower case to what the property is called in the definition.
        dynamic: what the dynamic properties are called.
        terminated: its auto-terminated relationships.
        retried: relationships that NiFi itself tries again.
        penalty: its penalty duration.
        advanced: whether it has rules of an Advanced view, which no property shows.
    """

    id: str
    instance: str
    name: str
    kind: str
    group: tuple[str, ...]
    group_instance: str = ""
    type: str = ""
    state: str = "ENABLED"
    properties: Mapping[str, str] = field(default_factory=dict, hash=False)
    display: Mapping[str, str] = field(default_factory=dict, hash=False)
    dynamic: frozenset[str] = frozenset()
    terminated: frozenset[str] = frozenset()
    retried: frozenset[str] = frozenset()
    penalty: str = "30 sec"
    advanced: bool = False

    @property
    def place(self) -> str:
        """Group path and name."""
        return " / ".join([*self.group, self.name])

    def get(self, display: str, default: str = "") -> str:
        """The value of a property.

        Args:
            display: its display name in NiFi 2.3 or later.
            default: what stands for none.
        """
        for name in names.also_called(display):
            key = self.display.get(name.lower(), name)
            value = self.properties.get(key)
            if value is not None and value != "":
                return value
        return default


@dataclass(frozen=True)
class Edge:
    """A connection."""

    id: str
    instance: str
    name: str
    source: str
    target: str
    relationships: frozenset[str]
    expiration: str
    balance: str
    balance_by: str


@dataclass(frozen=True)
class Graph:
    """A flow.

    Attributes:
        name: the name of its outermost group.
        nodes: its components by id.
        edges: its connections.
        group_ids: ids of all groups.
    """

    name: str
    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]
    outgoing: Mapping[str, tuple[Edge, ...]] = field(repr=False)
    incoming: Mapping[str, tuple[Edge, ...]] = field(repr=False)

    @property
    def processors(self) -> list[Node]:
        """The processors, in the definition's order."""
        return [node for node in self.nodes.values() if node.kind == "PROCESSOR"]

    def after(self, node: str) -> set[str]:
        """What can be reached from a component: itself only where something leads back to it."""
        return self._reached(node, self.outgoing, forward=True)

    def before(self, node: str) -> set[str]:
        """What a component can be reached from."""
        return self._reached(node, self.incoming, forward=False)

    def _reached(
        self, start: str, edges: Mapping[str, tuple[Edge, ...]], *, forward: bool
    ) -> set[str]:
        found: set[str] = set()
        queue = deque([start])
        while queue:
            for edge in edges.get(queue.popleft(), ()):
                end = edge.target if forward else edge.source
                if end not in found:
                    found.add(end)
                    queue.append(end)
        return found

    def way(self, source: str, sink: str) -> list[Node]:
        """A shortest way from one component to another, both included, by what is not disabled."""
        before: dict[str, str] = {source: ""}
        queue = deque([source])
        while queue and sink not in before:
            now = queue.popleft()
            for edge in self.outgoing.get(now, ()):
                if edge.target not in before and self.nodes[edge.target].state != "DISABLED":
                    before[edge.target] = now
                    queue.append(edge.target)
        found, step = [], sink if sink in before else ""
        while step:
            found.append(self.nodes[step])
            step = before[step]
        return found[::-1]


def read(definition: Mapping[str, Any]) -> Graph:
    """The graph of a flow definition.

    Args:
        definition: what NiFi's *Download flow definition* gives, or keeps in git.
    """
    contexts = _contexts(definition)
    top = definition["flowContents"]
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    ends: list[tuple[Mapping[str, Any], tuple[str, ...]]] = []
    for group, path, parameters in _groups(top, (), {}, contexts):
        for node in _nodes(group, path, parameters):
            nodes[node.id] = node
        for item in group.get("connections") or ():
            edges.append(_edge(item))
            ends += [(item[end], path) for end in ("source", "destination")]
    for end, path in ends:
        # A group inside, under version control of its own, is kept in a file of its own.
        identifier = str(end["id"])
        if identifier not in nodes:
            name = f"{end.get('name') or identifier} (not in this definition)"
            nodes[identifier] = Node(identifier, "", name, "MISSING", path)
    return Graph(
        str(top.get("name") or ""),
        nodes,
        tuple(edges),
        _by(edges, lambda edge: edge.source),
        _by(edges, lambda edge: edge.target),
    )


def _by(edges: Iterable[Edge], key: Any) -> dict[str, tuple[Edge, ...]]:
    found: dict[str, tuple[Edge, ...]] = {}
    for edge in edges:
        found[key(edge)] = (*found.get(key(edge), ()), edge)
    return found


def _contexts(definition: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The values of the parameters of each context, those that it inherits included."""
    given: Mapping[str, Any] = definition.get("parameterContexts") or {}
    found: dict[str, dict[str, str]] = {}

    def values(name: str, seen: tuple[str, ...]) -> dict[str, str]:
        context = given.get(name)
        if context is None or name in seen:
            return {}
        made: dict[str, str] = {}
        for inherited in reversed(context.get("inheritedParameterContexts") or ()):
            made |= values(inherited, (*seen, name))
        for one in context.get("parameters") or ():
            if one.get("value") is not None and not one.get("sensitive"):
                made[one["name"]] = one["value"]
        return made

    for name in given:
        found[name] = values(name, ())
    return found


def _groups(
    group: Mapping[str, Any],
    path: tuple[str, ...],
    outer: Mapping[str, str],
    contexts: Mapping[str, Mapping[str, str]],
) -> Iterator[tuple[Mapping[str, Any], tuple[str, ...], Mapping[str, str]]]:
    here = (*path, str(group.get("name") or ""))
    context = group.get("parameterContextName")
    parameters = contexts.get(context, {}) if context else outer
    yield group, here, parameters
    for child in group.get("processGroups") or ():
        yield from _groups(child, here, parameters, contexts)


def _nodes(
    group: Mapping[str, Any], path: tuple[str, ...], parameters: Mapping[str, str]
) -> Iterator[Node]:
    own = str(group.get("instanceIdentifier") or "")
    for kind in _KINDS:
        for item in group.get(kind) or ():
            yield _node(item, path, own, parameters)
    for remote in group.get("remoteProcessGroups") or ():
        for kind in ("inputPorts", "outputPorts"):
            for port in remote.get(kind) or ():
                name = f"{remote.get('name') or 'remote'}: {port.get('name') or ''}"
                yield Node(
                    str(port["identifier"]), str(port.get("instanceIdentifier") or ""), name,
                    "REMOTE_PORT", path, own,
                )  # fmt: skip


def _node(
    item: Mapping[str, Any], path: tuple[str, ...], group: str, parameters: Mapping[str, str]
) -> Node:
    kind = str(item.get("componentType") or "FUNNEL")
    instance = str(item.get("instanceIdentifier") or "")
    state = str(item.get("scheduledState") or "ENABLED")
    name = str(item.get("name") or kind.replace("_", " ").lower())
    if kind != "PROCESSOR":
        return Node(str(item["identifier"]), instance, name, kind, path, group, state=state)
    simple = str(item.get("type") or "").rsplit(".", 1)[-1]
    properties = {
        key: _filled(str(value), parameters)
        for key, value in (item.get("properties") or {}).items()
        if value is not None
    }
    descriptors: Mapping[str, Any] = item.get("propertyDescriptors") or {}
    display = {
        str(one.get("displayName") or key).lower(): key for key, one in descriptors.items()
    } | {key.lower(): key for key in properties}
    return Node(
        id=str(item["identifier"]),
        instance=instance,
        name=name,
        kind=kind,
        group=path,
        group_instance=group,
        type=simple,
        state=state,
        properties=properties,
        display=display,
        dynamic=frozenset(_dynamic(simple, properties, descriptors)),
        terminated=frozenset(item.get("autoTerminatedRelationships") or ()),
        retried=frozenset(item.get("retriedRelationships") or ()),
        penalty=str(item.get("penaltyDuration") or "30 sec"),
        advanced=bool(item.get("annotationData")),
    )


def _dynamic(
    simple: str, properties: Mapping[str, str], descriptors: Mapping[str, Any]
) -> Iterator[str]:
    for key in properties:
        descriptor = descriptors.get(key)
        if descriptor is not None and "dynamic" in descriptor:
            if descriptor["dynamic"]:
                yield key
        elif not names.is_static(simple, key):
            yield key


def _filled(value: str, parameters: Mapping[str, str]) -> str:
    """A value with the parameters that are known; the others stay as they are."""
    return _PARAMETER.sub(lambda match: parameters.get(match[1], match[0]), value)


def _edge(item: Mapping[str, Any]) -> Edge:
    return Edge(
        id=str(item["identifier"]),
        instance=str(item.get("instanceIdentifier") or ""),
        name=str(item.get("name") or ""),
        source=str(item["source"]["id"]),
        target=str(item["destination"]["id"]),
        relationships=frozenset(item.get("selectedRelationships") or ()),
        expiration=str(item.get("flowFileExpiration") or "0 sec"),
        balance=str(item.get("loadBalanceStrategy") or "DO_NOT_LOAD_BALANCE"),
        balance_by=str(item.get("partitioningAttribute") or ""),
    )
