"""Looks up component types on the connected NiFi."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import nipyapi
from nipyapi.nifi.rest import ApiException

from idemflow.canvas.client import errors
from idemflow.drawing.catalog import PUT, SCRIPT, Component
from idemflow.errors import CanvasError

_MISSING = {
    SCRIPT: "it needs a bundle with ExecuteScript (idemflow's own, or the official scripting NAR)",
    PUT: "it needs a bundle with PutElasticsearchJson (idemflow's own, or the official one)",
}
_NOT_FOUND = 404
# What a NAR says of a type takes NiFi longer to tell than all else that a deployment asks, and is
# the same for as long as the NAR has that version. By NiFi, coordinates of the NAR, and type.
_told: dict[tuple[str, ...], Component] = {}
_CHANGES = "-SNAPSHOT"


def read(types: Iterable[str]) -> dict[str, Component]:
    """Look up component types on the connected NiFi, as their NARs describe them.

    Args:
        types: full class names of processors and controller services.

    Raises:
        CanvasError: NiFi has no such type, or its NAR does not describe it.
    """
    with errors():
        api = nipyapi.nifi.FlowApi()
        processors = {item.type: item for item in api.get_processor_types().processor_types}
        services = {
            item.type: item for item in api.get_controller_service_types().controller_service_types
        }
        found = {}
        for kind in types:
            if kind in processors:
                found[kind] = _described(processors[kind], api.get_processor_definition)
            elif kind in services:
                found[kind] = _described(services[kind], api.get_controller_service_definition)
            else:
                raise CanvasError(
                    f"this NiFi has no {kind}" + (f": {_MISSING[kind]}" if kind in _MISSING else "")
                )
        return found


def _described(item: nipyapi.nifi.DocumentedTypeDTO, ask: Any) -> Component:
    bundle = item.bundle
    key = (
        str(nipyapi.config.nifi_config.host),
        bundle.group, bundle.artifact, bundle.version, item.type,
    )  # fmt: skip
    if key not in _told or bundle.version.endswith(_CHANGES):
        _told[key] = _ask(item, ask)
    return _told[key]


def _ask(item: nipyapi.nifi.DocumentedTypeDTO, ask: Any) -> Component:
    bundle = item.bundle
    try:
        definition = ask(bundle.group, bundle.artifact, bundle.version, item.type)
    except ApiException as error:
        if error.status != _NOT_FOUND:
            raise
        raise CanvasError(
            f"{bundle.artifact} {bundle.version} does not describe {item.type}: the NAR has no "
            "META-INF/docs/extension-manifest.xml",
            next_command="idemflow down && idemflow up, if an older idemflow started this NiFi; "
            "a NAR of your own gets that file from NiFi's Maven plugin",
        ) from None
    descriptors: Mapping[str, Any] = definition.property_descriptors or {}
    relationships = getattr(definition, "supported_relationships", None) or ()
    return Component(
        type=item.type,
        bundle={"group": bundle.group, "artifact": bundle.artifact, "version": bundle.version},
        names={one.display_name or name: name for name, one in descriptors.items()},
        defaults={name: one.default_value for name, one in descriptors.items()},
        sensitive=frozenset(name for name, one in descriptors.items() if one.sensitive),
        relationships=tuple(one.name for one in relationships),
    )
