"""CSV, read a row at a time."""

import hashlib
import io
import json
import tracemalloc
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from idemflow.sources.files import csv
from idemflow.sources.files.csv import read_csv
from idemflow.sources.files.formats import Record
from tests.unit.sources.files.test_formats import Generated


def rows(content: str | bytes, **options: Any) -> list[Record]:
    data = content.encode() if isinstance(content, str) else content
    return list(read_csv(io.BytesIO(data), **options))


def test_a_row_is_an_object_of_texts() -> None:
    content = 'id,title,100%,"a ""b"""\r\n007,Zoë 😀,,"x\\y"\r\n'
    [(position, text, reason)] = rows(content)
    assert (position, reason) == (2, None)
    assert json.loads(text) == {"id": "007", "title": "Zoë 😀", "100%": "", 'a "b"': "x\\y"}


def test_fields_keep_what_has_a_meaning_in_json() -> None:
    [(_, text, _)] = rows('a\n"q""u\to\x01t\ne\u2028"\n')
    assert "\n" not in text
    assert json.loads(text) == {"a": 'q"u\to\x01t\ne\u2028'}


def test_positions_are_the_lines_where_rows_begin() -> None:
    found = rows('a,b\n1,2\n\n"x\ny\nz",3\r\n4,5\r\n6,7')
    assert [(position, json.loads(text)["a"]) for position, text, _ in found] == [
        (2, "1"), (4, "x\ny\nz"), (7, "4"), (8, "6"),
    ]  # fmt: skip


@pytest.mark.parametrize("content", ["a,b\n", "\ufeffa,b", "\na,b\n\n"])
def test_a_file_without_rows_has_no_records(content: str) -> None:
    assert rows(content) == []


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff"])
def test_an_empty_file_is_told(content: str) -> None:
    assert rows(content) == [(1, "", "the file is empty: it has no header")]


@pytest.mark.parametrize(
    ("header", "delimiter", "reason"),
    [
        (
            "id;name;price", ",",
            "line 1: the header is one column, 'id;name;price', with csv.delimiter ','; with ';' "
            "it is 3: id, name, price; the file is not read",
        ),
        (
            "id,name", ";",
            "line 1: the header is one column, 'id,name', with csv.delimiter ';'; with ',' it is "
            "2: id, name; the file is not read",
        ),
        (
            "a;b\tc\td", ",",
            "line 1: the header is one column, 'a;b\\tc\\td', with csv.delimiter ','; with "
            "'\\t' it is 3: a;b, c, d; the file is not read",
        ),
    ],
)  # fmt: skip
def test_a_wrong_delimiter_is_told_once(header: str, delimiter: str, reason: str) -> None:
    assert rows(f"{header}\n1;2;3\n4;5;6\n", delimiter=delimiter) == [(1, "", reason)]


@pytest.mark.parametrize("header", ["id", "a;", "a;a", '"a b"', "a | "])
def test_one_column_is_a_header(header: str) -> None:
    ((position, _, reason),) = rows(f"{header}\n1\n")
    assert (position, reason) == (2, None)


def test_all_fields_that_do_not_fit_are_named() -> None:
    ((_, _, reason), _) = rows(
        "id,price,stock,on\n1,NA,n/a,NA\n2,1,2,no\n",
        types={"price": "number", "stock": "integer", "on": "boolean"},
    )
    assert reason == (
        "line 2: price: 'NA' is not a number (such as 12, -3.50 or 1e6); stock: 'n/a' is not an "
        "integer (such as 12 or -3); on: 'NA' is not a boolean (true, false, t, f, yes, no, 1 or 0)"
    )


