"""The fields of JSON records, nested ones included, and what they are in an index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from idemflow.errors import UsageError
from idemflow.profile import forms, mapping
from idemflow.profile.duck import RECORD_BYTES, DuckData, literal, name, text_file
from idemflow.profile.guess import Column

# Texts that DuckDB takes for something else; they stay the texts that they are in the documents.
_TEXTS = {"date", "timestamp", "timestamp with time zone", "time", "uuid", "timestamp_ns"}
# Formats whose parts have two digits each, as a mapping needs them.
DATES = ("%Y-%m-%d %H:%M:%S", "%d.%m.%Y", "%d.%m.%Y %H:%M:%S", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d",
         "%Y/%m/%d %H:%M:%S")  # fmt: skip
_SCALARS = {
    "bigint": ("integer", "long", "whole numbers"),
    "ubigint": ("integer", "unsigned_long", "whole numbers, some above 2^63"),
    "hugeint": ("other", "double", "whole numbers that no long holds"),
    "double": ("number", "double", "numbers"),
    "boolean": ("boolean", "boolean", "true or false"),
}
# Elasticsearch takes 1,000 fields in an index.
_MOST = 800


def read(db: duckdb.DuckDBPyConnection, file: Path, shape: str) -> tuple[DuckData, list[str]]:
    """The records of a file of JSON.

    Args:
        shape: ``newline_delimited``, or ``auto`` for an array.

    Returns:
        The records, and what a person should know of them.

    Raises:
        UsageError: there is none.
    """
    common = f"{text_file(file)}, format = '{shape}', maximum_object_size = {RECORD_BYTES}"
    # All of it is read for the fields: one that only the last record has is one, too.
    try:
        found = db.sql(
            f"FROM read_json({common}, records = true, sample_size = -1, "
            "map_inference_threshold = -1, field_appearance_threshold = 0)"
        )
    except duckdb.BinderException:
        raise UsageError(f"{file.name} has no record: a record is an object") from None
    fields = dict(zip(found.columns, found.types, strict=True))
    spec = ", ".join(f"{name(one)}: {literal(read_as(kind))}" for one, kind in fields.items())
    relation = f"read_json({common}, records = true, columns = {{{spec}}})"
    data = DuckData(db, relation, {}, (), 0)
    data.records = data.ask(f"SELECT count(*) FROM {relation}")[0][0]
    if not data.records or not fields:
        raise UsageError(f"{file.name} has no record")
    return data, _describe(data, fields)


def read_as(kind: Any) -> str:
    """A type in SQL, with the texts in it as texts."""
    if kind.id == "struct":
        inside = ", ".join(f"{name(one)} {read_as(child)}" for one, child in kind.children)
        return f"STRUCT({inside})"
    if kind.id == "list":
        return f"{read_as(kind.children[0][1])}[]"
    return "VARCHAR" if kind.id in _TEXTS else "JSON" if kind.id == "null" else str(kind)


def _describe(data: DuckData, fields: dict[str, Any]) -> list[str]:
    """Find out what the fields of the records are, and give the data its columns."""
    found = list(_walk(fields, "", "", False))
    texts = {path: sql for path, sql, kind, spread in found if _is_text(kind) and not spread}
    others = {path: sql for path, sql, kind, spread in found if path not in texts and not spread}
    data.values = {path: f"nullif(trim({sql}), '')" for path, sql in texts.items()} | others
    numbers = _counted(data, others)
    _, looked = forms.look(data, [*texts], (), DATES)
    columns = []
    for path, _, kind, spread in found[:_MOST]:
        if path in looked:
            columns.append(mapping.of_text(path, looked[path], data.records, becomes_iso=False))
            continue
        what, of_index, why = _scalar(kind)
        empty, distinct, low = numbers.get(path, (0, 0, None))
        if what == "integer" and low is not None and low < 0:
            why += ", some of them negative"
        why += ", in a list" if spread else mapping.share(empty, data.records)
        columns.append(
            Column(path, what, of_index, why, empty=empty, distinct=distinct, spread=spread)
        )
    data.columns = tuple(columns)
    if len(found) <= _MOST:
        return []
    return [
        f"there are {len(found):,} fields; the first {_MOST} are in the mapping, and "
        "Elasticsearch takes 1,000 unless the index says more"
    ]


def _walk(
    fields: dict[str, Any], above: str, sql: str, spread: bool
) -> Iterator[tuple[str, str, Any, bool]]:
    for one, kind in fields.items():
        path, value = f"{above}{one}", f"{sql}{name(one)}"
        inner, many = kind, spread
        while inner.id == "list":
            inner, many = inner.children[0][1], True
        if inner.id == "struct":
            yield from _walk(dict(inner.children), f"{path}.", f"{value}.", many)
        else:
            yield path, value, inner, many


def _is_text(kind: Any) -> bool:
    return kind.id in _TEXTS or (kind.id == "varchar" and str(kind) != "JSON")


def _scalar(kind: Any) -> tuple[Any, str | dict[str, Any], str]:
    if _is_text(kind):
        return "text", "keyword", "texts"
    if kind.id in _SCALARS:
        return _SCALARS[kind.id]
    if kind.id == "null":
        return "other", {"type": "object", "enabled": False}, "null in each record, not indexed"
    return "other", {"type": "object", "enabled": False}, "values of several kinds, not indexed"


def _counted(data: DuckData, others: dict[str, str]) -> dict[str, tuple[int, int, int | None]]:
    """Of fields that are no texts: records without a value, about how many values, the lowest."""
    if not others:
        return {}
    wanted = [
        f"count(*) - count({sql}), approx_count_distinct({sql}), "
        f"try_cast(min({sql})::VARCHAR AS BIGINT)"
        for sql in others.values()
    ]
    row = data.ask(f"SELECT {', '.join(wanted)} FROM {data.relation}")[0]
    return {path: (row[3 * at], row[3 * at + 1], row[3 * at + 2]) for at, path in enumerate(others)}
