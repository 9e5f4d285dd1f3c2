"""Dead letters: what they keep, and under which id."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zlib
from typing import Any

import pytest

from idemflow.steps.dead_letter import COMPRESSED_FROM, keep, letter
from tests.unit.steps.fakes import SUCCESS, Session


def kept(content: bytes, **known: str) -> tuple[dict[str, Any], dict[str, str]]:
    session = Session((content, {f"idemflow.{name}": value for name, value in known.items()}))
    keep(session, SUCCESS, pipeline="p")
    ((written, attributes),) = session.at(SUCCESS)
    return json.loads(written), attributes


def test_a_dead_letter_has_all_that_is_known() -> None:
    known = {
        "run": "r", "id": "7", "source": "a.csv", "position": "3", "step": "Identify",
        "reason": "why", "stage": "document", "attempts": "4", "modified": "1767225600000",
        "index": "i",
    }  # fmt: skip
    found, attributes = kept(b'{"a":1}', **known)
    assert found.pop("time").endswith("+00:00")
    assert found == {
        "pipeline": "p",
        "run": "r",
        "record_id": "7",
        "version": None,
        "delete": False,
        "index": "i",
        "source": "a.csv",
        "position": "3",
        "step": "Identify",
        "reason": "why",
        "stage": "document",
        "attempts": 4,
        "modified": "1767225600000",
        "content": '{"a":1}',
    }
    assert attributes["idemflow.index"] == "idemflow-dead-letters"


def test_a_dead_letter_of_which_little_is_known() -> None:
    found = letter({"attempts": "x"}, b"\xff{", "people")
    assert found["content"] == "\\xff{"
    assert (found["stage"], found["attempts"], found["record_id"]) == ("collected", 1, None)
    json.dumps(found)


def test_the_id_comes_from_the_content() -> None:
    identifier = hashlib.sha256(b'p\0{"a":1}').hexdigest()[:32]
    assert kept(b'{"a":1}', run="r1")[1]["idemflow.id"] == identifier
    assert kept(b'{"a":1}', run="r2", id="x")[1]["idemflow.id"] == identifier
    assert kept(b'{"a":2}')[1]["idemflow.id"] != identifier


def test_of_a_file_of_which_the_newer_wins_the_id_has_its_time() -> None:
    """The older one may be read later, and must not take the place of the newer one."""
    plain = kept(b"{}")[1]["idemflow.id"]
    assert kept(b"{}", modified="17")[1]["idemflow.id"] == f"{plain}-17"
    assert kept(b"{}", modified="17", version="1703")[1]["idemflow.id"] == f"{plain}-1703"
    assert kept(b"{}", modified="17", letter="the letter")[1]["idemflow.id"] == "the letter"
    assert kept(b"{}", version="1703")[1]["idemflow.id"] == plain


def test_of_a_beginning_the_id_comes_from_all_of_it() -> None:
    """Two records that are too large may begin alike."""
    first, second = (kept(b'{"a":', digest=digest)[1]["idemflow.id"] for digest in ("1f", "2f"))
    assert len({first, second, kept(b'{"a":')[1]["idemflow.id"]}) == 3
    assert kept(b'{"a":', digest="1f", letter="the letter")[1]["idemflow.id"] == "the letter"


def test_a_replayed_letter_keeps_its_id() -> None:
    assert kept(b'{"a":1}', letter="the letter")[1]["idemflow.id"] == "the letter"


def test_a_letter_is_written_whatever_was_to_be_done_with_the_record() -> None:
    _, attributes = kept(b"{}", operation="delete", version="7")
    assert attributes["idemflow.operation"] == "index"
    assert attributes["idemflow.version"] == ""


TOMBSTONE = '{"idemflow_deleted":true}'


@pytest.mark.parametrize("batch", [True, False])
def test_each_delete_is_a_letter_of_its_own(batch: bool) -> None:
    def deleted(identifier: str, version: int) -> tuple[dict[str, Any], str]:
        line = f'{{"_id":"{identifier}","_version":{version},{TOMBSTONE[1:]}'
        single = {} if batch else {"version": str(version), "operation": "index"}
        content = (line if batch else TOMBSTONE).encode()
        found, attributes = kept(content, step="Load", id=identifier, **single)
        return found, attributes["idemflow.id"]

    found, identifier = deleted("a", 5)
    assert (found["record_id"], found["version"], found["delete"]) == ("a", 5, True)
    assert found["content"] == TOMBSTONE
    assert deleted("a", 5)[1] == identifier
    assert len({deleted("a", 5)[1], deleted("b", 5)[1], deleted("a", 6)[1]}) == 3


def test_a_delete_without_a_version_is_told() -> None:
    for line, operation in (
        ('{"_id":"a","_op":"delete","id":"a"}', "index"),
        ('{"id":"a"}', "delete"),
    ):
        found, _ = kept(line.encode(), step="Load", id="a", operation=operation)
        assert (found["content"], found["version"], found["delete"]) == ('{"id":"a"}', None, True)


def test_a_letter_that_was_mended_into_another_version_is_another_letter() -> None:
    content, letter_id = b'{"a":1}', "the letter"

    def replayed(**known: str) -> str:
        return kept(content, step="Load", letter=letter_id, **known)[1]["idemflow.id"]

    assert replayed(**{"version": "5", "letter.version": "5"}) == letter_id
    # Which of the two is the later, no version tells.
    assert replayed(version="5") == replayed(**{"letter.version": "5"}) == letter_id
    assert replayed(**{"version": "6", "letter.version": "5"}) == kept(content)[1]["idemflow.id"]


@pytest.mark.parametrize(
    ("line", "record"),
    [
        ('{"_id":"1","a":2}', '{"a":2}'),
        ('{"_id":"1","_version":7,"a":2}', '{"a":2}'),
        ('{"_id":"1","_op":"delete","a":2}', '{"a":2}'),
        ('{"_id":"1","_version":7,"_op":"delete"}', "{}"),
        ('{"_id":"\\",\\\\","_id2":"x"}', '{"_id2":"x"}'),
        ('{"_id":"1", "a":2}', '{ "a":2}'),
        ('{"a":{"_id":"1","b":2}}', '{"a":{"_id":"1","b":2}}'),
        ("{", "{"),
    ],
)
def test_what_identify_put_before_a_record_is_taken_off(line: str, record: str) -> None:
    assert kept(line.encode(), step="Load")[0]["content"] == record
    # Before Load it is the record's own.
    assert kept(line.encode(), step="Identify")[0]["content"] == line


def test_a_large_content_is_kept_compressed() -> None:
    content = os.urandom(1000) * (COMPRESSED_FROM // 1000 + 1)
    found, attributes = kept(content)
    assert found["content_encoding"] == "zlib+base64"
    assert zlib.decompress(base64.b64decode(found["content"])) == content
    assert len(found["content"]) < len(content) / 10
    assert attributes["idemflow.id"] == hashlib.sha256(b"p\0" + content).hexdigest()[:32]


def test_a_smaller_one_is_kept_as_it_is() -> None:
    found, _ = kept(b"x" * (COMPRESSED_FROM - 1))
    assert "content_encoding" not in found
    assert len(found["content"]) == COMPRESSED_FROM - 1
