"""Which fields tell of a record's state: its version, and that it is gone."""

from __future__ import annotations

import re

from idemflow.profile.guess import Column, Data, Guess

_CHANGED = re.compile(
    r"(^|[_.\s-])(updated|modified|changed|edited|last_?(update|change|modified|updated|changed)|"
    r"mtime|geaendert|geändert|aktualisiert)([_\s-]?(at|on|time|date|ts|am|datum))?$|"
    r"(updated|modified|changed)(At|On|Time|Date)$|^(updatedAt|modifiedAt|lastModified|lastUpdated)$",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"(^|[_.\s-])(version|revision|rev|seq|sequence|lsn|rowversion)$", re.I)
_GONE = re.compile(r"(^|_)(is_?)?(deleted|removed|gelöscht|geloescht)$", re.IGNORECASE)


def version(data: Data) -> Guess | None:
    """The field that says which of two states of a record is newer, if a name says so."""
    for column in data.columns:
        # A date that goes into the index in a form of its own is none that a version reads.
        if column.empty or column.spread or isinstance(column.mapping, dict):
            continue
        if _CHANGED.search(column.name) and column.kind == "date":
            why = "each record has it, and its name says that it is the time of the last change"
            if not column.timed:
                why += "; of two changes on one day the one that is sent last wins"
            return Guess("version", (column.name, "timestamp"), "likely", data.records, why)
        if (_COUNTED.search(column.name) or _CHANGED.search(column.name)) and whole(column):
            why = "each record has it, a whole number, and its name says that it grows"
            return Guess("version", (column.name, "integer"), "likely", data.records, why)
    return None


def whole(column: Column) -> bool:
    """Whether a field's values are whole numbers that a version may be."""
    return column.kind == "integer" and "negative" not in column.why


def gone(data: Data) -> Guess | None:
    """The field that says that a record is deleted."""
    for column in data.columns:
        if _GONE.search(column.name) and column.kind == "boolean":
            why = "true where the record is gone, as its name says"
            return Guess("delete", column.name, "likely", data.records, why)
    return None