@pytest.mark.parametrize("encoding", ["utf-8", "UTF_8", "utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_the_header(encoding: str) -> None:
    data = "a\nä\n".encode("utf-16" if encoding == "utf-16" else "utf-8-sig")
    assert rows(data, encoding=encoding) == [(2, '{"a":"ä"}', None)]


def test_delimiter_and_encoding() -> None:
    data = "a;b\nKöln;1,5\n".encode("cp1252")
    assert rows(data, delimiter=";", encoding="cp1252") == [(2, '{"a":"Köln","b":"1,5"}', None)]


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("number", "12", "12"),
        ("number", "-0.50", "-0.50"),
        ("number", "12345678901234567890.123456789", "12345678901234567890.123456789"),
        ("number", "1e6", "1e6"),
        ("number", " 1 ", "1"),
        ("number", "", "null"),
        ("number", " ", "null"),
        ("integer", "9007199254740993", "9007199254740993"),
        ("integer", "-3", "-3"),
        ("integer", "", "null"),
        ("boolean", "true", "true"),
        ("boolean", "T", "true"),
        ("boolean", "1", "true"),
        ("boolean", "Yes", "true"),
        ("boolean", "FALSE", "false"),
        ("boolean", "f", "false"),
        ("boolean", "0", "false"),
        ("boolean", "no", "false"),
        ("boolean", "", "null"),
    ],
)
def test_types(kind: str, field: str, value: str) -> None:
    assert rows(f"a,b\n{field},x\n", types={"a": kind}) == [(2, f'{{"a":{value},"b":"x"}}', None)]


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("number", "abc"), ("number", "1 2"), ("number", "+1"), ("number", "01"), ("number", ".5"),
        ("number", "5."), ("number", "NaN"), ("number", "Infinity"), ("number", "0x1"),
        ("number", "1_000"), ("number", "٣"), ("integer", "1.0"), ("integer", "1e3"),
        ("integer", "٣"), ("boolean", "maybe"), ("boolean", "2"),
    ],
)  # fmt: skip
def test_a_field_that_does_not_fit_its_type_is_named(kind: str, field: str) -> None:
    found = rows(f"x,a\n0,{field}\n0,\n", types={"a": kind})
    assert found[0][:2] == (2, f"0,{field}".encode())
    assert str(found[0][2]).startswith(f"line 2: a: {field!r} is not a")
    assert found[1] == (3, '{"x":"0","a":null}', None)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"1", "line 3: 1 fields, where the header has 2"),
        (b"1,2,3", "line 3: 3 fields, where the header has 2"),
        (b'"1"x,2', "line 3: ',' expected after '\"'"),
        (b"K\xf6ln,2", "line 3: it is not utf-8"),
        (b'"x\ny",1,2', "lines 3 to 4: 3 fields, where the header has 2"),
    ],
)
def test_a_bad_row_leaves_the_others_alone(row: bytes, reason: str) -> None:
    before, bad, after = rows(b"a,b\n1,2\n" + row + b"\n5,6\n")
    assert before == (2, '{"a":"1","b":"2"}', None)
    assert bad == (3, row, reason)
    assert after == (4 + row.count(b"\n"), '{"a":"5","b":"6"}', None)


@pytest.mark.parametrize("limit", [40, 10_000])
def test_of_a_quote_that_is_never_closed_the_row_is_bad(
    monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(csv, "RECORD_LIMIT", limit)
    found = rows('a,b\n"1,2\n' + "".join(f"{number},x\n" for number in range(2, 30)))
    assert found[0] == (
        2, b'"1,2', "line 2: a quote is not closed: the lines behind this one are read as rows",
    )  # fmt: skip
    assert [(at, json.loads(text)["a"]) for at, text, _ in found[1:]] == [
        (number + 1, str(number)) for number in range(2, 30)
    ]


def test_a_text_that_is_open_at_the_end_is_a_bad_row() -> None:
    found = rows('a,b\n1,2\n3,"4\nand so on\n')
    assert found[1:] == [(3, b'3,"4\nand so on', "lines 3 to 4: unexpected end of data")]


def test_a_long_text_of_many_lines_is_a_row() -> None:
    text = "x,y\n" * 500_000
    assert rows(f'a,b\n1,"{text}"\n2,3\n') == [
        (2, json.dumps({"a": "1", "b": text}, separators=(",", ":")), None),
        (500_003, '{"a":"2","b":"3"}', None),
    ]


@pytest.mark.parametrize("end", ["", "x"])
@pytest.mark.parametrize("lines", [30, 500])
def test_a_text_that_is_too_long_leaves_the_rows_behind_it_alone(
    monkeypatch: pytest.MonkeyPatch, lines: int, end: str
) -> None:
    for name, value in (("RECORD_LIMIT", 100), ("KEPT", 10), ("BLOCK", 7)):
        monkeypatch.setattr(csv, name, value)
    row = '1,"' + 'of ""this"" kind\n' * lines + end + '"'
    before, bad, after = rows(f"a,b\n0,0\n{row}\n2,3\n")
    assert (before[0], after) == (2, (lines + 4, '{"a":"2","b":"3"}', None))
    assert bad[:2] == (3, b'1,"of ""th')
    assert bad[1].digest == hashlib.sha256(f"{row}\n".encode()).hexdigest()
    assert bad[2] == (
        f"lines 3 to {lines + 3}: the row is longer than 20 MB: it has {len(row) + 1:,} bytes; "
        "only its first 10 bytes are kept here"
    )


def test_a_line_that_is_too_long_is_cut_and_the_next_one_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(csv, "RECORD_LIMIT", 100)
    monkeypatch.setattr(csv, "BLOCK", 10)
    bad, good = rows("a\n" + "x" * 1000 + "\n2\n")
    assert bad[:2] == (2, b"x" * 1000 + b"\n")
    assert "is longer than" in str(bad[2])
    assert good == (3, '{"a":"2"}', None)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"a,,c", "line 1: the header has no name for column 2"),
        (b"a,b, ", "line 1: the header has no name for column 3"),
        (b"a,b,a", "line 1: the header has the column 'a' more than once"),
        (b"a,b", "line 1: the header has no column 'n', which has a type in csv.types"),
        (b"K\xf6,n", "line 1: the header is not in the encoding of csv.encoding"),
        (b'a,"n"x', "line 1: ',' expected after '\"'"),
    ],
)
def test_without_a_sound_header_nothing_is_read(header: bytes, reason: str) -> None:
    found = rows(header + b"\n1,2\n", types={"n": "number"})
    assert found == [(1, header, f"{reason}; without its header the file is not read")]


