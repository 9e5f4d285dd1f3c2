"""What ``idemflow deploy`` left on the canvas, to tell what an operator changed since.

A parameter context that no group uses keeps a hash of each pipeline's group. So it is kept where
the canvas is kept, and whoever deploys from another machine sees the same.
"""

from __future__ import annotations

from idemflow.canvas import flow_file, parameters, schedule, versions
from idemflow.drawing.parameters import Parameter

CONTEXT = "idemflow deployments"


def remember(pipeline: str, group: str) -> None:
    """Keep the hash of what is on the canvas now.

    Args:
        pipeline: its name.
        group: id of its process group.
    """
    digest = _digest(group)
    if parameters.values(CONTEXT).get(pipeline) != digest:
        text = "The flow as idemflow deploy left it"
        parameters.put(CONTEXT, [Parameter(pipeline, digest, text)])


def changed_since(pipeline: str, group: str) -> bool:
    """Whether the canvas is not what the last deployment left, or there was none."""
    return parameters.values(CONTEXT).get(pipeline) != _digest(group)


def _digest(group: str) -> str:
    return flow_file.digest(schedule.without(versions.export(group)))
