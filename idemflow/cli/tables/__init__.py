"""Tables and progress for people, with rich. Each returns or draws, and decides nothing."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text


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


def as_printed(text: str) -> str:
    """A text that may hold anything, without what a terminal would do."""
    return "".join(c if c.isprintable() or c in "\n\t" else _escape(c) for c in text)


def harmless(text: str) -> Text:
    """The same for a table: never read as markup, and a tab does not move its columns."""
    return Text("".join(c if c.isprintable() or c == "\n" else _escape(c) for c in text))


def on_one_line(text: str) -> Text:
    """The same, on one line, with single blanks."""
    return harmless(" ".join(text.split()))


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")
