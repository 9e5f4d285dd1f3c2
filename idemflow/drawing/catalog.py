"""What a NiFi has: component types, and their properties by display name.

Internal property names differ between NiFi versions; display names do not. So nothing else here
knows an internal name: the processor's own descriptors translate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import nipyapi

from idemflow.canvas.client import errors
from idemflow.errors import CanvasError
from idemflow.pipeline.model import Pipeline
from idemflow.pipeline.sources import SqlSource

GENERATE = "org.apache.nifi.processors.standard.GenerateFlowFile"
INVOKE = "org.apache.nifi.processors.standard.InvokeHTTP"
SCRIPT = "org.apache.nifi.processors.script.ExecuteScript"
PUT = "org.apache.nifi.processors.elasticsearch.PutElasticsearchJson"
SQL = "org.apache.nifi.processors.standard.ExecuteSQLRecord"
CLIENT_SERVICE = "org.apache.nifi.elasticsearch.ElasticSearchClientServiceImpl"
SSL_SERVICE = "org.apache.nifi.ssl.StandardSSLContextService"
POOL = "org.apache.nifi.dbcp.DBCPConnectionPool"
JSON_WRITER = "org.apache.nifi.json.JsonRecordSetWriter"

SERVICES = (CLIENT_SERVICE, SSL_SERVICE, POOL, JSON_WRITER)
# Display names of NiFi 2.3.0, and what other releases of NiFi 2 call the same property.
_RENAMED = {
    "Batch Size": "Max FlowFiles Per Batch",
    "Script Engine": "Script Language",
    "Suppress Null/Empty Values": "Suppress Null and Empty Values",
}
_MISSING = {
    SCRIPT: "it needs a bundle with ExecuteScript (idemflow's own, or the official scripting NAR)",
    PUT: "it needs a bundle with PutElasticsearchJson (idemflow's own, or the official one)",
}


@dataclass(frozen=True)
class Component:
    """A component type of a NiFi.

    Attributes:
        type: full class name.
        bundle: ``group``, ``artifact`` and ``version`` of the NAR that has it.
        names: display name of a property to its internal name.
        defaults: internal name of a property to its default value.
        sensitive: internal names of sensitive properties.
        relationships: names of its relationships; none for a service.
    """

    type: str
    bundle: Mapping[str, str]
    names: Mapping[str, str]
    defaults: Mapping[str, str | None]
    sensitive: frozenset[str]
    relationships: tuple[str, ...]

    def has(self, display_name: str) -> bool:
        """Whether it has a property of that display name."""
        return not {display_name, _RENAMED.get(display_name)}.isdisjoint(self.names)

    def internal(self, display_name: str) -> str:
        """The internal name of a property.

        Args:
            display_name: its display name in NiFi 2.3.0.

        Raises:
            CanvasError: this version of the component has no such property.
        """
        for name in (display_name, _RENAMED.get(display_name, display_name)):
            if name in self.names:
                return self.names[name]
        raise CanvasError(
            f"{self.type.rsplit('.', 1)[-1]} {self.bundle['version']} of this NiFi has no "
            f"property {display_name!r}; it has {', '.join(sorted(self.names))}"
        )


def needed(pipeline: Pipeline, *, tls: bool) -> list[str]:
    """The component types that a pipeline is made of."""
    types = [GENERATE, INVOKE, SCRIPT, PUT, CLIENT_SERVICE]
    if tls:
        types.append(SSL_SERVICE)
    if isinstance(pipeline.collect, SqlSource):
        types += [SQL, POOL, JSON_WRITER]
    return types


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
        known = {
            item.type: item
            for item in (
                *nipyapi.nifi.FlowApi().get_processor_types().processor_types,
                *nipyapi.nifi.FlowApi().get_controller_service_types().controller_service_types,
            )
        }
        for kind in types:
            if kind not in known:
                raise CanvasError(
                    f"this NiFi has no {kind}" + (f": {_MISSING[kind]}" if kind in _MISSING else "")
                )
        found = {
            part.component.type: _component(part.component)
            for part in deployed
            if part.component.type in known
            and part.component.bundle == known[part.component.type].bundle
        }
        missing = [kind for kind in types if kind not in found]
        if not missing:
            return found
        scratch = nipyapi.canvas.create_process_group(
            nipyapi.canvas.get_process_group("root", "id"),
            "idemflow reads the names of properties here",
            (0.0, 0.0),
        )
        try:
            return found | {kind: _made(scratch, known[kind]) for kind in missing}
        finally:
            nipyapi.canvas.delete_process_group(scratch, force=True, refresh=True)


def _made(
    scratch: nipyapi.nifi.ProcessGroupEntity, kind: nipyapi.nifi.DocumentedTypeDTO
) -> Component:
    if kind.type in SERVICES:
        return _component(nipyapi.canvas.create_controller(scratch, kind).component)
    return _component(nipyapi.canvas.create_processor(scratch, kind, (0.0, 0.0)).component)


def _component(
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
