"""What ``idemflow deploy`` left on the canvas, to tell what an operator changed since.

A parameter context that no group uses keeps a hash of each pipeline's group. So it is kept where
the canvas is kept, and whoever deploys from another machine sees the same.
"""

from __future__ import annotations

import nipyapi

from idemflow.canvas import parameters
from idemflow.canvas.parameters import Parameter

CONTEXT = "idemflow deployments"


def remember(pipeline: str, digest: str) -> None:
    """Keep the hash of what is on the canvas now."""
    context = parameters.find(CONTEXT)
    if parameters.values(context).get(pipeline) != digest:
        text = "The flow as idemflow deploy left it"
        parameters.put(CONTEXT, context, [Parameter(pipeline, digest, text)])


def remembered(pipeline: str) -> str | None:
    """The hash that was kept, if there is one."""
    context: nipyapi.nifi.ParameterContextEntity | None = parameters.find(CONTEXT)
    return parameters.values(context).get(pipeline)
