"""A look at a file, for ``idemflow new``: how it is written, and what is in it."""

from __future__ import annotations

import codecs
import csv as csv_module
import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import duckdb

from idemflow.config.settings import Settings
from idemflow.errors import UsageError
from idemflow.profile import duck, forms, json_fields, mapping
from idemflow.profile.duck import DuckData, literal, text_file
from idemflow.profile.guess import Found, Guess, Origin

FORMATS = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson",
           ".json": "json"}  # fmt: skip
_BLOCK = 1 << 20
_BAD_SHOWN = 1_000
# DuckDB keeps some of them; its own size would be 32 MB.
_BUFFER = 8 << 20


def reads(where: str) -> bool:
    """Whether that is a file that the source reads, by its name."""
    return "://" not in where and _suffix(Path(where)) in FORMATS


def _suffix(file: Path) -> str:
    return Path(file.name.removesuffix(".gz")).suffix.lower()


@contextmanager
def look(settings: Settings, origin: Origin) -> Iterator[Found]:
    """Look at all of a file.

    Yields:
        What is in it; the records can be asked until the end.

    Raises:
        UsageError: it is not there, or cannot be read.
    """
    with duck.connection() as db:
        yield _found(db, settings.project, origin)


def _found(db: duckdb.DuckDBPyConnection, project: Path, origin: Origin) -> Found:
    file = Path(origin.where).expanduser()
    suffix = _suffix(file)
    options: dict[str, Any] = {}
    guesses: tuple[Guess, ...] = ()
    if FORMATS[suffix] == "csv":
        data, options, guesses, notes = _csv(db, file, origin.delimiter, origin.encoding)
    else:
        shape = "newline_delimited" if FORMATS[suffix] == "ndjson" else "auto"
        data, notes = json_fields.read(db, file, shape)
    directory = Path(os.path.abspath(file.parent))  # noqa: PTH100 (links stay as they are named)
    inside = directory.is_relative_to(project)
    collect: dict[str, Any] = {
        "directory": str(directory.relative_to(project) if inside else directory) or ".",
        "pattern": "".join(f"[{c}]" if c in "*?[" else c for c in file.name),
        "format": FORMATS[suffix],
    }
    if options:
        collect["csv"] = options
    versioned = "the newer of two files wins, and in one file the later record"
    return Found({"files": collect}, data, guesses, tuple(notes), versioned=versioned)


def _csv(
    db: duckdb.DuckDBPyConnection, file: Path, delimiter: str | None, encoding: str | None
) -> tuple[DuckData, dict[str, Any], tuple[Guess, ...], list[str]]:
    text_file(file)  # readable
    found, why = (encoding, "as you said") if encoding else _encoding(file)
    reader = _reader_encoding(found)
    delimiter = _delimiter(db, file, reader) if delimiter is None else delimiter
    header = _header(file, found, str(delimiter))
    columns = {f"c{number}": "VARCHAR" for number in range(len(header))}
    relation = (
        f"read_csv({text_file(file)}, delim = {literal(delimiter)}, quote = '\"', escape = '\"', "
        f"header = true, auto_detect = false, columns = {columns}, encoding = '{reader}', "
        f"buffer_size = {_BUFFER}, "
        f"store_rejects = true, rejects_limit = {_BAD_SHOWN})"
    )
    values = {one: f"nullif(trim(c{number}), '')" for number, one in enumerate(header)}
    data = DuckData(db, relation, values, (), 0)
    data.records = data.ask(f"SELECT count(*) FROM {relation}")[0][0]
    bad = data.ask("SELECT count(DISTINCT line), min(line) FROM reject_errors")[0]
    # Only the count looks for rows that cannot be read: it is told once.
    data.relation = relation.replace("store_rejects = true", "ignore_errors = true").replace(
        f", rejects_limit = {_BAD_SHOWN}", ""
    )
    if not data.records:
        raise UsageError(
            f"{file.name} has a header and no record that can be read: {', '.join(header)[:200]}"
        )
    numbers, looked = forms.look(data, header, forms.WAYS, forms.DATES)
    data.columns = tuple(mapping.of_text(one, looked[one], data.records) for one in header)
    types = {one.name: one.form or one.kind for one in data.columns if one.kind != "text"}
    options: dict[str, Any] = {"delimiter": str(delimiter), "encoding": found}
    if numbers.decimal != "." and any(kind == "number" for kind in types.values()):
        options["decimal"] = numbers.decimal
    if numbers.thousands:
        options["thousands"] = numbers.thousands
        options.setdefault("decimal", numbers.decimal)
    missing = sorted({word for form in looked.values() for word in form.missing})
    if missing:
        options["missing"] = missing
    if types:
        options["types"] = types
    guesses = (
        Guess("encoding", found, "sure" if encoding or found == "utf-8" else "likely",
              data.records, why),
        Guess("delimiter", str(delimiter), "likely", data.records, f"makes {len(header)} columns"),
        *_of_numbers(options, data.records),
    )  # fmt: skip
    notes = []
    if bad[0]:
        many = f"{bad[0]:,}" + (" or more" if bad[0] >= _BAD_SHOWN else "")
        notes = [f"{many} rows cannot be read and become dead letters, the first at line {bad[1]}"]
    return data, options, guesses, notes


