"""Whether a flow that was drawn for one NiFi fits the types of another.

A NiFi may get another PutElasticsearchJson under a canvas that is there: the official one in place
of the bundle's, or the other way round. NiFi takes what the type does not know for a dynamic
property, and says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from idemflow.canvas import catalog, flow_file
from idemflow.drawing.catalog import NOT_EVERYWHERE, taken_over


def misfits(definition: Mapping[str, Any]) -> list[str]:
    """The properties of a flow that its types have elsewhere, and not on the connected NiFi.

    Args:
        definition: a flow definition, of the canvas or of a version.

    Returns:
        Their names, sorted; none where everything fits.

    Raises:
        CanvasError: NiFi has no such type, or its NAR does not describe it.
    """
    doubtful: dict[str, set[str]] = {}
    for part in flow_file.parts(definition["flowContents"]):
        some = NOT_EVERYWHERE.get(part["type"], frozenset())
        given = {name for name, value in part["properties"].items() if value is not None}
        if given & some:
            doubtful.setdefault(part["type"], set()).update(given & some)
    types = catalog.read(doubtful) if doubtful else {}
    return sorted(
        name
        for kind, names in doubtful.items()
        for name in names.difference(types[kind].names.values(), taken_over(types[kind]))
    )
