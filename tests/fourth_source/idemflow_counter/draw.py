"""The step of the source ``counter`` on the canvas.

::

    Start a run ──▶ Count ──▶ records
"""

from __future__ import annotations

from idemflow.drawing import script_body
from idemflow.drawing.boxes import Json
from idemflow.drawing.collect import Collect
from idemflow_counter.step import count

COUNT = "Count"


def draw(collect: Collect) -> tuple[Json, Json]:
    """Draw it.

    Returns:
        The first and the last step, which are the same.
    """
    body = script_body.compose(
        count, "session", "REL_SUCCESS", pipeline=collect.pipeline, batch=collect.records
    )
    box = collect.python(COUNT, 1, body, "Counts on; this step's state has the last number.")
    return box, box
