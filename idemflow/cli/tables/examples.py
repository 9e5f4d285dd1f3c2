"""Records of a run that have one id."""

from __future__ import annotations

from collections.abc import Iterable

from rich.markup import escape

from idemflow.elasticsearch.examples import Example, SentRecord


def examples(found: Iterable[Example]) -> list[str]:
    """Records with one id, a line an id."""

    def place(record: SentRecord) -> str:
        source = f"{record.source}, " if record.source else ""
        position = "a record" if record.position is None else f"record {record.position:,}"
        return f"{source}{position} ({record.content[:8] or 'a delete'})"

    return [
        escape(f"  {one.id}: {' and '.join(place(record) for record in one.records)}")
        for one in found
    ]
