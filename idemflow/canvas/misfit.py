"""Whether a flow that was drawn for one NiFi fits the types of another.

A NiFi may get another PutElasticsearchJson under a canvas that is there: the official one in place
of the bundle's, or the other way round. NiFi takes what the type does not know for a dynamic
property, and says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from idemflow.canvas import catalog, flow_file
from idemflow.drawing.catalog import NOT_EVERYWHERE

# Who brings the types whose properties are looked at.
_DESCRIBED = {"org.apache.nifi", "io.idemflow"}


def misfits(definition: Mapping[str, Any]) -> list[str]:
    """The properties of a flow that its types have elsewhere, and not on the connected NiFi.

    Args:
        definition: a flow definition, of the canvas or of a version.

    Returns:
        Their names, sorted; none where everything fits.

    Raises:
        CanvasError: NiFi has no such type, or its NAR does not describe it.
    """
    return _unknown(
        (part["type"], name, name)
        for part in flow_file.parts(definition["flowContents"])
        for name, value in part["properties"].items()
        if value is not None and name in NOT_EVERYWHERE.get(part["type"], ())
    )


def unknown(definition: Mapping[str, Any]) -> list[str]:
    """The properties of a committed version that mean something else on the connected NiFi.

    A later NiFi takes over the properties of an earlier one, an earlier one not those of a later:
    there they are dynamic properties, which are a header of each request, or not valid.

    Args:
        definition: a version as a NiFi wrote it: it says which properties are of the type. Types
            that neither NiFi nor idemflow brings are left out.

    Returns:
        Their names, sorted; none where NiFi knows them all.

    Raises:
        CanvasError: as for :func:`misfits`.
    """
    written = _unknown(
        (part["type"], name, described.get("displayName") or name)
        for part in flow_file.parts(definition["flowContents"])
        if part["bundle"]["group"] in _DESCRIBED
        for name, described in (part.get("propertyDescriptors") or {}).items()
        if part["properties"].get(name) is not None and not described.get("dynamic")
    )
    return sorted({*misfits(definition), *written})


def _unknown(properties: Iterable[tuple[str, str, str]]) -> list[str]:
    """Those of some properties, by type, name and display name, that the types do not take."""
    given = sorted(set(properties))
    types = catalog.read({kind for kind, _, _ in given}) if given else {}
    return sorted({name for kind, name, shown in given if not types[kind].takes(name, shown)})
