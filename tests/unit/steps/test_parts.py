"""Contents in parts that memory can hold: no line is lost, and none is held that is too long."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idemflow.steps import identify, parts
from idemflow.steps.chunks import Chunks
from idemflow.steps.parts import Beginning
from tests.unit.properties import PROPERTY
from tests.unit.steps.fakes import FAILURE, SUCCESS, Session, Stream
from tests.unit.steps.identifying import identified

PART, RECORD, KEPT = 10, 25, 4


@PROPERTY
@given(st.lists(st.sampled_from([b"a", b"b" * 9, b"c" * 11, b"d" * 26, b"e" * 60, b"\n", b"\n\n"])))
def test_the_lines_of_all_parts_are_those_of_the_content(pieces: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("PART_BYTES", PART), ("RECORD_BYTES", RECORD), ("KEPT_BYTES", KEPT)):
            patch.setattr(parts, name, value)
        content = b"".join(pieces)
        lines = content.removesuffix(b"\n").split(b"\n") if content else []
        found: list[bytes] = []
        for part in parts.parts(Stream(content)):
            if isinstance(part.data, Beginning):
                line = lines[len(found)]
                assert len(line) > RECORD
                assert (part.lines, part.data) == (1, line[:KEPT])
                assert part.data.digest == hashlib.sha256(line).hexdigest()
                assert f"it has {len(line)} bytes; only its first 4 bytes are kept" in part.reason
                found.append(line)
                continue
            assert len(part.data) <= PART or part.lines == 1
            some = part.data.split(b"\n") if part.lines else []
            assert len(some) == part.lines
            assert all(len(line) <= RECORD for line in some)
            found += some
        assert found == lines


@pytest.mark.parametrize("batch", [True, False])
def test_a_large_chunk_is_identified_part_by_part(
    monkeypatch: pytest.MonkeyPatch, batch: bool
) -> None:
    for module in (parts, identify):
        monkeypatch.setattr(module, "PART_BYTES", 40)
    monkeypatch.setattr(parts, "RECORD_BYTES", 60)
    monkeypatch.setattr(parts, "KEPT_BYTES", 10)
    lines = [
        json.dumps({"id": number, "x": "y" * (70 if number == 4 else 9)}) for number in range(8)
    ]
    known = {"idemflow.positions": "11-18", "idemflow.source": "a.csv"}
    session = identified("\n".join(lines), known, batch=batch)
    documents = [content for content, _ in session.at(SUCCESS)]
    assert sum(content.count(b'"x"') for content in documents) == 7
    assert all(len(content) < 80 for content in documents)
    ((content, attributes),) = session.at(FAILURE)
    assert content == lines[4].encode()[:10]
    assert attributes["idemflow.position"] == "15"
    assert attributes["idemflow.step"] == "Collect"
    assert attributes["idemflow.digest"] == hashlib.sha256(lines[4].encode()).hexdigest()
    manifests = [json.loads(content) for content, _ in session.at(SUCCESS, kind="manifest")]
    assert sum(one["taken"] for one in manifests) == 8
    assert sum(one["count"] for one in manifests) == 7
    assert sum(one["refused"] for one in manifests) == 1
    assert {one["source"] for one in manifests} == {"a.csv"}
    places = [one["positions"] for one in manifests if one["count"]]
    assert places == ["11", "12", "13", "14", "16", "17", "18"]


def test_what_a_transform_makes_is_handed_on_bit_by_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identify, "PART_BYTES", 100)
    letter = {"idemflow.positions": "7", "idemflow.letter": "l"}
    session = identified(
        '{"id":1}', letter, transform=lambda _: [{"id": n, "x": "y" * 40} for n in range(5)]
    )
    documents = session.at(SUCCESS)
    assert [content.count(b"\n") + 1 for content, _ in documents] == [1, 1, 1, 1, 1]
    assert {attributes["idemflow.positions"] for _, attributes in documents} == {"7"}
    assert not any("idemflow.letter" in attributes for _, attributes in documents)
    manifests = [json.loads(content) for content, _ in session.at(SUCCESS, kind="manifest")]
    assert [one["taken"] for one in manifests] == [1, 0, 0, 0, 0]
    assert sum(one["count"] for one in manifests) == 5


def test_a_document_that_is_too_large_is_the_records_dead_letter() -> None:
    session = identified('{"id":1}', transform=lambda _: {"id": 1, "x": "y" * parts.RECORD_BYTES})
    ((content, attributes),) = session.at(FAILURE)
    assert content == b'{"id":1}'
    reason = attributes["idemflow.reason"]
    assert "what the transform gave is longer than 20 MB: it has 20,971," in reason


def test_a_record_that_is_too_large_is_never_queued_whole() -> None:
    session = Session((b"", {}))
    trigger = session.get()
    chunks = Chunks(session, SUCCESS, trigger)
    # Bytes count, not characters.
    chunks.add("ü" * (parts.RECORD_BYTES // 2 + 1), 1)
    chunks.add("x" * parts.RECORD_BYTES, 2)
    chunks.flush()
    session.remove(trigger)
    (refused, why), (whole, _) = session.at(SUCCESS)
    assert (len(refused), len(whole)) == (parts.KEPT_BYTES, parts.RECORD_BYTES)
    assert why["idemflow.position"] == "1"
    assert "it has 20,971,522 bytes; only its first 1,000,000" in why["idemflow.reason"]
    assert len(why["idemflow.digest"]) == 64
    assert chunks.count == 2
