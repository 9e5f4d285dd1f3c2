"""What texts are: numbers, truth values, dates. A first look at some, then a proof on all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from idemflow.profile.duck import DuckData, literal, name

# The first look is at so many records.
SAMPLE = 20_000
# What people write where there is no value.
MISSING = ("NA", "N/A", "n/a", "#N/A", "NULL", "null", "None", "NaN", "nan", "-", "--", "?", "k.A.")

ISO = "date"
_ISO = (
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}(:?\d{2})?)?)?"
)  # fmt: skip
# Formats of dates, as strptime has them: of two that fit, the first counts.
DATES = (
    "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%y", "%d.%m.%y %H:%M",
    "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S", "%m/%d/%y", "%d/%m/%y", "%d-%m-%Y", "%d-%m-%Y %H:%M:%S", "%Y/%m/%d",
    "%Y/%m/%d %H:%M:%S", "%Y.%m.%d", "%Y%m%d%H%M%S",
)  # fmt: skip
_PARTS = {
    "Y": r"\d{4}", "y": r"\d{2}", "m": r"\d{1,2}", "d": r"\d{1,2}", "H": r"\d{1,2}",
    "M": r"\d{2}", "S": r"\d{2}",
}  # fmt: skip
_INTEGER = "-?(0|[1-9][0-9]*)"
_EXPONENT = "([eE][+-]?[0-9]+)?"


@dataclass(frozen=True)
class Numbers:
    """How numbers are written.

    Attributes:
        decimal: what stands before the fraction.
        thousands: what may stand between three digits; empty for nothing.
    """

    decimal: str = "."
    thousands: str = ""

    def pattern(self, fraction: bool) -> str:
        """A pattern of an integer, or of any number."""
        tail = f"([{self.decimal}][0-9]+)?{_EXPONENT}" if fraction else ""
        grouped = f"|-?[1-9][0-9]{{0,2}}([{self.thousands}][0-9]{{3}})+" if self.thousands else ""
        return f"({_INTEGER}{grouped}){tail}"


# The first that fits most columns counts.
WAYS = (Numbers(), Numbers(","), Numbers(",", "."), Numbers(".", ","), Numbers(".", "'"))


@dataclass(frozen=True)
class Form:
    """What all the values of a field are.

    Attributes:
        kind: ``integer``, ``number``, ``boolean``, ``date``, a format of dates, or ``text``.
        empty: records without a value.
        distinct: about how many different values there are.
        average: the average length of a value.
        longest: the length of the longest.
        words: blanks in a value, on average.
        low, high: of integers, the smallest and the largest.
        timed: of dates, whether one has a time.
        missing: words that stand for no value.
        against: why it is a text: how many values are none of what the first look said, and one.
        either: another format of dates that fits all values as well.
    """

    kind: str
    empty: int
    distinct: int
    average: float
    longest: int
    words: float
    low: int | None = None
    high: int | None = None
    timed: bool = False
    missing: tuple[str, ...] = ()
    against: tuple[str, int, str] | None = None
    either: str | None = None


def fits(kind: str, value: str, numbers: Numbers, exact: bool = False) -> str:
    """A condition in SQL: whether a text is of a kind.

    Args:
        exact: dates are as Elasticsearch reads them: two digits a part, no blank before the time.
    """
    if kind in ("integer", "number"):
        return _matches(value, numbers.pattern(kind == "number"))
    if kind == "boolean":
        return f"lower({value}) IN ('true', 'false', 't', 'f', 'yes', 'no')"
    if kind == ISO:
        day = f"try_cast(left({value}, 10) AS DATE) IS NOT NULL"
        pattern = _ISO.replace("[T ]", "T") if exact else _ISO
        return f"({_matches(value, pattern)} AND {day})"
    pattern, rest = "", kind
    while rest:
        part = _PARTS[rest[1]] if rest[0] == "%" else f"[{rest[0]}]"
        part = part.replace("{1,2}", "{2}") if exact else part
        pattern, rest = pattern + part, rest[2 if rest[0] == "%" else 1 :]
    return f"({_matches(value, pattern)} AND try_strptime({value}, {literal(kind)}) IS NOT NULL)"


def _matches(value: str, pattern: str) -> str:
    return f"regexp_full_match({value}, {literal(pattern)})"


def look(
    data: DuckData, texts: Sequence[str], ways: Sequence[Numbers], dates: Sequence[str]
) -> tuple[Numbers, dict[str, Form]]:
    """What the texts of fields are, of all records.

    Args:
        data: the records.
        texts: the fields to look at, by name.
        ways: how numbers may be written; none if texts of digits are texts, and all texts stay
            as they are.
        dates: the formats of dates to look for, beside ISO 8601.

    Returns:
        How numbers are written, and what each field is.
    """
    if not texts:
        return Numbers(), {}
    ideas, numbers = _ideas(data, texts, ways, dates)
    return numbers, _proved(data, ideas, numbers, exact=not ways)


def _ideas(
    data: DuckData, texts: Sequence[str], ways: Sequence[Numbers], dates: Sequence[str]
) -> tuple[dict[str, list[str]], Numbers]:
    """What the first records' values may be; what comes first is the narrower."""
    values = {one: data.values[one] for one in texts}
    data.ask(
        "CREATE OR REPLACE TEMP TABLE sample AS SELECT "
        + ", ".join(f"{value} AS {name(one)}" for one, value in values.items())
        + f" FROM {data.relation} LIMIT {SAMPLE}"
    )
    missing = ", ".join(map(literal, MISSING))
    tests: list[tuple[str, str, int]] = [
        (one, kind, way)
        for one in texts
        for way, kinds in [
            *((number, ("integer", "number")) for number in range(len(ways))),
            (-1, ("boolean", ISO, *dates) if ways else (ISO, *dates)),
        ]
        for kind in kinds
    ]
    counts = ["count(*)"]
    for one, kind, way in tests:
        test = fits(kind, name(one), ways[way] if way >= 0 else Numbers(), not ways)
        counts.append(f"count(*) FILTER (NOT {test} AND {name(one)} NOT IN ({missing}))")
    for one in texts:
        counts.append(f"count({name(one)}) FILTER ({name(one)} NOT IN ({missing}))")
    row = data.ask(f"SELECT {', '.join(counts)} FROM sample")[0]
    full = {one: row[1 + len(tests) + number] > 0 for number, one in enumerate(texts)}
    good = {
        test for test, against in zip(tests, row[1:], strict=False) if not against and full[test[0]]
    }

    def numeric(way: int) -> int:
        return sum((one, "number", way) in good for one in texts)

    best = max(range(len(ways)), key=lambda way: (numeric(way), -way), default=-1)
    ideas = {
        one: [kind for text, kind, way in tests if text == one and (text, kind, way) in good
              and way in (-1, best)]
        for one in texts
    }  # fmt: skip
    return ideas, ways[best] if best >= 0 else Numbers()


