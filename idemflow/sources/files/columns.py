"""What the fields of a CSV column become: JSON, by the column's type.

Runs inside NiFi: standard library only.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from json.encoder import encode_basestring

Convert = Callable[[str], str]

_INTEGER = "-?(?:0|[1-9][0-9]*)"
_EXPONENT = "(?:[eE][+-]?[0-9]+)?"
_TRUE = {"true", "t", "yes", "1"}
_FALSE = {"false", "f", "no", "0"}

# The parts of a format of dates, as Python's strptime has them: those of any language.
_PARTS = {
    "Y": "(?P<Y>[0-9]{4})", "y": "(?P<y>[0-9]{2})", "m": "(?P<m>[0-9]{1,2})",
    "d": "(?P<d>[0-9]{1,2})", "H": "(?P<H>[0-9]{1,2})", "M": "(?P<M>[0-9]{2})",
    "S": "(?P<S>[0-9]{2})", "f": "(?P<f>[0-9]{1,6})", "z": "(?P<z>Z|[+-][0-9]{2}:?[0-9]{2})",
}  # fmt: skip


def converters(
    names: Sequence[str],
    types: dict[str, str],
    decimal: str = ".",
    thousands: str = "",
    missing: Sequence[str] = (),
) -> list[Convert]:
    """What turns the fields of each column into JSON; raises ``ValueError`` of one that cannot be.

    Args:
        names: the columns.
        types: ``number``, ``integer``, ``boolean``, ``date`` or a format of dates, of columns that
            are not text.
        decimal: what stands before the fraction of a number.
        thousands: what may stand between three digits of one.
        missing: what stands in a column with a type where there is no value.
    """
    return [
        _converter(types[name], decimal, thousands, frozenset(missing))
        if name in types
        else encode_basestring
        for name in names
    ]


def described(kind: str, decimal: str = ".", thousands: str = "") -> str:
    """What a type takes, with its article."""
    if kind == "number":
        examples = f"12, -3{decimal}50 or 1e6"
        return f"a number (such as {examples}{f' or 1{thousands}000' if thousands else ''})"
    if kind == "integer":
        return f"an integer (such as 12 or {f'1{thousands}000' if thousands else '-3'})"
    if kind == "boolean":
        return "a boolean (true, false, t, f, yes, no, 1 or 0)"
    return "a date like 2026-01-31 or 2026-01-31T12:00:00Z" if kind == "date" else f"a date {kind}"


def check_format(text: str) -> None:
    """Check a format of dates.

    Raises:
        ValueError: it is none that is understood here; says which parts may be in it.
    """
    parts = re.findall("%(.?)", text)
    known = ", ".join(f"%{part}" for part in _PARTS)
    if not parts or any(part not in _PARTS for part in parts) or len({*parts}) < len(parts):
        raise ValueError(f"a format of dates has each of {known} once at most")
    if not {"m", "d"} <= {*parts} or len({"Y", "y"} & {*parts}) != 1:
        raise ValueError('a format of dates has a year, a month and a day, such as "%d.%m.%Y"')


def _converter(kind: str, decimal: str, thousands: str, missing: frozenset[str]) -> Convert:
    if kind in ("number", "integer"):
        return _numbers(kind == "number", decimal, thousands, missing)
    read = _boolean if kind == "boolean" else _date if kind == "date" else _dates(kind)

    def convert(field: str) -> str:
        text = field.strip()
        return "null" if not text or text in missing else read(text)

    return convert


def _numbers(fraction: bool, decimal: str, thousands: str, missing: frozenset[str]) -> Convert:
    point = re.escape(decimal)
    tail = f"(?:{point}[0-9]+)?{_EXPONENT}" if fraction else ""
    plain = re.compile(_INTEGER + tail).fullmatch
    grouped = None
    if thousands:
        between = re.escape(thousands)
        grouped = re.compile(f"-?[1-9][0-9]{{0,2}}(?:{between}[0-9]{{3}})+{tail}").fullmatch

    def convert(field: str) -> str:
        text = field if plain(field) else field.strip()
        if not plain(text):
            if not text or text in missing:
                return "null"
            if grouped is None or not grouped(text):
                raise ValueError(text)
            text = text.replace(thousands, "")
        return text.replace(decimal, ".") if fraction else text

    return convert


def _boolean(text: str) -> str:
    text = text.lower()
    if text in _TRUE:
        return "true"
    if text in _FALSE:
        return "false"
    raise ValueError(text)


def _date(text: str) -> str:
    """ISO 8601 as it is, but for a blank before the time, which Elasticsearch does not take."""
    datetime.fromisoformat(text)
    if text[4] != "-" or text[7] != "-" or text[10:11] not in ("", "T", " "):
        raise ValueError(text)
    return f'"{text[:10]}{"T" + text[11:] if text[10:] else ""}"'


def _dates(form: str) -> Convert:
    """Dates of a format: ISO 8601, with a time where the format has one."""
    pattern = re.sub(
        "%(.)|[^%]+", lambda found: _PARTS[found[1]] if found[1] else re.escape(found[0]), form
    )
    matches, timed = re.compile(pattern).fullmatch, "%H" in form

    def convert(text: str) -> str:
        found = matches(text)
        if found is None:
            raise ValueError(text)
        part = {"H": "0", "M": "0", "S": "0", "f": "0", **found.groupdict()}
        year = int(part["Y"]) if "Y" in part else _century(int(part["y"]))
        micro = int(part["f"].ljust(6, "0"))
        moment = datetime(
            year, int(part["m"]), int(part["d"]),
            int(part["H"]), int(part["M"]), int(part["S"]), micro,
        )  # fmt: skip
        if not timed:
            return f'"{moment.date().isoformat()}"'
        zone = part.get("z", "")
        zone = zone if len(zone) != 5 else f"{zone[:3]}:{zone[3:]}"
        return f'"{moment.isoformat()}{zone}"'

    return convert


def _century(year: int) -> int:
    """POSIX: 69 to 99 are of the last century."""
    return year + (1900 if year >= 69 else 2000)
