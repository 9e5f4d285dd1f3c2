"""What differs between a flow definition and the process group on the canvas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from idemflow.drawing.catalog import Component

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
    live: Mapping[str, Any],
    desired: Mapping[str, Any],
    types: Mapping[str, Component] | None = None,
) -> list[Change]:
    """The changes that make the group on the canvas what the definition says.

    Args:
        live: flow contents of the process group as NiFi exports it.
        desired: flow contents of the definition.
        types: the component types, for names of properties, where the definition is idemflow's
            own; it says nothing of what NiFi fills in, nor of colours and labels that a person
            added. ``None`` where both sides come from NiFi: then a field that only the canvas has
            is a change, too.
    """
    return list(_group(live, desired, types, str(desired["name"])))


def additions(desired: Mapping[str, Any]) -> Iterator[Change]:
    """What a group that is not on the canvas yet would bring: itself, and all that is in it.

    Args:
        desired: flow contents of the definition.
    """
    return _additions(desired, str(desired["name"]))


def _additions(item: Mapping[str, Any], path: str) -> Iterator[Change]:
    yield Change(path, "", None, _kind(item))
    for kind in _CHILDREN:
        for child in item.get(kind) or ():
            yield from _additions(child, f"{path} / {_title(child)}")


def meaning(group: Mapping[str, Any]) -> dict[str, Any]:
    """All of a group that counts as a change, in one form."""
    found = {key: _plain(value) for key, value in group.items() if key not in _IGNORED}
    # Which properties are there without a value depends on the type alone.
    properties = group.get("properties") or {}
    found["properties"] = _plain({key: one for key, one in properties.items() if one is not None})
    for kind in _CHILDREN:
        children = {item["identifier"]: meaning(item) for item in group.get(kind) or ()}
        found[kind] = children or None
    return {key: value for key, value in found.items() if value is not None}


def _group(
    live: Mapping[str, Any],
    desired: Mapping[str, Any],
    types: Mapping[str, Component] | None,
    path: str,
) -> Iterator[Change]:
    whole = types is None
    yield from _fields(live, desired, path, whole=whole)
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
                yield from _fields(there[identifier], item, place, whole=whole)
                yield from _properties(there[identifier], item, types, place)
        for identifier, item in there.items():
            if identifier not in wanted and (whole or kind != "labels"):
                yield Change(f"{path} / {_title(item)}", "", _kind(item), None)


def _fields(
    live: Mapping[str, Any], desired: Mapping[str, Any], path: str, *, whole: bool
) -> Iterator[Change]:
    for name in sorted({*live, *desired}) if whole else desired:
        if name in _IGNORED or (name == "style" and not whole):
            continue
        before, value = live.get(name), desired.get(name)
        if name in ("source", "destination"):
            before = {key: (before or {}).get(key) for key in value or ()}
        if _plain(before) != _plain(value):
            yield Change(path, name, str(_plain(before)), str(_plain(value)))


def _properties(
    live: Mapping[str, Any],
    desired: Mapping[str, Any],
    types: Mapping[str, Component] | None,
    path: str,
) -> Iterator[Change]:
    if "properties" not in desired:
        return
    if types is None:
        described = {
            **(live.get("propertyDescriptors") or {}),
            **(desired.get("propertyDescriptors") or {}),
        }
        shown = {name: item.get("displayName") or name for name, item in described.items()}
    else:
        names = types[desired["type"]].names
        shown = {internal: display for display, internal in names.items()}
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
