"""JSON lines, JSON and gzip, read a record at a time."""

import gzip
import hashlib
import io
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from idemflow.sources.files import formats
from idemflow.sources.files.formats import RECORD_LIMIT, Record, read_json, read_ndjson, unzipped


class Generated(io.RawIOBase):
    """A stream whose content is made while it is read."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._rest or next(self._parts, b"")
        size = min(len(data), len(buffer))
        buffer[:size] = data[:size]
        self._rest = data[size:]
        return size


def ndjson(content: bytes) -> list[Record]:
    return list(read_ndjson(io.BytesIO(content)))


def array(content: bytes) -> list[Record]:
    return list(read_json(io.BytesIO(content)))


def test_a_line_is_handed_on_as_it_is() -> None:
    line = '{ "n": 12345678901234567890.10, "t": "Köln\\u2028 😀\u2028", "n": 1 }'
    assert ndjson(line.encode()) == [(1, line, None)]


def test_blank_lines_count_but_are_no_records() -> None:
    content = b'\xef\xbb\xbf\n{"a":1}\r\n \t\r\n\n{"a":2}'
    assert ndjson(content) == [(2, '{"a":1}', None), (5, '{"a":2}', None)]


def test_the_byte_order_mark_is_no_part_of_the_first_record() -> None:
    assert ndjson(b'\xef\xbb\xbf{"a":1}\n') == [(1, '{"a":1}', None)]


def test_a_line_that_is_not_utf8_leaves_the_others_alone() -> None:
    content = b'{"a":1}\n{"a":"K\xf6ln"}\n{"a":3}\n'
    assert ndjson(content) == [
        (1, '{"a":1}', None),
        (2, b'{"a":"K\xf6ln"}', "line 2 is not UTF-8 at byte 8"),
        (3, '{"a":3}', None),
    ]


def test_a_line_that_is_too_long_is_cut_and_the_next_one_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(formats, "RECORD_LIMIT", 1000)
    monkeypatch.setattr(formats, "BLOCK", 100)
    content = b'{"a":"' + b"x" * 5000 + b'"}\n{"a":2}'
    first, second = ndjson(content)
    assert first[:2] == (1, content[:1000])
    assert "line 1 is longer than" in str(first[2])
    assert second == (2, '{"a":2}', None)


def test_something_unusable_is_kept_up_to_a_megabyte() -> None:
    content, reason = formats.kept(b"x" * 1_000_001, "it is bad")
    assert content == b"x" * 1_000_000
    assert reason == "it is bad; only its first 1,000,000 bytes are kept here"


@pytest.mark.parametrize(
    ("content", "records"),
    [
        (b"", [(1, "", "the file is empty: it has neither an array nor an object")]),
        (b" \n", [(1, "", "the file is empty: it has neither an array nor an object")]),
        (b"[]", []),
        (b"\xef\xbb\xbf [ ] ", []),
        (b'{"a": 1}\n', [(1, '{"a": 1}', None)]),
        (b'[{"a":1},\n{"b":["]"]}]', [(1, '{"a":1}', None), (2, '{"b":["]"]}', None)]),
        ('[{"a":"Zoë 😀"}]'.encode(), [(1, '{"a":"Zoë 😀"}', None)]),
    ],
)  # fmt: skip
def test_elements_of_an_array(content: bytes, records: list[Record]) -> None:
    assert array(content) == records


def test_an_element_over_several_lines_is_one_line() -> None:
    found = array(b'[\r\n  {\r\n    "a": 1.50,\n    "b": "x\\ny"\n  }\n]\n')
    assert found == [(1, '{      "a": 1.50,     "b": "x\\ny"   }', None)]
    assert json.loads(found[0][1]) == {"a": 1.5, "b": "x\ny"}


def test_an_element_that_is_no_object_leaves_the_others_alone() -> None:
    found = array(b'[1,\n"x", [2], null, true, {"a":1}, 123]')
    assert [content for _, content, _ in found] == [
        b"1", b'"x"', b"[2]", b"null", b"true", '{"a":1}', b"123",
    ]  # fmt: skip
    assert [reason for _, _, reason in found] == [
        "element 1 (line 1) is a number, not an object",
        "element 2 (line 2) is a text, not an object",
        "element 3 (line 2) is an array, not an object",
        "element 4 (line 2) is null, not an object",
        "element 5 (line 2) is a boolean, not an object",
        None,
        "element 7 (line 2) is a number, not an object",
    ]


def test_an_element_that_is_not_utf8_leaves_the_others_alone() -> None:
    found = array(b'[{"a":"K\xf6ln"},{"a":2}]')
    assert found == [
        (1, b'{"a":"K\xf6ln"}', "element 1 (line 1) is not UTF-8"),
        (2, '{"a":2}', None),
    ]


@pytest.mark.parametrize(
    ("content", "good", "reason"),
    [
        (b'[{"a":1},\n{"a":x},{"a":3}]', 1, "line 2: element 2 is not JSON: Expecting value"),
        (b'[{"a":1},{"a":2}', 2, "line 1: after element 2 there is 'the end of the file'"),
        (b'[{"a":1}, {"a":', 1, "line 1: element 2 is not JSON: Expecting value"),
        (b'[{"a":1},', 1, "line 1: the file ends before the array does"),
        (b"[", 0, "line 1: the file ends before the array does"),
        (b'[{"a":1},]', 1, "line 1: element 2 is not JSON: Expecting value"),
        (b'[{"a":1}\n{"a":2}]', 1, "line 2: after element 1 there is '{', not ',' or ']'"),
        (b'{"a":1}\n{"a":2}\n', 1, "line 2: there is more after the end of the JSON"),
        (b'[{"a":1}] x', 1, "line 1: there is more after the end of the JSON"),
        (b"a,b\n1,2\n", 0, "line 1: the file begins with 'a', not with '[' or '{'"),
        (b'[{"a":"x\ny"}]', 0, "line 1: element 1 is not JSON: Invalid control character"),
        (b'[{"a":' + b"[" * 100_000, 0, "line 1: element 1 is nested more than 500 levels deep"),
    ],
)  # fmt: skip
def test_what_follows_a_broken_element_is_not_trusted(
    content: bytes, good: int, reason: str
) -> None:
    *before, last = array(content)
    assert [found[2] for found in before] == [None] * good
    assert last[0] >= good
    assert str(last[2]).startswith(reason)
    assert str(last[2]).endswith("; the rest of the file is not read")


def test_an_element_may_be_larger_than_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "BLOCK", 7)
    elements = ['{"a":"%s"}' % ("ä" * size) for size in (0, 1, 5, 100, 3)]
    content = f"[{','.join(elements)}]".encode()
    assert array(content) == [(n, text, None) for n, text in enumerate(elements, start=1)]


def test_a_number_at_the_end_of_a_block_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "BLOCK", 3)
    assert [content for _, content, _ in array(b"[123456]")] == [b"123456"]


def test_a_number_of_many_digits_is_no_error() -> None:
    text = '{"n":%s}' % ("9" * 5000)
    assert array(f"[{text}]".encode()) == [(1, text, None)]


def test_an_element_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "RECORD_LIMIT", 1000)
    monkeypatch.setattr(formats, "BLOCK", 100)
    parts = (b'[{"a":"', *[b"x" * 100] * 50)
    stream = io.BufferedReader(Generated(iter(parts)))
    [(position, _, reason)] = list(read_json(stream))
    assert position == 1
    assert str(reason).startswith("line 1: element 1 is not JSON: Unterminated string")


LONG = r"x\\\" ]}, ä" * 150


@pytest.mark.parametrize("block", [1, 7, 100, 900, 5000])
@pytest.mark.parametrize(
    "long",
    [
        f'{{"a":"{LONG}"}}',
        f'"{LONG}"',
        f'[{{"{LONG}":[]}},\n"{LONG}",[true, false, null, -1.5E+3, [{{}}]]]',
        f'{{"a":[{", ".join(["[1,{}]"] * 500)}],\r\n "b":1}}',
    ],
)
def test_an_element_that_is_too_long_leaves_the_others_alone(
    monkeypatch: pytest.MonkeyPatch, long: str, block: int
) -> None:
    for name, value in (("RECORD_LIMIT", 1000), ("KEPT", 10), ("BLOCK", block)):
        monkeypatch.setattr(formats, name, value)
    monkeypatch.setattr(formats.kept, "__defaults__", (10,))
    first, second, third = array(f'[{{"a":1}},\n{long} , {{"a":3}}]'.encode())
    assert (first, third) == ((1, '{"a":1}', None), (3, '{"a":3}', None))
    line = long.replace("\r", " ").replace("\n", " ").encode()
    number, content, reason = second
    assert (number, content) == (2, line[:10])
    assert content.digest == hashlib.sha256(line).hexdigest()
    assert str(reason).startswith("element 2 (line 2) is ")
    if long.startswith("{"):  # of another one it is told what it is, where it can be read
        assert f"is longer than 20 MB: it has {len(line):,} bytes; only its" in str(reason)


@pytest.mark.parametrize("block", [100, 5000, 1 << 20])
@pytest.mark.parametrize("levels", [2000, 50_000])
def test_an_element_that_is_too_deep_leaves_the_others_alone(
    monkeypatch: pytest.MonkeyPatch, levels: int, block: int
) -> None:
    monkeypatch.setattr(formats, "BLOCK", block)
    deep = '{"a":' + '{"]":[' * levels + '"x"' + "]}" * levels + "}"
    found = array(f'[{{"a":1}},\n{deep},{{"a":3}}]'.encode())
    assert found == [
        (1, '{"a":1}', None),
        (2, deep.encode(), "element 2 (line 2) is nested more than 500 levels deep"),
        (3, '{"a":3}', None),
    ]


@pytest.mark.parametrize("block", [1, 100, 900, 5000])
@pytest.mark.parametrize(
    ("before", "broken"),
    [
        *((before, broken) for before in (0, 1500)
          for broken in ('{"a":x}', '{"a":"x"y"}', '{"a":1]', '{"a":"x\ny"}')),
        (0, '{"a":tru}'),
        (1500, "[" * 1000),
    ],
)  # fmt: skip
def test_a_long_element_that_is_not_json_is_the_last(
    monkeypatch: pytest.MonkeyPatch, broken: str, before: int, block: int
) -> None:
    for name, value in (("RECORD_LIMIT", 1000), ("BLOCK", block)):
        monkeypatch.setattr(formats, name, value)
    element = f'["{"x" * before}",{broken}]' if before else broken
    first, last = array(f'[{{"a":1}},{element},{{"a":"{LONG}"}},{{"a":3}}]'.encode())
    assert first == (1, '{"a":1}', None)
    assert last[0] == 2
    assert last[1].startswith(element[:5].encode())
    assert str(last[2]).endswith("; the rest of the file is not read")


def test_the_stream_stays_open() -> None:
    stream = io.BytesIO(b"[1]")
    list(read_json(stream))
    assert not stream.closed


def test_gzip_of_several_members() -> None:
    data = gzip.compress(b'{"a":1}\n') + gzip.compress(b'{"a":2}\n')
    assert [text for _, text, _ in read_ndjson(unzipped(io.BytesIO(data)))] == [
        '{"a":1}', '{"a":2}',
    ]  # fmt: skip


def test_what_precedes_the_end_of_a_truncated_gzip_is_read() -> None:
    lines = [b'{"a":%d}' % number for number in range(100_000)]
    data = gzip.compress(b"\n".join(lines))
    found: list[bytes] = []
    records = read_ndjson(unzipped(io.BytesIO(data[: len(data) // 2])))
    with pytest.raises(EOFError):
        found.extend(text.encode() for _, text, _ in records)
    assert len(found) > 40_000
    assert found == lines[: len(found)]


def test_elements_before_the_end_of_a_truncated_gzip_are_read() -> None:
    elements = [b'{"a":%d}' % number for number in range(100_000)]
    data = gzip.compress(b"[" + b",".join(elements) + b"]")
    found: list[bytes] = []
    for end in (len(data) // 2, len(data) - 4):
        found.clear()
        records = read_json(unzipped(io.BytesIO(data[:end])))
        with pytest.raises(EOFError):
            found.extend(text.encode() for _, text, _ in records)
        assert found == elements[: len(found)]
        assert len(found) > 40_000
    assert found == elements


@pytest.mark.parametrize("block", [1, 2, 3, 4])
def test_characters_at_the_end_of_a_block(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(formats, "BLOCK", block)
    assert array('\ufeff[{"ä":"😀"}]'.encode()) == [(1, '{"ä":"😀"}', None)]
    assert str(array(b"[\xf0\x9f")[0][2]).startswith("line 1: element 1 is not JSON")


@pytest.mark.parametrize("form", ["ndjson", "json"])
def test_memory_does_not_grow_with_the_file(form: str) -> None:
    size = 100 << 20
    line = b'{"a":"' + b"x" * 20_000 + b'"}'
    count = size // len(line)
    separator = b"\n" if form == "ndjson" else b",\n"
    block = separator.join([line] * 50)

    def parts() -> Iterator[bytes]:
        yield b"" if form == "ndjson" else b"["
        for number in range(count // 50):
            yield (separator if number else b"") + block
        yield b"" if form == "ndjson" else b"]"

    reader = read_ndjson if form == "ndjson" else read_json
    parts_of = (part for part in parts() if part)
    tracemalloc.start()
    try:
        read = sum(1 for _ in reader(io.BufferedReader(Generated(parts_of), 1 << 20)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert read == count // 50 * 50
    assert peak < 16 << 20


def test_a_record_may_have_10_mb() -> None:
    assert RECORD_LIMIT > 11_000_000
    text = '{"a":"%s"}' % ("x" * 10_000_000)
    assert array(f"[{text}]".encode()) == [(1, text, None)]
    assert ndjson(text.encode()) == [(1, text, None)]
