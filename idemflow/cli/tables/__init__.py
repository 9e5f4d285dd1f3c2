"""Tables and progress for people, with rich. Each returns or draws, and decides nothing."""

from __future__ import annotations

from typing import Any

from rich.table import Table


def table(*columns: str, right: tuple[str, ...] = (), **options: Any) -> Table:
    """A table without a frame.

    Args:
        columns: headings of columns that are not wrapped.
        right: headings of further ones, of numbers.
        options: as :class:`rich.table.Table` takes them.
    """
    made = Table(box=None, padding=(0, 1, 0, 0), **options)
    for name in columns:
        made.add_column(name, no_wrap=True)
    for name in right:
        made.add_column(name, justify="right", no_wrap=True)
    return made
