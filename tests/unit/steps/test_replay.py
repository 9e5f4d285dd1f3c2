"""What goes through the pipeline again for a dead letter; NiFi runs it in tests/integration."""

from __future__ import annotations

import base64
import json
import zlib

import pytest

from idemflow.steps import replay
from idemflow.steps.replay import NONE, as_line, content_of, describe, unpack_letters
from idemflow.steps.rules.manifest import unpack
from tests.unit.steps.fakes import FAILURE, SUCCESS, Session


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


def test_a_tombstone_is_sent_again_as_one() -> None:
    letter = {
        "content": '{"idemflow_deleted": true}', "delete": True, "record_id": "7", "version": 5,
    }  # fmt: skip
    _, attributes = describe(letter)
    assert attributes["idemflow.tombstone"] == "7"
    assert attributes["idemflow.letter.version"] == "5"
    # Mended into a record it is one; and what was none is no delete.
    for others in ({"content": '{"id":"7"}'}, {"delete": False}):
        assert "idemflow.tombstone" not in describe(letter | others)[1]


def test_the_manifest_names_what_was_sent_and_accounts_for_no_record() -> None:
    session = unpacked(answer({"content": "{}"}, {"content": "{}"}))
    ((data, _),) = session.at(SUCCESS, kind="manifest")
    content = json.loads(data)
    assert content["letters"] == ["l0", "l1"]
    assert content["taken"] == content["count"] == content["refused"] == 0


ASKED = {
    "idemflow.replay": "r9", "idemflow.run": "r9", "idemflow.page": "2", "idemflow.sent": "1000",
    "idemflow.started": "2026-01-31T12:00:00.000Z", "idemflow.pipeline": "p",
}  # fmt: skip


def unpacked(answer: object, **attributes: str) -> Session:
    data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    changed = {f"idemflow.{name}": value for name, value in attributes.items()}
    session = Session((data, ASKED | changed))
    unpack_letters(session, SUCCESS, FAILURE, pipeline="p")
    return session


def answer(*letters: dict[str, object]) -> dict[str, object]:
    hits = [{"_id": f"l{number}", "_source": letter} for number, letter in enumerate(letters)]
    return {"hits": {"hits": hits}}


def test_a_page_becomes_a_flow_file_a_letter_and_the_next_question() -> None:
    session = unpacked(
        answer(
            {"content": '{"id":\n1}', "attempts": 2, "index": "things", "position": "7"},
            {"content": "!", "content_encoding": "zlib+base64"},
            {"content": "\udcff no record", "reason": "bad", "step": "Collect"},
        )
    )
    (one, first), (two, second) = session.at(SUCCESS)
    assert one == b'{"id": 1}'
    assert (first["idemflow.letter"], first["idemflow.run"]) == ("l0", "r9")
    assert (first["idemflow.attempts"], first["idemflow.index"]) == ("3", "things")
    assert "idemflow.reason" not in first
    assert two == b"\\udcff no record"
    assert (second["idemflow.letter"], second["idemflow.reason"]) == ("l2", "bad")
    ((_, following),) = session.at(FAILURE)
    assert (following["idemflow.page"], following["idemflow.sent"]) == ("3", "1002")
    # What is damaged is not sent, so it may not be deleted.
    ((content, attributes),) = session.at(SUCCESS, kind="manifest")
    assert attributes["idemflow.id"] == "r9:page-2"
    assert json.loads(content)["letters"] == ["l0", "l2"]
    assert unpack(json.loads(content)["entries"]) == []


def test_an_empty_page_ends_the_replay_with_its_summary() -> None:
    session = unpacked(answer())
    assert session.at(SUCCESS) == session.at(FAILURE) == []
    ((content, attributes),) = session.at(SUCCESS, kind="run")
    assert (attributes["idemflow.id"], attributes["idemflow.index"]) == ("r9", "idemflow-runs")
    summary = json.loads(content)
    assert (summary["run"], summary["records"], summary["replay"]) == ("r9", 1000, True)
    assert summary["started"] == "2026-01-31T12:00:00.000Z"


@pytest.mark.parametrize("said", [b"", b"<html>", b"[]", b"{}", {"hits": {"hits": [{"_id": "l"}]}}])
def test_what_is_no_answer_of_elasticsearch_is_asked_again(said: object) -> None:
    session = unpacked(said)
    ((_, attributes),) = session.at(FAILURE)
    assert attributes["idemflow.page"] == "2"
    assert len(session.penalized) == 1
    assert session.at(SUCCESS) == []


@pytest.mark.parametrize("run", ["", NONE])
def test_without_a_replay_nothing_is_sent(run: str) -> None:
    session = unpacked(answer({"content": "{}"}), replay=run)
    assert session.at(SUCCESS) == session.at(FAILURE) == []
    assert session.at(SUCCESS, kind="run") == []


def test_nothing_queued_is_nothing_done() -> None:
    session = Session()
    unpack_letters(session, SUCCESS, FAILURE, pipeline="p")
    assert session.at(SUCCESS) == []


def test_a_letter_that_has_texts_in_place_of_values_is_not_sent_as_it_is() -> None:
    letter = {"content": '{"id":1,"b":"b\'12\'"}', "reason": "b is a bytes", "step": "Collect"}
    text, attributes = describe(letter | {"replaced": True})
    assert text == letter["content"]
    assert attributes["idemflow.reason"] == "b is a bytes"
    # What is refused again is still such a letter; a mended one is none.
    assert attributes["idemflow.replaced"] == "true"
    _, attributes = describe(letter | {"replaced": None})
    assert "idemflow.reason" not in attributes
