"""The table of ``idemflow prune``."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table

from idemflow.elasticsearch.retention import Pruned


def pruned_table(found: Sequence[Pruned]) -> RenderableType:
    """A line a pipeline, and what could not be done."""
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("pipeline", no_wrap=True)
    for name in ("runs folded", "manifests deleted", "runs forgotten", "runs kept as they are"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found:
        table.add_row(
            one.pipeline,
            f"{one.folded:,}",
            f"{one.manifests:,}",
            f"{one.forgotten:,}",
            f"{one.waiting:,}",
        )
    busy = [
        f"[yellow]{one.pipeline}: records are on their way, so nothing was folded. "
        "Try again when its queues are empty (idemflow status).[/]"
        for one in found
        if one.busy
    ]
    return Group(table, *busy)
