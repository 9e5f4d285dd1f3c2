"""The table of what differs between two sides, such as the canvas and the files."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.markup import escape
from rich.table import Table

from idemflow.canvas.difference import Change

# What the names of components leave of the width for each other column, and for its frame.
_LEFT, _FRAME = 13, 3
_LEAST = 20


def changes_table(changes: Iterable[Change]) -> RenderableType:
    """What differs between the canvas and the files."""
    return difference_table(changes, "on the canvas", "in the files")


def difference_table(changes: Iterable[Change], left: str, right: str) -> RenderableType:
    """What differs between two sides, which are named."""
    return _Differences([*changes], left, right)


class _Differences:
    """Names of components stay on their line where they can; values give way.

    A column in which nothing is is left out.
    """

    def __init__(self, changes: list[Change], left: str, right: str) -> None:
        self._changes = changes
        self._titles = [escape(right)]
        self._with_left = any(change.before is not None for change in changes)
        self._with_property = any(change.property for change in changes)
        if self._with_left:
            self._titles.insert(0, escape(left))
        if self._with_property:
            self._titles.insert(0, "property")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        longest = max((len(change.component) for change in self._changes), default=0)
        room = options.max_width - _FRAME - 1 - len(self._titles) * (_LEFT + _FRAME)
        rows = Table()
        rows.add_column("component", width=max(min(longest, room), _LEAST))
        for title in self._titles:
            rows.add_column(title, overflow="fold")
        for change in self._changes:
            rows.add_row(*self._row(change))
        yield rows

    def _row(self, change: Change) -> Iterable[str]:
        before, after = _first_difference(change.before, change.after)
        yield escape(change.component)
        if self._with_property:
            yield escape(change.property)
        if self._with_left:
            yield _value(before)
        yield _value(after)


def _first_difference(before: str | None, after: str | None) -> tuple[str | None, str | None]:
    """Of two long texts, scripts above all, the first lines that differ, with their numbers."""
    if before is None or after is None or "\n" not in before + after:
        return before, after
    pairs = zip_longest(before.splitlines(), after.splitlines(), fillvalue="")
    for number, (old, new) in enumerate(pairs, start=1):
        if old != new:
            return f"line {number}: {old.strip()}", f"line {number}: {new.strip()}"
    return before, after


def _value(value: str | None) -> str:
    """A property's value, shortened."""
    if value is None:
        return "[dim]none[/]"
    first, _, rest = value.partition("\n")
    return escape(first[:60] + (" …" if rest or len(first) > 60 else ""))
