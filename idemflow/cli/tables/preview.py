"""The tables of ``idemflow preview``."""

from __future__ import annotations

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from idemflow.cli.tables import as_printed, harmless, on_one_line, table
from idemflow.cli.tables.examples import examples
from idemflow.elasticsearch.examples import in_words
from idemflow.preview.result import Document, Preview, Refusal
from idemflow.steps.rules.words import counted

# So much of a text stands in a line that is not a terminal's.
_WIDTH = 200
_ID = 60


def preview_tables(found: Preview) -> list[RenderableType]:
    """What a pipeline would send."""
    parts: list[RenderableType] = []
    if found.shown:
        parts += [_documents(found.shown), ""]
    if found.fields:
        parts += [_fields(found), ""]
    if found.refusals:
        parts.append("[yellow]Refused, to become dead letters:[/]")
        parts += map(_refusal, found.refusals)
        if (more := found.refused - len(found.refusals)) > 0:
            parts.append(f"  and {more:,} more")
        parts.append("")
    if found.repeated:
        color = "red" if found.unique == "fail" else "yellow"
        parts.append(f"[{color}]{in_words(found.repeated, found.collisions)}[/]:")
        parts += [*examples(found.examples), ""]
    return [*parts, *_summary(found)]


def _summary(found: Preview) -> list[RenderableType]:
    which = "" if found.whole else "The first " if found.records > 1 else ""
    records = counted(found.records, "record", "records")
    counts = [counted(found.documents - found.deletes, "document")]
    counts += [counted(found.deletes, "delete")] if found.deletes else []
    counts += [f"{found.dropped:,} dropped by the transform"] if found.dropped else []
    counts += [f"{found.refused:,} refused"]
    times = found.seconds
    return [
        f"{which}{records} of {found.pipeline}: {', '.join(counts)}.",
        f"Source {times.source:.2f} s, transform {times.transform:.2f} s, "
        f"identity {times.identity:.2f} s.",
    ]


def _documents(shown: list[Document]) -> Table:
    versions = any(one.version is not None for one in shown)
    rows = [(on_one_line(one.id + (" (delete)" if one.deleted else "")), one) for one in shown]
    made = table()
    # Of ids and versions all is shown, of the documents what there is room for.
    made.add_column("id", no_wrap=True, min_width=min(_ID, max(len(name) for name, _ in rows)))
    if versions:
        made.add_column("version", no_wrap=True, min_width=max(len(str(o.version)) for o in shown))
    made.add_column("document", no_wrap=True, overflow="ellipsis")
    for name, one in rows:
        text = on_one_line(one.text[:_WIDTH])
        if one.deleted:
            text.stylize("strike")
        version = "" if one.version is None else str(one.version)
        made.add_row(name, *([version] if versions else []), text)
    return made


def _fields(found: Preview) -> Table:
    made = table("field", "holds", "mapping")
    for one in found.fields:
        total = sum(one.types.values())
        holds = ", ".join(
            name if count == total else f"{name} {count:,}" for name, count in one.types.items()
        )
        missing = found.documents - found.deletes - total
        lacks = f"; not in {missing:,}" if missing > 0 else ""
        made.add_row(harmless(one.name), holds + lacks, one.mapping or "-")
    return made


def _refusal(one: Refusal) -> str:
    source = f"{one.source}, " if one.source else ""
    place = "a record" if one.position is None else f"record {one.position:,}"
    text = " ".join(one.text.split())[:_WIDTH]
    return escape(as_printed(f"  {source}{place}, {one.step}: {one.reason}\n    {text}"))
