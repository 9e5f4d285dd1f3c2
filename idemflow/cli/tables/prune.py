"""The table of ``idemflow prune``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Group, RenderableType
from rich.markup import escape

from idemflow.cli.tables import table
from idemflow.commands.prune import Pruned

# What only some pipelines' YAML lets go.
_DELETED: dict[str, Callable[[Pruned], int]] = {
    "dead letters": lambda one: one.dead_letters,
    "indices": lambda one: len(one.indices),
}


def pruned_table(found: Sequence[Pruned]) -> RenderableType:
    """A line a pipeline, and what could not be done."""
    counts = ("runs folded", "manifests deleted", "runs forgotten", "runs kept as they are")
    more = [name for name in ("dead letters", "indices") if any(map(_DELETED[name], found))]
    rows = table("pipeline", right=(*counts, *(f"{name} deleted" for name in more)))
    for one in found:
        numbers = [one.folded, one.manifests, one.forgotten, one.waiting]
        numbers += [_DELETED[name](one) for name in more]
        rows.add_row(one.pipeline, *(f"{number:,}" for number in numbers))
    busy = [
        f"[yellow]{one.pipeline}: records are on their way, so nothing was folded. "
        "Try again when its queues are empty (idemflow status).[/]"
        for one in found
        if one.busy
    ]
    indices = [escape(f"{one.pipeline}: {name}") for one in found for name in one.indices]
    dry = ["Nothing was changed: this is what would be."] if any(o.dry_run for o in found) else []
    return Group(rows, *indices, *busy, *dry)
