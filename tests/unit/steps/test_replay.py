"""What goes through the pipeline again for a dead letter; NiFi runs it in tests/integration."""

from __future__ import annotations

import base64
import json
import zlib

import pytest

from idemflow import steps
from idemflow.steps import replay
from idemflow.steps.replay import as_line, content_of, describe


def packed(data: bytes) -> dict[str, str]:
    text = base64.b64encode(zlib.compress(data)).decode()
    return {"content": text, "content_encoding": "zlib+base64"}


def test_a_compressed_content_is_unpacked() -> None:
    assert content_of(packed('{"id":"ü"}'.encode())) == '{"id":"ü"}'
    assert content_of({"content": "as it is"}) == "as it is"


@pytest.mark.parametrize(
    ("letter", "problem"),
    [
        ({}, "has no content"),
        ({"content": None}, "has no content"),
        ({"content": "x", "content_encoding": "gzip"}, "unknown encoding: 'gzip'"),
        ({"content": "no base64!", "content_encoding": "zlib+base64"}, "cannot be unpacked"),
        ({"content": "AAAA", "content_encoding": "zlib+base64"}, "cannot be unpacked"),
        ({**packed(b"abc" * 1000), "content": packed(b"abc" * 1000)["content"][:16]}, "cut off"),
    ],
)
def test_a_damaged_content_is_told(letter: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        content_of(letter)


def test_a_content_that_would_fill_the_memory_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "_MAX_BYTES", 1000)
    with pytest.raises(ValueError, match="too large"):
        content_of(packed(b"x" * 100_000))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"n":1.10,"text":"a\\nb"}', '{"n":1.10,"text":"a\\nb"}'),
        ('{\r\n "id": 1\n}\n', '{   "id": 1 }'),
        ('{"text":"a\nb"}', None),
        ("[1]", None),
        ("7", None),
        ("id,name", None),
        ("", None),
        ("[" * 100_000, None),
    ],
)
def test_a_record_is_one_line(text: str, line: str | None) -> None:
    assert as_line(text) == line


def test_a_record_goes_where_it_came_from() -> None:
    letter = {
        "content": '{"id":1}', "position": "17", "source": "a.csv", "stage": "document",
        "attempts": 3, "reason": "old", "step": "Load",
    }  # fmt: skip
    assert describe(letter) == (
        '{"id":1}',
        {
            "idemflow.position": "17",
            "idemflow.positions": "17",
            "idemflow.source": "a.csv",
            "idemflow.attempts": "4",
            "idemflow.transformed": "true",
        },
    )


def test_what_is_no_record_goes_back_for_the_same_reason() -> None:
    letter = {
        "content": "1;2\n3",
        "position": None,
        "reason": "4 columns, not 5",
        "step": "Collect",
    }
    text, attributes = describe(letter)
    assert text == "1;2\n3"
    assert attributes["idemflow.reason"] == "4 columns, not 5"
    assert attributes["idemflow.step"] == "Collect"
    assert attributes["idemflow.position"] == "1"
    assert "idemflow.transformed" not in attributes


def test_the_script_needs_no_idemflow() -> None:
    script = steps.replay_script("p")
    assert "import idemflow" not in script
    assert "from idemflow" not in script
    compile(script, "step", "exec")


def test_the_manifest_names_what_was_sent_and_accounts_for_no_record() -> None:
    content = replay.manifest_of(["a", "b"])
    assert content["letters"] == ["a", "b"]
    assert content["taken"] == content["count"] == content["refused"] == 0
    json.dumps(content)
