"""What is in a process group, by id and by the name that the canvas shows."""

from __future__ import annotations

from typing import Any

from idemflow.canvas.client import errors
from idemflow.canvas.monitoring import each_group, snapshots, status
from idemflow.canvas.process_groups import controller_services

# What has a status in a group.
_KINDS = (
    "processor_status_snapshots", "connection_status_snapshots", "input_port_status_snapshots",
    "output_port_status_snapshots",
)  # fmt: skip


def names_of_components(group: str) -> dict[str, str]:
    """The names of a group's components and of those in its groups, by their ids.

    Args:
        group: id of the process group; it is one of them.
    """
    with errors():
        aggregate = status(group)
    found = {one.id: one.name for one in each_group(aggregate)}
    for kind in _KINDS:
        for item in snapshots(aggregate, kind):
            found[item.id] = item.name or _between(item)
    for service in controller_services(group):
        found[service.id] = service.component.name if service.component else service.id
    return found


def _between(item: Any) -> str:
    """What a connection without a name is called."""
    ends = (getattr(item, name, None) for name in ("source_name", "destination_name"))
    return " → ".join(end for end in ends if end) or str(item.id)