def _proved(
    data: DuckData, ideas: dict[str, list[str]], numbers: Numbers, exact: bool
) -> dict[str, Form]:
    """Those of the ideas that all records agree with."""
    missing = ", ".join(map(literal, MISSING))
    wanted: list[str] = []
    where: dict[str, int] = {}
    for one, kinds in ideas.items():
        value = data.values[one]
        where[one] = len(wanted)
        gap = f"coalesce({value} IN ({missing}), false)" if kinds and not exact else "false"
        wanted += [
            f"count(*) - count({value})",
            f"approx_count_distinct({value})",
            f"avg(length({value}))",
            f"max(length({value}))",
            f"avg(length({value}) - length(replace({value}, ' ', '')))",
            f"list(DISTINCT {value}) FILTER ({gap})",
            f"count(*) FILTER ({gap})",
        ]
        for kind in kinds:
            wrong = f"NOT {fits(kind, value, numbers, exact)} AND NOT {gap}"
            extra = "NULL"
            if kind == "integer":
                bare = f"replace({value}, {literal(numbers.thousands)}, '')"
                number = f"try_cast({bare if numbers.thousands else value} AS HUGEINT)"
                extra = f"[min({number}), max({number})]"
            elif kind == ISO:
                extra = f"[max(length({value})) FILTER (NOT {gap})]"
            wanted += [f"count(*) FILTER ({wrong})", f"any_value({value}) FILTER ({wrong})", extra]
    row = data.ask(f"SELECT {', '.join(wanted)} FROM {data.relation}")[0]
    return {one: _form(kinds, row[where[one] :]) for one, kinds in ideas.items()}


def _form(kinds: Sequence[str], row: Sequence[object]) -> Form:
    empty, distinct, average, longest, words, missing, gaps = row[:7]
    told = {kind: row[7 + 3 * at : 10 + 3 * at] for at, kind in enumerate(kinds)}
    right = [kind for kind in kinds if not told[kind][0]]
    common = {
        "distinct": distinct or 0,
        "average": float(average or 0),  # type: ignore[arg-type]
        "longest": longest or 0,
        "words": float(words or 0),  # type: ignore[arg-type]
    }
    if not right:
        against = None
        if kinds:
            kind = min(kinds, key=lambda one: told[one][0])  # type: ignore[arg-type,return-value]
            against = (kind, told[kind][0], str(told[kind][1]))
        return Form("text", empty, against=against, **common)  # type: ignore[arg-type]
    kind, extra = right[0], told[right[0]][2]
    low, high = extra if kind == "integer" and isinstance(extra, list) else (None, None)
    timed = extra[0] > 10 if kind == ISO and isinstance(extra, list) else "%H" in kind
    dates = [one for one in right if "%" in one]
    return Form(
        kind, empty + gaps, low=low, high=high, timed=timed,  # type: ignore[operator]
        missing=tuple(sorted(missing or ())),  # type: ignore[call-overload]
        either=dates[1] if kind in dates and len(dates) > 1 else None,
        **common,  # type: ignore[arg-type]
    )  # fmt: skip
