"""A field's type in the index, with the reason."""

from __future__ import annotations

from idemflow.profile.forms import ISO, Form
from idemflow.profile.guess import Column, Kind

_LONG = (1 << 63) - 1
# Texts of more words are searched, shorter ones are compared, sorted and counted.
_WORDS = 3.0
_KEYWORD = 256


def of_text(name: str, form: Form, records: int, *, becomes_iso: bool = True) -> Column:
    """A field whose values were texts.

    Args:
        name: its name.
        form: what its values are.
        records: how many records there are.
        becomes_iso: whether dates of another form come into the index as ISO 8601.
    """
    kind, mapping, why = _typed(form, becomes_iso)
    why += share(form.empty, records)
    if form.missing:
        why += f"; {', '.join(map(repr, form.missing))} stand for no value"
    iso = form.kind if "%" in form.kind else None
    return Column(
        name, kind, mapping, why, form=iso, timed=form.timed, empty=form.empty,
        distinct=form.distinct, average=form.average,
    )  # fmt: skip


def share(empty: int, records: int) -> str:
    """How many records have no value, in words."""
    if not empty:
        return ""
    part = 100 * empty / records
    return (
        f", {'all' if empty == records else f'{part:.0f} %' if part >= 1 else f'{empty:,}'} empty"
    )


def _typed(form: Form, becomes_iso: bool) -> tuple[Kind, str | dict[str, object], str]:  # noqa: PLR0911
    if form.kind == "integer":
        low, high = form.low or 0, form.high or 0
        if not -_LONG <= low <= high <= _LONG:
            return "text", "keyword", "whole numbers that are too large for one: kept as text"
        words = "whole numbers, some of them negative" if low < 0 else "whole numbers"
        return "integer", "long", f"{words}, {low:,} to {high:,}"
    if form.kind == "number":
        return "number", "double", "numbers"
    if form.kind == "boolean":
        return "boolean", "boolean", "true or false"
    if form.kind == ISO:
        return "date", "date", "ISO 8601" + ("" if form.timed else ", days")
    if "%" in form.kind:
        words = f"dates like {form.kind}"
        if form.either:
            words += f" ({form.either} fits as well: look at it)"
        if becomes_iso:
            return "date", "date", words
        return "date", {"type": "date", "format": java(form.kind)}, words
    why = ""
    if form.against:
        kind, count, example = form.against
        shown = example if len(example) <= 30 else example[:30] + "…"
        why = (
            f"; {count:,} are no {'dates' if '%' in kind or kind == ISO else kind + 's'}: {shown!r}"
        )
    if form.words >= _WORDS or form.longest > 10 * _KEYWORD:
        return "text", "text", f"sentences, up to {form.longest:,} characters{why}"
    if not form.longest:
        return "text", "keyword", "nothing in it"
    return "text", "keyword", f"texts of up to {form.longest:,} characters{why}"


def java(form: str) -> str:
    """A format of dates as Elasticsearch has it."""
    parts = {"Y": "yyyy", "y": "yy", "m": "MM", "d": "dd", "H": "HH", "M": "mm", "S": "ss"}
    text = form
    for part, letters in parts.items():
        text = text.replace(f"%{part}", letters)
    return text
