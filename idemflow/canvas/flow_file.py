"""A version of a flow as its JSON file in git has it, and as NiFi takes it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from idemflow.canvas.difference import meaning
from idemflow.drawing.boxes import Json
from idemflow.errors import UsageError

_ROOT = "root"
# Texts that may stand as an array of their lines, besides the values of properties.
_TEXTS = {"comments", "description", "label", "value"}


def read(text: str, place: str) -> Json:
    """Parse a file.

    Args:
        text: the file's text: NiFi's flow definition, or the same with texts as arrays of lines.
        place: what to call it in an error.

    Returns:
        The flow definition, texts in one piece.

    Raises:
        UsageError: that is no flow.
    """
    try:
        found = _joined(json.loads(text))
    except ValueError as error:
        raise UsageError(f"{place} is no flow: {error}") from error
    except RecursionError:
        raise UsageError(f"{place} is no flow: it is nested too deeply") from None
    if not isinstance(found, dict) or not isinstance(found.get("flowContents"), dict):
        raise UsageError(f"{place} is no flow: it has no object flowContents")
    return found


def contents(definition: Mapping[str, Any]) -> Json:
    """The flow's group in the form that is compared: its own id differs on every NiFi."""
    group = definition["flowContents"]
    identifier = group.get("identifier")

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            made = {key: plain(item) for key, item in value.items()}
            for key in ("groupIdentifier", "groupId"):
                if identifier and made.get(key) == identifier:
                    made[key] = _ROOT
            for end in ("source", "destination"):
                if isinstance(made.get(end), dict):
                    made[end] = {key: made[end].get(key) for key in ("id", "type", "name")}
            return made
        return [plain(item) for item in value] if isinstance(value, list) else value

    found = plain(group)
    assert isinstance(found, dict)
    found.pop("versionedFlowCoordinates", None)
    return found


def digest(definition: Mapping[str, Any]) -> str:
    """A hash over all that a flow does; where its boxes stand does not count."""
    text = json.dumps(meaning(contents(definition)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def types(definition: Mapping[str, Any]) -> list[str]:
    """The classes of all processors and controller services in a flow."""
    return sorted({part["type"] for part in parts(definition["flowContents"])})


def parameters(definition: Mapping[str, Any]) -> dict[str, str | None]:
    """Values of the parameters that a version brings, by ``context / name``."""
    return {
        f"{name} / {item['name']}": "********" if item.get("sensitive") else item.get("value")
        for name, context in (definition.get("parameterContexts") or {}).items()
        for item in context.get("parameters") or ()
    }


def parts(group: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for kind in ("processors", "controllerServices"):
        yield from group.get(kind) or ()
    for child in group.get("processGroups") or ():
        yield from parts(child)


def _joined(value: Any, *, text: bool = False, properties: bool = False) -> Any:
    if isinstance(value, dict):
        return {
            key: _joined(
                item,
                text=properties or key in _TEXTS,
                properties=key == "properties",
            )
            for key, item in value.items()
        }
    if isinstance(value, list):
        if text and all(isinstance(item, str) for item in value):
            return "\n".join(value)
        return [_joined(item) for item in value]
    return value