def test_an_encoding_that_breaks_off_raises() -> None:
    data = "a\nb\n".encode("utf-16-le") + b"\x00\xdc" + "c\n".encode("utf-16-le")
    with pytest.raises(UnicodeDecodeError):
        rows(data, encoding="utf-16-le")


def test_a_field_may_be_long() -> None:
    text = "x" * 5_000_000
    assert rows(f"a\n{text}\n") == [(2, f'{{"a":"{text}"}}', None)]


def test_memory_does_not_grow_with_the_file() -> None:
    line = b"1," + b"x" * 20_000 + b"\n"
    blocks = 50

    def parts() -> Iterator[bytes]:
        yield b"a,b\n"
        for _ in range(blocks):
            yield line * 50

    tracemalloc.start()
    try:
        read = sum(1 for _ in read_csv(io.BufferedReader(Generated(parts()), 1 << 20)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert read == blocks * 50
    assert peak < 16 << 20


def values(content: str, **options: Any) -> list[Any]:
    """The values of the column ``a``; of a row that is refused the reason."""
    return [
        reason or json.loads(text, parse_float=str)["a"]
        for _, text, reason in rows(content, **options)
    ]


def test_numbers_with_a_decimal_comma() -> None:
    content = "a;b\n1,50;\n-1.234.567,25;\n 0,1 ;\n12;\n;\n1.5;\n1,234.5;\n0.123,4;\n"
    german = {"delimiter": ";", "decimal": ",", "thousands": ".", "types": {"a": "number"}}
    found = values(content, **german)
    assert found[:5] == ["1.50", "-1234567.25", "0.1", 12, None]
    for value, reason in zip(["1.5", "1,234.5", "0.123,4"], found[5:], strict=True):
        assert f"a: {value!r} is not a number (such as 12, -3,50 or 1e6 or 1.000)" in reason
    integers = {**german, "types": {"a": "integer"}}
    assert values("a;b\n1.000;\n12;\n", **integers) == [1000, 12]
    # A point is no decimal comma, and nothing is grouped, unless the YAML says so.
    assert "is not a number" in values("a;b\n1.5;\n", delimiter=";", decimal=",",
                                       types={"a": "number"})[0]  # fmt: skip
    assert "is not a number" in values('a\n"1,000"\n', types={"a": "number"})[0]


def test_what_stands_for_no_value() -> None:
    options = {"types": {"a": "number"}, "missing": ["NA", "-"]}
    assert values("a,b\n1,NA\n NA ,x\n-,y\n", **options) == [1, None, None]
    [(_, text, _)] = rows("a,b\n1,NA\n", **options)
    assert json.loads(text)["b"] == "NA"  # a text is a text


@pytest.mark.parametrize(
    ("form", "field", "becomes"),
    [
        ("date", "2026-01-31", "2026-01-31"),
        ("date", " 2026-01-31 12:30:00.5+02:00 ", "2026-01-31T12:30:00.5+02:00"),
        ("date", "", None),
        ("%d.%m.%Y", "31.01.2026", "2026-01-31"),
        ("%d.%m.%Y", "1.2.2026", "2026-02-01"),
        ("%m/%d/%y", "12/31/68", "2068-12-31"),
        ("%m/%d/%y", "12/31/69", "1969-12-31"),
        ("%d.%m.%Y %H:%M", "31.01.2026 7:05", "2026-01-31T07:05:00"),
        ("%Y%m%d%H%M%S.%f", "20260131070509.5", "2026-01-31T07:05:09.500000"),
        ("%d.%m.%Y %H:%M:%S %z", "31.01.2026 07:05:09 +0200", "2026-01-31T07:05:09+02:00"),
        ("%d.%m.%Y", "NA", None),
    ],
)
def test_dates_become_iso_8601(form: str, field: str, becomes: str | None) -> None:
    found = values(f"a;b\n{field};\n", delimiter=";", types={"a": form}, missing=["NA"])
    assert found == [becomes]
    if becomes is not None:
        datetime.fromisoformat(becomes)


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ("date", "20260131"), ("date", "31.01.2026"), ("date", "2026-W05-6"), ("date", "2026"),
        ("%d.%m.%Y", "30.02.2026"), ("%d.%m.%Y", "31.01.26"), ("%d.%m.%Y", "31-01-2026"),
        ("%d.%m.%Y", "٣1.01.2026"), ("%d.%m.%Y %H:%M", "31.01.2026"),
        ("%d.%m.%Y %H:%M", "31.01.2026 25:00"),
    ],
)  # fmt: skip
def test_what_is_no_date_is_a_dead_letter(form: str, field: str) -> None:
    [(_, _, reason)] = rows(f"a;b\n{field};\n", delimiter=";", types={"a": form})
    assert reason is not None
    assert "is not a date" in reason
