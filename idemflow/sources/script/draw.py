"""The step of the source ``script``.

::

    Start a run ──▶ Collect records ──▶ records
"""

from __future__ import annotations

from idemflow import steps
from idemflow.drawing.boxes import Json
from idemflow.drawing.collect import Collect
from idemflow.sources.source import Call

COLLECT = "Collect records"


def draw(call: Call, collect: Collect, script: str) -> tuple[Json, Json]:
    """Draw it.

    Args:
        call: the function that it calls.
        collect: the group.
        script: the text of the user's script.

    Returns:
        The first and the last step, which are the same.
    """
    body = steps.collect_script(script, call.function, collect.pipeline, batch=collect.records)
    step = collect.python(COLLECT, 1, body, f"{call.script}: records as JSON lines.")
    return step, step
