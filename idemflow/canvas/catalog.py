"""Looks up component types on the connected NiFi."""

from __future__ import annotations

from collections.abc import Iterable

import nipyapi

from idemflow.canvas import process_groups
from idemflow.canvas.client import errors
from idemflow.drawing.catalog import PUT, SCRIPT, Component
from idemflow.errors import CanvasError

_MISSING = {
    SCRIPT: "it needs a bundle with ExecuteScript (idemflow's own, or the official scripting NAR)",
    PUT: "it needs a bundle with PutElasticsearchJson (idemflow's own, or the official one)",
}


def read(
    types: Iterable[str],
    deployed: Iterable[nipyapi.nifi.ProcessorEntity | nipyapi.nifi.ControllerServiceEntity] = (),
) -> dict[str, Component]:
    """Look up component types on the connected NiFi.

    NiFi tells a component's properties only of an instance. A type that none of ``deployed`` is of,
    or only of another bundle than a new one would be, is made in a process group of its own, read
    and taken away again.

    Args:
        types: full class names of processors and controller services.
        deployed: processors and services of the pipeline that are on the canvas.

    Raises:
        CanvasError: NiFi has no such type.
    """
    with errors():
        api = nipyapi.nifi.FlowApi()
        processors = {item.type: item for item in api.get_processor_types().processor_types}
        services = api.get_controller_service_types().controller_service_types
        known = processors | {item.type: item for item in services}
        for kind in types:
            if kind not in known:
                raise CanvasError(
                    f"this NiFi has no {kind}" + (f": {_MISSING[kind]}" if kind in _MISSING else "")
                )
        found = {
            part.component.type: component(part.component)
            for part in deployed
            if part.component.type in known
            and part.component.bundle == known[part.component.type].bundle
        }
        missing = [kind for kind in types if kind not in found]
        if not missing:
            return found
        with process_groups.scratch("idemflow reads the names of properties here") as group:
            for kind in missing:
                if kind in processors:
                    made = nipyapi.canvas.create_processor(group, known[kind], (0.0, 0.0))
                else:
                    made = nipyapi.canvas.create_controller(group, known[kind])
                found[kind] = component(made.component)
        return found


def component(
    instance: nipyapi.nifi.ProcessorDTO | nipyapi.nifi.ControllerServiceDTO,
) -> Component:
    if isinstance(instance, nipyapi.nifi.ProcessorDTO):
        every = instance.config.descriptors
        relationships = tuple(item.name for item in instance.relationships)
    else:
        every, relationships = instance.descriptors, ()
    # The instance's own properties are not its type's.
    descriptors = {name: item for name, item in every.items() if not item.dynamic}
    return Component(
        type=instance.type,
        bundle={
            "group": instance.bundle.group,
            "artifact": instance.bundle.artifact,
            "version": instance.bundle.version,
        },
        names={item.display_name or name: name for name, item in descriptors.items()},
        defaults={name: item.default_value for name, item in descriptors.items()},
        sensitive=frozenset(name for name, item in descriptors.items() if item.sensitive),
        relationships=relationships,
    )
