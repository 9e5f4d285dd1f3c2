"""What packages add to idemflow, by entry points of Python packaging.

    idemflow.commands    a ``click.Command``
    idemflow.servers     a server beside NiFi and Elasticsearch: see ``idemflow.servers.further``
    idemflow.databases   a ``Provider`` of ``idemflow.config.databases``

The entry point's name is the command's, the server's, the database's.
"""

from __future__ import annotations

import functools
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

Group = Literal["commands", "servers", "databases"]


@functools.cache  # what is installed stays the same while a command runs
def found(group: Group) -> dict[str, EntryPoint]:
    """The entry points of a group, by their names; none of them is loaded."""
    return {one.name: one for one in entry_points(group=f"idemflow.{group}")}


def loaded(group: Group) -> dict[str, Any]:
    """What the entry points of a group name."""
    return {name: one.load() for name, one in found(group).items()}
