"""What differs between a flow definition and the process group on the canvas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from idemflow.canvas.catalog import Component

_CHILDREN = (
    "processGroups", "processors", "inputPorts", "outputPorts", "connections", "labels",
    "controllerServices",
)  # fmt: skip
# NiFi fills these in itself, or they say where a component stands rather than what it does.
_IGNORED = {
    "identifier", "instanceIdentifier", "groupIdentifier", "propertyDescriptors", "position",
    "bundle", "scheduledState", "controllerServiceApis", "properties", "bends", "width", "height",
    "zIndex", "labelIndex", *_CHILDREN,
}  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One difference.

    Attributes:
        component: where, as a path of names from the pipeline's group on.
        property: what, by display name where it is a component's property; empty for a
            component that is there on one side only.
        before: the value on the canvas, ``None`` where there is none.
        after: the value in the definition, ``None`` where there is none.
    """

    component: str
    property: str
    before: str | None
    after: str | None


def compare(
    live: Mapping[str, Any], desired: Mapping[str, Any], types: Mapping[str, Component]
) -> list[Change]:
    """The changes that make the group on the canvas what the definition says.

    Args:
        live: flow contents of the process group as NiFi exports it.
        desired: flow contents of the definition.
        types: the component types, for names and defaults of properties.
    """
    return list(_group(live, desired, types, str(desired["name"])))


def _group(
    live: Mapping[str, Any], desired: Mapping[str, Any], types: Mapping[str, Component], path: str
) -> Iterator[Change]:
    yield from _fields(live, desired, path)
    for kind in _CHILDREN:
        there = {item["identifier"]: item for item in live.get(kind) or ()}
        wanted = {item["identifier"]: item for item in desired.get(kind) or ()}
        for identifier, item in wanted.items():
            place = f"{path} / {_title(item)}"
            if identifier not in there:
                yield Change(place, "", None, _kind(item))
            elif kind == "processGroups":
                yield from _group(there[identifier], item, types, place)
            else:
                yield from _fields(there[identifier], item, place)
                yield from _properties(there[identifier], item, types, place)
        for identifier, item in there.items():
            if identifier not in wanted:
                yield Change(f"{path} / {_title(item)}", "", _kind(item), None)


def _fields(live: Mapping[str, Any], desired: Mapping[str, Any], path: str) -> Iterator[Change]:
    for name, value in desired.items():
        if name in _IGNORED:
            continue
        before = live.get(name)
        if name in ("source", "destination"):
            before = {key: (before or {}).get(key) for key in value}
        if _plain(before) != _plain(value):
            yield Change(path, name, str(_plain(before)), str(_plain(value)))


def _properties(
    live: Mapping[str, Any], desired: Mapping[str, Any], types: Mapping[str, Component], path: str
) -> Iterator[Change]:
    if "properties" not in desired:
        return
    component = types[desired["type"]]
    shown = {internal: display for display, internal in component.names.items()}
    before: Mapping[str, str | None] = live.get("properties") or {}
    after: Mapping[str, str | None] = desired["properties"]
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old != new:
            yield Change(path, shown.get(name, name), old, new)


def _plain(value: Any) -> Any:
    """Numbers, lists and blanks in one form, whatever JSON made of them."""
    if isinstance(value, list):
        return sorted((_plain(item) for item in value), key=str) or None
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()} or None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value or None


def _kind(item: Mapping[str, Any]) -> str:
    return str(item.get("componentType", "component")).lower().replace("_", " ")


def _title(item: Mapping[str, Any]) -> str:
    if item.get("componentType") == "CONNECTION":
        name = item.get("name") or ", ".join(item.get("selectedRelationships") or ())
        ends = f"{item['source'].get('name')} → {item['destination'].get('name')}"
        return f"{ends} ({name})" if name else ends
    return str(item.get("name") or _kind(item))
