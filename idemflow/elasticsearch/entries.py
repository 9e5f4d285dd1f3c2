"""What counts of all that was sent under one id."""

from __future__ import annotations

from collections.abc import Iterable

Entry = tuple[str, int | None]
"""The hash of a document's content, blank for a delete; and the version, where there is one."""


def newest(entries: dict[str, Entry], found: Iterable[tuple[str, str, int | None]]) -> None:
    """Add what was sent to what was sent before: a higher version counts, and of equals the later.

    Args:
        entries: document id to what counts so far; changed in place.
        found: id, digest and version of what was sent after it.
    """
    for identifier, digest, version in found:
        known = entries.get(identifier)
        if known is None or known[1] is None or version is None or version >= known[1]:
            entries[identifier] = (digest, version)