def _delimiter(db: duckdb.DuckDBPyConnection, file: Path, encoding: str) -> str:
    try:
        (row,) = db.execute(
            f"SELECT Delimiter FROM sniff_csv({text_file(file)}, quote = '\"', escape = '\"', "
            f"header = true, all_varchar = true, ignore_errors = true, encoding = '{encoding}')"
        ).fetchall()
    except duckdb.InvalidInputException:
        with _opened(file) as stream:
            if not stream.read(_BLOCK).strip():
                raise UsageError(f"{file.name} is empty: it has no header") from None
        raise UsageError(
            f"{file.name}: what stands between its columns cannot be told",
            next_command="the same command with --delimiter ';' or another character",
        ) from None
    return str(row[0])


def _of_numbers(options: dict[str, Any], records: int) -> Iterator[Guess]:
    if "decimal" in options:
        why = "this way most columns are numbers"
        yield Guess("decimal", options["decimal"], "likely", records, why)


def _encoding(file: Path) -> tuple[str, str]:
    """The encoding of a file, which is read to its end where need be."""
    with _opened(file) as stream:
        first = stream.read(4)
        if first[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16", "it begins with the mark of UTF-16"
        decoder = codecs.getincrementaldecoder("utf-8")()
        block, bad = first, False
        high: set[int] = set()
        while block:
            if not bad:
                try:
                    decoder.decode(block)
                except UnicodeDecodeError:
                    bad = True
                    high |= {byte for byte in block if 0x80 <= byte < 0xA0}
            else:
                high |= set(block) & set(range(0x80, 0xA0))
            block = stream.read(_BLOCK)
    if not bad:
        return "utf-8", "all of it is UTF-8"
    if high and not high & {0x81, 0x8D, 0x8F, 0x90, 0x9D}:
        return "cp1252", "it is not UTF-8, and has characters that only Windows-1252 has"
    return "latin-1", "it is not UTF-8: look at a name with an umlaut or an accent"


def _reader_encoding(encoding: str) -> str:
    try:
        name_of = codecs.lookup(encoding).name
    except LookupError:
        raise UsageError(f"{encoding!r} is no encoding that Python knows: utf-8, latin-1") from None
    if name_of in ("utf-8", "utf-8-sig", "ascii"):
        return "utf-8"
    # What is a letter in one of these is one in the other: keys and types are the same.
    return "utf-16" if name_of.startswith("utf-16") else "latin-1"


def _header(file: Path, encoding: str, delimiter: str) -> list[str]:
    """The names of the columns.

    Raises:
        UsageError: the first row has none.
    """
    with _opened(file) as stream:
        decoding = "utf-8-sig" if _reader_encoding(encoding) == "utf-8" else encoding
        lines = codecs.getreader(decoding)(stream, "replace")
        rows = csv_module.reader(iter(lines.readline, ""), delimiter=delimiter)
        header = next((row for row in rows if row), None)
    if header is None:
        raise UsageError(f"{file.name} is empty: it has no header")
    twice = sorted({one for one in header if header.count(one) > 1})
    if twice or not all(one.strip() for one in header):
        what = f"the column {twice[0]!r} twice" if twice else "a column without a name"
        raise UsageError(
            f"{file.name}: the first row, which names the columns, has {what}",
            next_command="give each column a name of its own in the first row",
        )
    return header


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    with gzip.open(file) if file.name.endswith(".gz") else file.open("rb") as stream:
        yield cast(BinaryIO, stream)
