"""What ``idemflow logs PIPELINE`` prints."""

from __future__ import annotations

from idemflow.cli.tables import as_printed
from idemflow.commands.pipeline_logs import Said


def entry(said: Said) -> str:
    """An entry of a pipeline's log, for a person."""
    level = f"{said.level} (bulletin)" if said.bulletin else said.level
    first = " ".join([said.time, level, f"{said.component}: {said.message}"])
    # A line that is not the first of an entry does not begin like one.
    return as_printed("\n".join([first, *(f"  {line}" for line in said.more)]))
