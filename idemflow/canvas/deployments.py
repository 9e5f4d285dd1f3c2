"""What ``idemflow deploy`` left on the canvas, to tell what an operator changed since.

The mark of the pipeline's parameter context keeps a hash of its group. So it is kept where the
canvas is kept, and whoever deploys from another machine sees the same.
"""

from __future__ import annotations

from pathlib import Path

from idemflow.canvas import arrangement, flow_file, ownership, schedule, versions
from idemflow.drawing.boxes import Json


def remember(pipeline: str, group: str, drawn: Json, project: Path) -> None:
    """Keep the hash of what is on the canvas now.

    Args:
        pipeline: its name.
        group: id of its process group.
        drawn: the flow definition that it was made of.
        project: the project's folder.
    """
    ownership.remember(pipeline, _digest(group, drawn), str(project))


def changed_since(place: ownership.Place, drawn: Json) -> bool:
    """Whether the canvas is not what the last deployment left, or there was none.

    Args:
        place: where the pipeline is on the canvas.
        drawn: the flow definition that it is to be made of. What a person only arranged is no
            change: it stays.
    """
    assert place.group is not None
    return place.mark is None or place.mark.flow != _digest(place.group, drawn)


def _digest(group: str, drawn: Json) -> str:
    live = arrangement.without(versions.export(group), drawn)
    return flow_file.digest(schedule.without(live))
