"""What makes a record's id: candidates by name and kind, and the proof on all records."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

from idemflow.profile.guess import Column, Confidence, Data, Guess, Repeated

# A name that says that its values tell records apart.
_KEY = re.compile(
    r"(^|[_.\s-])(id|uuid|guid|key|pk|code|sku|ean|isbn|nr|no|number|nummer|num|ref|reference|"
    r"schluessel|kennung|ident)$|(Id|ID|Uuid|Key|Nr|No|Code|Number|nummer|number|schlüssel)$|^email$",
    re.IGNORECASE,
)
_ID = re.compile(r"^_?(id|uuid|guid|pk)$", re.IGNORECASE)
# So many fields make longer keys, and so many keys are proved at most: each needs a look at all.
_PAIRED = 8
_PROVED = 6
_LONG = 64


@dataclass(frozen=True)
class Keys:
    """What was found.

    Attributes:
        best: the proposal: a tuple of fields; ``None`` where no key was found.
        also: others that are proved.
        against: fields that are no key though one could take them for one: what is called a key,
            or where no key was found the nearest to one; with two values of each that are there
            twice.
    """

    best: Guess | None
    also: tuple[tuple[str, ...], ...]
    against: dict[tuple[str, ...], list[Repeated]]


def find(data: Data) -> Keys:
    """The fields that tell all records apart: declared, by one field, by two or three."""
    if data.declared:
        best = Guess("identity", data.declared[0], "sure", data.records, "the primary key")
        return Keys(best, tuple(data.declared[1:]), {})
    if not data.records:
        return Keys(None, (), {})
    fit = [one for one in data.columns if _may(one)]
    against: dict[tuple[str, ...], list[Repeated]] = {}
    singles = sorted(
        (one for one in fit if one.kind != "date" and _varied(one.distinct, data)), key=_rank(data)
    )
    proved: list[tuple[str, ...]] = []
    for one in singles[:_PROVED]:
        repeated = data.repeated((one.name,))
        if not repeated:
            proved.append((one.name,))
            # A key by its name needs no second one.
            if is_key(one.name):
                break
        elif is_key(one.name):
            against[(one.name,)] = repeated
    if proved:
        best_key = next((key for key in proved if is_key(key[0])), proved[0])
        others = tuple(key for key in proved if key != best_key)
        return Keys(_guess(best_key, data), others, against)
    for one in fit:
        if is_key(one.name) and (one.name,) not in against and one.distinct > 1:
            against[(one.name,)] = data.repeated((one.name,))
            if len(against) >= 2:
                break
    longer, nearest = _longer(data, fit)
    if longer is None and not against and nearest:
        against[nearest] = data.repeated(nearest)
    return Keys(_guess(longer, data) if longer else None, (), against)


def _longer(
    data: Data, fit: Sequence[Column]
) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """A key of two fields, or of three; and what comes nearest to one."""
    parts = sorted(fit, key=_rank(data))[:_PAIRED]
    nearest: tuple[int, tuple[str, ...]] | None = None
    for size in (2, 3):
        keys = [tuple(one.name for one in some) for some in combinations(parts, size)]
        counts = data.distinct(keys)
        for key, count in zip(keys, counts, strict=True):
            if nearest is None or count > nearest[0]:
                nearest = (count, key)
        near = [key for key, count in zip(keys, counts, strict=True) if _varied(count, data)]
        for key in near[:_PROVED]:
            if not data.repeated(key):
                return key, key
    return None, nearest and nearest[1]


def prove(data: Data, key: tuple[str, ...]) -> list[Repeated]:
    """Two values of a key that several records have; none if each record has its own."""
    return [] if key in data.declared else data.repeated(key)


def is_key(name: str) -> bool:
    """Whether a field's name says that it is a key."""
    return bool(_KEY.search(name))


def _may(column: Column) -> bool:
    """Whether a field may make ids: every record has it, once, as a text or a whole number."""
    return (
        column.kind in ("integer", "text", "date")
        and not column.empty
        and not column.spread
        and column.average <= _LONG
        and column.distinct > 0
    )


def _varied(distinct: int, data: Data) -> bool:
    """Whether an estimate of different values, some per cent off, may be all of them."""
    return distinct >= 0.85 * data.records


def _rank(data: Data) -> Callable[[Column], tuple[int, ...]]:
    place = {one.name: number for number, one in enumerate(data.columns)}

    def rank(column: Column) -> tuple[int, ...]:
        named = 0 if _ID.match(column.name) else 1 if is_key(column.name) else 2
        return (named, column.kind == "date" and named == 2 and not column.timed,
                place[column.name])  # fmt: skip

    return rank


def _guess(key: tuple[str, ...], data: Data) -> Guess:
    named = any(map(is_key, key))
    confidence: Confidence = "likely" if named else "possible"
    many = f"all {data.records:,} records" if data.records != 1 else "the one record"
    why = f"different in {many}"
    if not named:
        why += "; nothing in the name says that this stays so"
    elif len(key) > 1:
        why += ", as no single field is"
    return Guess("identity", key, confidence, data.records, why)
