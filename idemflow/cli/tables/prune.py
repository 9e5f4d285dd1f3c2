"""The table of ``idemflow prune``."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType

from idemflow.cli.tables import table
from idemflow.elasticsearch.retention import Pruned


def pruned_table(found: Sequence[Pruned]) -> RenderableType:
    """A line a pipeline, and what could not be done."""
    counts = ("runs folded", "manifests deleted", "runs forgotten", "runs kept as they are")
    rows = table("pipeline", right=counts)
    for one in found:
        numbers = (one.folded, one.manifests, one.forgotten, one.waiting)
        rows.add_row(one.pipeline, *(f"{number:,}" for number in numbers))
    busy = [
        f"[yellow]{one.pipeline}: records are on their way, so nothing was folded. "
        "Try again when its queues are empty (idemflow status).[/]"
        for one in found
        if one.busy
    ]
    return Group(rows, *busy)
