"""What a person arranged on the canvas: where boxes stand, how lines bend, colours and labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from idemflow.canvas.difference import Change
from idemflow.drawing.boxes import Json

_STYLE = "style"
# What of each kind of component only says how it looks.
_ARRANGED = {
    "processGroups": ("position",),
    "processors": ("position", _STYLE),
    "inputPorts": ("position",),
    "outputPorts": ("position",),
    "connections": ("bends", "labelIndex", "zIndex"),
    "labels": ("position", "width", "height", "zIndex", _STYLE),
}


def keep(definition: Json, live: Mapping[str, Any]) -> Json:
    """A flow definition with the arrangement of the canvas; what is new stands where it was drawn.

    Args:
        definition: the flow definition.
        live: the process group as NiFi exports it.
    """
    contents = _kept(definition["flowContents"], live["flowContents"])
    return {**definition, "flowContents": contents}


def without(live: Mapping[str, Any], drawn: Mapping[str, Any]) -> Json:
    """An exported process group without colours and without the labels that a person added.

    Args:
        live: the process group as NiFi exports it.
        drawn: the flow definition that it was made of.
    """
    return {**live, "flowContents": _stripped(live["flowContents"], drawn["flowContents"])}


def is_arrangement(change: Change) -> bool:
    """Whether a change of the canvas only says how it looks."""
    return change.property == _STYLE or (
        not change.property and "label" in (change.before, change.after)
    )


def _kept(drawn: Mapping[str, Any], live: Mapping[str, Any]) -> Json:
    made = {**drawn, "position": live["position"]}
    for kind, names in _ARRANGED.items():
        there = _by_id(live, kind)
        made[kind] = [
            {**item, **{key: old[key] for key in names if key in old}}
            for item in drawn.get(kind) or ()
            for old in [there.get(item["identifier"], {})]
        ]
    groups = _by_id(live, "processGroups")
    made["processGroups"] = [
        _kept(group, groups[group["identifier"]]) if group["identifier"] in groups else group
        for group in made["processGroups"]
    ]
    known = _by_id(drawn, "labels")
    made["labels"] += [
        {**label, "groupIdentifier": drawn["identifier"]}
        for identifier, label in _by_id(live, "labels").items()
        if identifier not in known
    ]
    return made


def _stripped(live: Mapping[str, Any], drawn: Mapping[str, Any]) -> Json:
    labels, groups = _by_id(drawn, "labels"), _by_id(drawn, "processGroups")
    return {
        **live,
        "processors": [{**one, _STYLE: None} for one in live.get("processors") or ()],
        "labels": [
            {**one, _STYLE: None} for one in live.get("labels") or () if one["identifier"] in labels
        ],
        "processGroups": [
            _stripped(one, groups.get(one["identifier"], {}))
            for one in live.get("processGroups") or ()
        ],
    }


def _by_id(group: Mapping[str, Any], kind: str) -> dict[str, Mapping[str, Any]]:
    return {item["identifier"]: item for item in group.get(kind) or ()}
