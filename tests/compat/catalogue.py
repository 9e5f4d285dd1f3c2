"""Catalogues of component types: read from their files, or from a NiFi that runs.

``python -m tests.compat.catalogue`` prints that of the NiFi that `idemflow up` started.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import nipyapi

from idemflow.drawing import catalog
from idemflow.drawing.catalog import Component
from idemflow.sources.sql import draw as sql

HERE = Path(__file__).parent
# The types that this project's bundle brings, under the names of the official ones.
BUNDLE = (catalog.SCRIPT, catalog.PUT, catalog.CLIENT_SERVICE)
OFFICIAL = (catalog.GENERATE, catalog.INVOKE, catalog.SSL_SERVICE, *sql.TYPES)
# By the file's name; of the bundle's types only what that NiFi has.
NIFIS = ("nifi-2.3.0", "nifi-2.3.0-embedded", "nifi-2.7.0", "nifi-2.9.0", "nifi-2.11.0")

Catalogue = dict[str, dict[str, Any]]


def read(name: str) -> Catalogue:
    """The types of a NiFi, by full class name."""
    types: Catalogue = json.loads((HERE / f"{name}.json").read_text())["types"]
    return types


def components(types: Catalogue) -> dict[str, Component]:
    """The same as the drawing knows them."""
    return {kind: _component(kind, described) for kind, described in types.items()}


def of_running(kinds: Iterable[str]) -> Catalogue:
    """Types of the NiFi that is connected to, in the form of the files."""
    api = nipyapi.nifi.FlowApi()
    items = {
        item.type: (item.bundle, ask)
        for listed, ask in (
            (api.get_processor_types().processor_types, api.get_processor_definition),
            (
                api.get_controller_service_types().controller_service_types,
                api.get_controller_service_definition,
            ),
        )
        for item in listed
    }
    found = {}
    for kind in sorted(kinds):
        bundle, ask = items[kind]
        definition = ask(bundle.group, bundle.artifact, bundle.version, kind)
        found[kind] = {
            "relationships": sorted(
                one.name for one in getattr(definition, "supported_relationships", None) or ()
            ),
            "properties": [
                _described(one) for one in (definition.property_descriptors or {}).values()
            ],
        }
    return found


def text(nifi: str, where: str, types: Mapping[str, Any]) -> str:
    """A catalogue's file: a property a line."""
    lines = ["{", f'  "nifi": {json.dumps(nifi)},', f'  "read": {json.dumps(where)},']
    lines.append('  "types": {')
    for number, (kind, described) in enumerate(sorted(types.items()), 1):
        lines.append(f"    {json.dumps(kind)}: {{")
        lines.append(f'      "relationships": {json.dumps(described["relationships"])},')
        lines.append('      "properties": [')
        shown = [f"        {json.dumps(one)}" for one in described["properties"]]
        lines.append(",\n".join(shown))
        lines += ["      ]", "    }" + ("," if number < len(types) else "")]
    return "\n".join([*lines, "  }", "}", ""])


def _described(one: Any) -> dict[str, Any]:
    fields = {
        "name": one.name,
        "displayName": one.display_name if one.display_name != one.name else None,
        "default": one.default_value,
        "required": one.required or None,
        "sensitive": one.sensitive or None,
        "allowableValues": [value.value for value in one.allowable_values or ()] or None,
        "dependsOn": {
            other.property_name: sorted(other.dependent_values or ())
            for other in one.dependencies or ()
        }
        or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _component(kind: str, described: Mapping[str, Any]) -> Component:
    properties = described["properties"]
    return Component(
        type=kind,
        bundle={"group": "g", "artifact": "a", "version": "1"},
        names={one.get("displayName", one["name"]): one["name"] for one in properties},
        defaults={one["name"]: one.get("default") for one in properties},
        sensitive=frozenset(one["name"] for one in properties if one.get("sensitive")),
        relationships=tuple(described["relationships"]),
    )


if __name__ == "__main__":
    from idemflow.canvas import client
    from idemflow.config import settings
    from idemflow.servers import connect

    client.connect(connect(settings.resolve()).nifi)
    version = nipyapi.nifi.FlowApi().get_about_info().about.version
    print(text(version, "from a NiFi that idemflow runs", of_running(BUNDLE + OFFICIAL)))  # noqa: T201
