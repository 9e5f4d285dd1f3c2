"""The step of the source ``files``.

::

    Start a run ──▶ Collect records ──▶ records
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from idemflow.drawing import script_body
from idemflow.drawing.boxes import Json
from idemflow.drawing.collect import Collect
from idemflow.sources.fields import seconds
from idemflow.sources.files import step

if TYPE_CHECKING:
    from idemflow.sources.files.model import Files

COLLECT = "Collect records"
DIRECTORY = "files.directory"


def draw(files: Files, collect: Collect) -> tuple[Json, Json]:
    """The first and the last step, which are the same."""
    body = script_body.compose(
        step.collect,
        "session",
        "context",
        "REL_SUCCESS",
        "log",
        pipeline=collect.pipeline,
        batch=collect.records,
    )
    box = collect.python(
        COLLECT,
        1,
        body,
        "New and changed files as JSON lines; what was read is in this step's state.",
        {
            "directory": f"#{{{DIRECTORY}}}",
            "pattern": files.pattern,
            "format": files.format,
            "quiet": str(seconds(files.quiet)),
            "csv": json.dumps(files.csv.options()),
            "newer_wins": json.dumps(files.newer_wins),
            "index": "#{index}",
            # What must be whole is read whole, whatever was read before.
            "remember": json.dumps(not collect.whole),
        },
    )
    return box, box
