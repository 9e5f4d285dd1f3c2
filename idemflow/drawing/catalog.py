"""What a NiFi has: component types, and their properties by display name.

Internal property names differ between NiFi versions, display names seldom do. So nothing else here
knows an internal name: the processor's own descriptors translate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from idemflow.errors import CanvasError

GENERATE = "org.apache.nifi.processors.standard.GenerateFlowFile"
INVOKE = "org.apache.nifi.processors.standard.InvokeHTTP"
SCRIPT = "org.apache.nifi.processors.script.ExecuteScript"
PUT = "org.apache.nifi.processors.elasticsearch.PutElasticsearchJson"
CLIENT_SERVICE = "org.apache.nifi.elasticsearch.ElasticSearchClientServiceImpl"
SSL_SERVICE = "org.apache.nifi.ssl.StandardSSLContextService"

# Display names of NiFi 2.3.0, and what later releases of NiFi 2 call the same property: all of the
# types that are drawn, as tests/compat has them for the releases.
_RENAMED = {
    "Batch Size": "Max FlowFiles Per Batch",
    "Charset": "Character Set",
    "Connect timeout": "Connect Timeout",
    "Database Driver Location(s)": "Database Driver Locations",
    "Max Connection Lifetime": "Maximum Connection Lifetime",
    "Max Idle Connections": "Maximum Idle Connections",
    "Max Rows Per Flow File": "Max Rows Per FlowFile",
    "Read timeout": "Read Timeout",
    "Script Engine": "Script Language",
    "Suppress Null/Empty Values": "Suppress Null and Empty Values",
    'Treat "Not Found" as Success': "Treat Not Found as Success",
    "Validation query": "Validation Query",
}

# Properties that not every release of a type has, idemflow's own among them. Where the type lacks
# one that is set, it is a dynamic property: with PutElasticsearchJson a parameter of each request,
# which Elasticsearch refuses as a whole.
NOT_EVERYWHERE = {
    PUT: frozenset(
        {
            "Allow Generated Identifiers", "Field Path Mode", "Identifier Field", "Index Field",
            "Input Content Format", "Max Batch Size", "Max FlowFiles Per Batch", "Operation Field",
            "Output Bulk Request", "Retain Identifier Field", "Retain Index Field",
            "Retain Timestamp Field", "Suppress Nulls", "Timestamp Field", "Version Field",
        }
    )
}  # fmt: skip

# The bundle's own types take over the names of later releases when a flow is loaded, and put these
# away.
_BUNDLE = "io.idemflow"
# A later name that releases after 2.7 gave up, and rename.
_TAKEN_BACK = "Script Language"
_EARLIER = {later: earlier for earlier, later in _RENAMED.items()}
_TAKEN_OVER = frozenset({"Field Path Mode", "Max FlowFiles Per Batch", "Output Bulk Request"})


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

    def takes(self, name: str, display_name: str) -> bool:
        """Whether a flow's property is one of this type once NiFi has taken the flow over.

        Args:
            name: its internal name in the flow.
            display_name: how the NiFi that wrote the flow displays it.
        """
        if name in self.names.values() or name == _TAKEN_BACK:
            return True
        if self.bundle["group"] == _BUNDLE:
            earlier = _EARLIER.get(display_name, display_name)
            return name in _TAKEN_OVER or not {display_name, earlier}.isdisjoint(self.names)
        # A later NiFi renames the properties of an earlier one: since 2.7 to what is displayed. An
        # earlier one knows no names of later ones.
        return self.has(display_name) and self.internal(display_name) in self.names
