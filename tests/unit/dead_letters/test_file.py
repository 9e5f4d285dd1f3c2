"""The file of letters to be fixed: what is written is read back, and mistakes have a line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from idemflow.dead_letters import file as letter_file
from idemflow.dead_letters.store import Letter
from idemflow.errors import UsageError

LETTER = Letter(
    id="3f8a", pipeline="people", run="r", time="t", step="Load", reason='a "reason"\nof two lines'
)


def read(tmp_path: Path, *lines: str) -> list[letter_file.Mended]:
    file = tmp_path / "letters.ndjson"
    file.write_bytes("\n".join(lines).encode())
    return list(letter_file.read(file))


@pytest.mark.parametrize(
    "content",
    [
        '{"id":1,"price":1.10,"big":12345678901234567890123.4500,"exp":1e400}',
        '{"id":"ü 🙂","record":{"record":[1,{"letter":"}"}]},"text":"a\\nb"}',
        "{}",
        "no JSON; \x1b[31m and\ttwo\nlines",
        "[1, 2]",
        "",
        '{"unfinished',
    ],
)
def test_what_is_written_is_read_back_character_by_character(tmp_path: Path, content: str) -> None:
    line = letter_file.write_line(LETTER, content)
    assert "\n" not in line
    assert json.loads(line)["letter"] == "3f8a"
    assert read(tmp_path, line) == [letter_file.Mended(1, "3f8a", content)]


def test_a_record_over_several_lines_becomes_one(tmp_path: Path) -> None:
    line = letter_file.write_line(LETTER, '{\r\n  "id": 1,\n  "n": 1.10\n}\n')
    (fixed,) = read(tmp_path, line)
    assert json.loads(fixed.content) == {"id": 1, "n": 1.1}
    assert "1.10" in fixed.content


def test_members_may_be_in_any_order_with_any_space(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        ' { "record" : {"id": 1.0} , "letter":"a" } ',
        "",
        '{"record": {"first": 1}, "letter": "b", "record": {"last": 2}, "note": "x"}',
        '{"text": "raw", "letter": "c"}\r',
    )
    assert [(one.line, one.letter, one.content) for one in found] == [
        (1, "a", '{"id": 1.0}'),
        (3, "b", '{"last": 2}'),
        (4, "c", "raw"),
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"letter": "a", "record": {}', "not JSON: Expecting"),
        ("[" * 100_000, "not JSON"),
        ("7", "a number, not a JSON object"),
        ('{"record": {}}', "'letter' must be the letter's id"),
        ('{"letter": 7, "record": {}}', "'letter' must be the letter's id"),
        ('{"letter": "a"}', "needs 'record'"),
        ('{"letter": "a", "record": {}, "text": "b"}', "one of both"),
        ('{"letter": "a", "record": [1]}', "'record' is a list, not a JSON object"),
        ('{"letter": "a", "record": null}', "'record' is a null, not a JSON object"),
        ('{"letter": "a", "text": {}}', "'text' is a JSON object, not text"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as error:
        read(tmp_path, '{"letter": "a", "text": "b"}', line)
    assert "letters.ndjson:2: " in error.value.message


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "letters.ndjson"
    file.write_bytes(b'{"letter": "\xff"}')
    with pytest.raises(UsageError, match="is not UTF-8"):
        list(letter_file.read(file))
    with pytest.raises(UsageError, match="cannot be read"):
        list(letter_file.read(tmp_path / "none"))
