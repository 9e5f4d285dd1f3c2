"""The state of a source as it was before: a transform that gives each record an older version."""

from __future__ import annotations

from idemflow.pipeline.identity import Version

FUNCTION = "idemflow_state_of_before"

# Appended to the user's own transform, if there is one: both are one text in NiFi.
_BEFORE = """

def {function}(record):
    from datetime import datetime, timedelta

    def before(document):
        *path, name = {path!r}
        place = document
        try:
            if {field!r} in document:
                name = {field!r}
            else:
                for part in path:
                    place = place[part]
            value = place[name]
            if {integer!r}:
                place[name] = max(0, int(value) - 1)
            else:
                place[name] = (datetime.fromisoformat(value) - timedelta(days=1)).isoformat()
        except (KeyError, TypeError, ValueError, OverflowError):
            pass  # a record without a version is refused, before as now
        return document

    given = {own}
    if given is None:
        return None
    return [before(one) for one in ([given] if isinstance(given, dict) else given)]
"""


def aged(version: Version, transform: tuple[str, str] | None) -> str:
    """A transform's script whose function :data:`FUNCTION` gives states of before.

    Args:
        version: the field that says which state of a record is newer.
        transform: text and function of the pipeline's own transform; ``None`` without one.
    """
    text, own = transform or ("", "")
    return text + _BEFORE.format(
        function=FUNCTION,
        path=version.field.split("."),
        field=version.field,
        integer=version.type == "integer",
        own=f"{own}(record)" if own else "record",
    )
