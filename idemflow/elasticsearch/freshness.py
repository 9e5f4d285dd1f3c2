"""How fresh the documents of a pipeline are: the time of the newest version in its index."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from idemflow.elasticsearch.connect import Connection
from idemflow.elasticsearch.documents import LIVE
from idemflow.elasticsearch.indices import NAMES
from idemflow.elasticsearch.search import batches
from idemflow.steps.rules.version import NoVersion, version_reader

# The beginning of versions that are times: see :mod:`idemflow.steps.rules.version`.
_START = datetime(1, 1, 1, tzinfo=UTC)
# So many documents are looked at for one that idemflow may have written.
_HITS = 10
# The types of fields that sort by time; texts of ISO 8601 as far as all have one zone.
_TIMES, _TEXTS = ("date", "date_nanos"), ("keyword", "constant_keyword", "wildcard")


class Unsorted(Exception):
    """The version field of an index has a type by which Elasticsearch sorts nothing."""


def newest_version(
    connection: Connection, indices: Sequence[str], field: str, now: datetime
) -> datetime | None:
    """The newest version of the documents that readers see.

    A version in the future counts as little as none: one wrong clock would hide for years that
    nothing comes any more.

    Args:
        connection: Elasticsearch.
        indices: the indices to look into; some of them may be gone.
        field: the version field, which holds a timestamp.
        now: the present.

    Returns:
        That time; ``None`` where no document has one.

    Raises:
        Unsorted: of an index that has the field, no newest can be told.
    """
    found = (_newest(connection, ",".join(some), field, now) for some in batches(indices, NAMES))
    return max((one for one in found if one is not None), default=None)


def _newest(connection: Connection, indices: str, field: str, now: datetime) -> datetime | None:
    sorted_by = _sorted_by(connection, indices, field)
    if sorted_by is None:
        return None
    name, kind = sorted_by
    until: dict[str, Any] = {"lte": now.isoformat()}
    if kind in _TIMES:
        until["format"] = "strict_date_optional_time"
    with connection.errors():
        answer = connection.client.search(
            index=indices,
            query={"bool": {"filter": [LIVE, {"range": {name: until}}]}},
            sort=[{name: {"order": "desc", "unmapped_type": "date"}}],
            source={"includes": [field]},
            size=_HITS,
            track_total_hits=False,
            ignore_unavailable=True,
        )
    read = version_reader(field, "timestamp")
    for hit in answer["hits"]["hits"]:
        with suppress(NoVersion, OverflowError):  # a foreign document
            return _START + timedelta(microseconds=read(hit["_source"]))
    return None


def _sorted_by(connection: Connection, indices: str, field: str) -> tuple[str, str] | None:
    """The field that sorts by time, and its type; ``None`` where no index has the field.

    Raises:
        Unsorted: there is none, though there is the field.
    """
    names = (field, f"{field}.keyword")
    with connection.errors():
        found = connection.client.field_caps(
            index=indices, fields=list(names), ignore_unavailable=True, allow_no_indices=True
        )["fields"]
    kinds = {name: set(found.get(name, {})) - {"unmapped"} for name in names}
    for name in names:
        for kind in (*_TIMES, *_TEXTS):
            if kinds[name] == {kind}:
                return name, kind
    if kinds[field]:
        raise Unsorted(f"{field} is {', '.join(sorted(kinds[field]))}")
    return None
