"""Reads CSV, a row at a time, and says which rows cannot be used.

Runs inside NiFi: standard library only. Never holds more than a record and a block of the file in
memory, whatever the file's size.
"""

import csv
import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import Any, BinaryIO

from idemflow.sources.files.columns import converters, described
from idemflow.sources.files.formats import BLOCK, KEPT, RECORD_LIMIT, Record, decoded, is_text, kept
from idemflow.steps.parts import Beginning, only, too_large

# So many lines behind one with an open quote tell whether they are rows or part of a text.
_LOOKED_AT = 100
# What else stands between the fields of files.
_DELIMITERS = ",;\t|"


class _NoRow(Exception):
    """Why a row cannot be used."""


class _NoFile(_NoRow):
    """Why no row of a file can be used."""


class _TooLong(_NoRow):
    """A row does not end within the limit."""


def read_csv(
    stream: BinaryIO,
    *,
    delimiter: str = ",",
    encoding: str = "utf-8",
    types: dict[str, str] | None = None,
    **values: Any,
) -> Iterator[Record]:
    """Read CSV (RFC 4180) whose first row names the columns.

    Args:
        stream: the file.
        delimiter: the character between fields.
        encoding: the file's encoding, by Python's name for it.
        types: the types of columns that are not text. A number is written with the digits that it
            has in the file.
        values: how their values are written: ``decimal``, ``thousands`` and ``missing`` of
            :func:`converters`.
    """
    with decoded(stream, encoding) as text:
        yield from _rows(_Lines(text), delimiter, encoding, _Types(types or {}, values))


@dataclass(frozen=True)
class _Types:
    """The types of columns, and how their values are written."""

    of: dict[str, str]
    values: dict[str, Any]

    def converters(self, names: list[str]) -> list[Callable[[str], str]]:
        return converters(names, self.of, **self.values)

    def described(self, name: str) -> str:
        written = {key: self.values[key] for key in ("decimal", "thousands") if key in self.values}
        return described(self.of[name], **written)


def _rows(lines: "_Lines", delimiter: str, encoding: str, types: _Types) -> Iterator[Record]:
    # The limit is one for the interpreter; a larger one harms nobody.
    csv.field_size_limit(max(csv.field_size_limit(), RECORD_LIMIT))
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    write: Callable[[list[str]], str] | None = None
    width = 0
    while True:
        lines.begin()
        try:
            row = next(rows, None)
            if row is None:
                if write is None:
                    yield 1, "", "the file is empty: it has no header"
                return
            if not row:
                continue
            if write is None:
                write, width = _row_writer(row, types, delimiter), len(row)
                continue
            line = write(row)
        except _NoFile as error:
            yield lines.start, "", f"line {lines.start}: {error}; the file is not read"
            return
        except (csv.Error, _NoRow) as error:
            reason = str(error)
            if lines.open_before_rows(error, delimiter, width):
                reason = "a quote is not closed: the lines behind this one are read as rows"
        else:
            if is_text(line):
                yield lines.start, line, None
                continue
            reason = f"it is not {encoding}"
        content, reason = lines.kept(reason)
        if write is None:
            reason += "; without its header the file is not read"
        yield lines.start, content, reason
        if write is None:
            return


