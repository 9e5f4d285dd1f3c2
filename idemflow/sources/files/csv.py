"""Reads CSV, a row at a time, and says which rows cannot be used.

Runs inside NiFi: standard library only. Never holds more than a record and a block of the file in
memory, whatever the file's size.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator
from json.encoder import encode_basestring
from typing import BinaryIO

from idemflow.sources.files.formats import BLOCK, RECORD_LIMIT, Record, decoded, is_text, kept
from idemflow.steps.parts import too_large

# Characters of a record that spans lines. A quote that is never closed swallows rows: not more of
# them than the dead letter holds.
SPAN_LIMIT = 1_000_000

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?").fullmatch
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)").fullmatch
_TRUE = {"true", "t", "yes", "1"}
_FALSE = {"false", "f", "no", "0"}


class _NoRow(Exception):
    """Why a row cannot be used."""


def read_csv(
    stream: BinaryIO,
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
    types: dict[str, str] | None = None,
) -> Iterator[Record]:
    """Read CSV (RFC 4180) whose first row names the columns.

    Args:
        stream: the file.
        delimiter: the character between fields.
        encoding: the file's encoding, by Python's name for it.
        types: ``number``, ``integer`` or ``boolean`` for columns that are not text. A number is
            written with the digits that it has in the file.
    """
    with decoded(stream, encoding) as text:
        yield from _rows(_Lines(text), delimiter, encoding, types or {})


def _rows(
    lines: "_Lines", delimiter: str, encoding: str, types: dict[str, str]
) -> Iterator[Record]:
    # The limit is one for the interpreter; a larger one harms nobody.
    csv.field_size_limit(max(csv.field_size_limit(), RECORD_LIMIT))
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    write: Callable[[list[str]], str] | None = None
    while True:
        lines.begin()
        try:
            row = next(rows, None)
            if row is None:
                return
            if not row:
                continue
            if write is None:
                write = _row_writer(row, types)
                continue
            line = write(row)
        except (csv.Error, _NoRow) as error:
            reason = str(error)
        else:
            if is_text(line):
                yield lines.start, line, None
                continue
            reason = f"it is not {encoding}"
        where = f"line {lines.start}"
        if lines.number > lines.start:
            where = f"lines {lines.start} to {lines.number}"
        if write is None:
            reason += "; without its header the file is not read"
        yield lines.start, *kept(lines.raw(), f"{where}: {reason}", 4 * SPAN_LIMIT)
        if write is None:
            return


class _Lines:
    """The lines of a CSV file, for ``csv.reader``, with those of the record that is being read."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._readline = text.readline
        self._lines: list[str] = []
        self._size = 0
        self.start = 0
        self.number = 0

    def begin(self) -> None:
        """Another record begins."""
        self._lines.clear()
        self._size = 0
        self.start = self.number + 1

    def raw(self) -> bytes:
        """What the file has of the record (in UTF-8; bytes that are no characters as they are)."""
        return "".join(self._lines).rstrip("\r\n").encode("utf-8", "surrogateescape")

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._readline(RECORD_LIMIT)
        if not line:
            raise StopIteration
        self.number += 1
        self._lines.append(line)
        self._size += len(line)
        if len(line) == RECORD_LIMIT and line[-1] not in "\r\n":
            while (rest := self._readline(BLOCK)) and rest[-1] not in "\r\n":
                pass
            raise _NoRow(too_large("a line"))
        if self._size > SPAN_LIMIT and len(self._lines) > 1:
            raise _NoRow(f"a quote is not closed within {SPAN_LIMIT:,} characters")
        return line


def _row_writer(names: list[str], types: dict[str, str]) -> Callable[[list[str]], str]:
    """What turns the fields of a row into a line of JSON.

    Raises:
        _NoRow: the header is none.
    """
    if not all(name.strip() for name in names):
        raise _NoRow(f"the header has no name for column {[*map(str.strip, names)].index('') + 1}")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise _NoRow(f"the header has the column {twice!r} more than once")
    if missing := [name for name in types if name not in names]:
        raise _NoRow(f"the header has no column {missing[0]!r}, which has a type in csv.types")
    if not is_text("".join(names)):
        raise _NoRow("the header is not in the encoding of csv.encoding")
    pattern = "{" + ",".join(encode_basestring(n).replace("%", "%%") + ":%s" for n in names) + "}"
    converters = [_CONVERTERS[types.get(name, "text")] for name in names]
    width = len(names)

    def write(row: list[str]) -> str:
        if len(row) != width:
            raise _NoRow(f"{len(row)} fields, where the header has {width}")
        try:
            values = [convert(field) for convert, field in zip(converters, row, strict=True)]
        except ValueError:
            raise _NoRow(_misfit(names, types, row)) from None
        return pattern % tuple(values)

    return write


def _misfit(names: list[str], types: dict[str, str], row: list[str]) -> str:
    """Which field of a row does not fit its type."""
    for name, field in zip(names, row, strict=True):
        try:
            _CONVERTERS[types.get(name, "text")](field)
        except ValueError:
            return f"{name}: {field[:100]!r} is not {_ARTICLES[types[name]]}"
    raise AssertionError("every field fits its type")


def _number(field: str) -> str:
    text = field if _NUMBER(field) else field.strip()
    return text if _NUMBER(text) else _null(text)


def _integer(field: str) -> str:
    text = field if _INTEGER(field) else field.strip()
    return text if _INTEGER(text) else _null(text)


def _boolean(field: str) -> str:
    text = field.strip().lower()
    if text in _TRUE:
        return "true"
    return "false" if text in _FALSE else _null(text)


def _null(text: str) -> str:
    if text:
        raise ValueError(text)
    return "null"


_CONVERTERS: dict[str, Callable[[str], str]] = {
    "text": encode_basestring,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
}
_ARTICLES = {
    "number": "a number (such as 12, -3.50 or 1e6)",
    "integer": "an integer (such as 12 or -3)",
    "boolean": "a boolean (true, false, t, f, yes, no, 1 or 0)",
}
