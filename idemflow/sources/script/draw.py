"""The step of the source ``script``.

::

    Start a run ──▶ Collect records ──▶ records
"""

from __future__ import annotations

from idemflow.drawing import script_body
from idemflow.drawing.boxes import Json
from idemflow.drawing.collect import Collect
from idemflow.sources.script import step
from idemflow.sources.source import Call

COLLECT = "Collect records"


def draw(call: Call, collect: Collect, script: str) -> tuple[Json, Json]:
    """The first and the last step, which are the same; ``script`` is the user's text."""
    body = script_body.compose(
        step.collect,
        "session",
        "REL_SUCCESS",
        script=script,
        generator=script_body.Name(call.function),
        pipeline=collect.pipeline,
        batch=collect.records,
    )
    box = collect.python(COLLECT, 1, body, f"{call.script}: records as JSON lines.")
    return box, box