class _Lines:
    """The lines of a CSV file, for ``csv.reader``, with those of the record that is being read."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._readline = text.readline
        self._lines: list[str] = []
        self._back: list[str] = []  # to be read again, the next one last
        self._size = 0
        self._too_long = False
        self.start = 0
        self.number = 0

    def begin(self) -> None:
        """Another record begins."""
        self._lines.clear()
        self._size = 0
        self._too_long = False
        self.start = self.number + 1

    def kept(self, reason: str) -> tuple[bytes, str]:
        """What a dead letter keeps of the record (in UTF-8; bytes that are no characters as they
        are), and the reason with its lines."""
        if self._too_long:
            return self._over()
        data = "".join(self._lines).rstrip("\r\n").encode("utf-8", "surrogateescape")
        return kept(data, f"{self._where}: {reason}", RECORD_LIMIT)

    def open_before_rows(self, error: Exception, delimiter: str, width: int) -> bool:
        """Whether a record has no end because of a quote too many: what follows looks like rows.

        Then its first line is the record, and the others are read again.
        """
        ended = isinstance(error, _TooLong) or str(error) == "unexpected end of data"
        following = self._lines[1 : _LOOKED_AT + 1]
        alike = sum(line.count(delimiter) == width - 1 for line in following)
        if not ended or width < 2 or not following or 10 * alike < 9 * len(following):
            return False
        self._back += reversed(self._lines[1:])
        del self._lines[1:]
        self.number = self.start
        self._too_long = False
        return True

    @property
    def _where(self) -> str:
        several = self.number > self.start
        return f"lines {self.start} to {self.number}" if several else f"line {self.start}"

    def _over(self) -> tuple[bytes, str]:
        """Go over a record that is too long, to the end of the line behind its last quote."""
        digest, head, size = hashlib.sha256(), b"", 0
        for piece in self._pieces():
            data = piece.encode("utf-8", "surrogateescape")
            digest.update(data)
            size += len(data)
            head += data[: KEPT - len(head)]
        reason = f"{self._where}: {too_large('the row', size)}{only(len(head))}"
        return Beginning.of(head, digest.hexdigest()), reason

    def _pieces(self) -> Iterator[str]:
        yield from self._lines
        quotes = sum(line.count('"') for line in self._lines)
        ended = self._lines[-1][-1] in "\r\n"
        while not (ended and quotes % 2 == 0) and (piece := self._readline(BLOCK)):
            quotes += piece.count('"')
            self.number += ended
            ended = piece[-1] in "\r\n"
            yield piece

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._back.pop() if self._back else self._readline(RECORD_LIMIT)
        if not line:
            raise StopIteration
        self.number += 1
        self._lines.append(line)
        self._size += len(line)
        if self._size >= RECORD_LIMIT and (len(self._lines) > 1 or line[-1] not in "\r\n"):
            self._too_long = True
            raise _TooLong
        return line


def _row_writer(names: list[str], types: _Types, delimiter: str) -> Callable[[list[str]], str]:
    """What turns the fields of a row into a line of JSON.

    Raises:
        _NoRow: the header is none.
        _NoFile: it is one with another delimiter.
    """
    if len(names) == 1 and (other := _other_delimiter(names[0], delimiter)):
        columns = names[0].split(other)
        raise _NoFile(
            f"the header is one column, {names[0][:200]!r}, with csv.delimiter {delimiter!r}; with "
            f"{other!r} it is {len(columns)}: {', '.join(columns)[:200]}"
        )
    if not all(name.strip() for name in names):
        raise _NoRow(f"the header has no name for column {[*map(str.strip, names)].index('') + 1}")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise _NoRow(f"the header has the column {twice!r} more than once")
    if missing := [name for name in types.of if name not in names]:
        raise _NoRow(f"the header has no column {missing[0]!r}, which has a type in csv.types")
    if not is_text("".join(names)):
        raise _NoRow("the header is not in the encoding of csv.encoding")
    pattern = "{" + ",".join(encode_basestring(n).replace("%", "%%") + ":%s" for n in names) + "}"
    convert_each = types.converters(names)
    width = len(names)

    def write(row: list[str]) -> str:
        if len(row) != width:
            raise _NoRow(f"{len(row)} fields, where the header has {width}")
        try:
            values = [convert(field) for convert, field in zip(convert_each, row, strict=True)]
        except ValueError:
            raise _NoRow(_misfit(names, types, row)) from None
        return pattern % tuple(values)

    return write


def _other_delimiter(header: str, delimiter: str) -> str | None:
    """The delimiter that makes most columns of a header that is one column."""
    found: dict[str, int] = {}
    for one in _DELIMITERS.replace(delimiter, ""):
        names = [name.strip() for name in header.split(one)]
        if all(names) and len(set(names)) == len(names) > 1:
            found[one] = len(names)
    return max(found, key=found.__getitem__, default=None)


def _misfit(names: list[str], types: _Types, row: list[str]) -> str:
    """Which fields of a row do not fit their types."""
    found = []
    for name, convert, field in zip(names, types.converters(names), row, strict=True):
        try:
            convert(field)
        except ValueError:
            found.append(f"{name}: {field[:100]!r} is not {types.described(name)}")
    return "; ".join(found)
