"""Identify: ids, versions, deletes, transforms and refusals, as single documents and batches."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idemflow.steps.identify import identify
from idemflow.steps.records import to_line
from idemflow.steps.rules.positions import encode
from tests.unit.properties import PROPERTY, records, texts
from tests.unit.steps.fakes import FAILURE, SUCCESS, Context, Session
from tests.unit.steps.identifying import (
    BY_ID,
    BY_NUMBER,
    BY_TIME,
    counts,
    digest,
    identified,
    manifest,
)


def test_nothing_queued_is_nothing_done() -> None:
    session = Session()
    context = Context(index="i", identity=json.dumps(BY_ID))
    identify(session, context, SUCCESS, FAILURE, pipeline="p", batch=True)
    assert session.at(SUCCESS) == []


def test_a_batch_is_one_flow_file_of_the_records_own_text() -> None:
    session = identified('{"id":"a\\"b", "x":1.50}\n{ "id" : 2 }', {"idemflow.positions": "8-9"})
    ((content, attributes),) = session.at(SUCCESS)
    assert content.decode() == '{"_id":"a\\"b","id":"a\\"b", "x":1.50}\n{"_id":"2", "id" : 2 }'
    assert attributes["idemflow.index"] == "things"
    assert attributes["idemflow.positions"] == "8-9"
    assert attributes["idemflow.source"] == "a.csv"
    assert attributes["idemflow.stage"] == "collected"
    assert session.at(FAILURE) == []


def test_the_manifest_has_ids_hashes_and_versions() -> None:
    session = identified('{"id":"a","n":5}\n{"id":"b","n":"6"}\n{}', version=BY_NUMBER)
    found = manifest(session)
    assert found["entries"] == [
        ("a", digest({"id": "a", "n": 5}), 5),
        ("b", digest({"id": "b", "n": "6"}), 6),
    ]
    assert counts(session) == (3, 2, 1, 0)
    assert (found["pipeline"], found["run"], found["index"]) == ("p", "r1", "things")


@pytest.mark.parametrize("batch", [True, False])
def test_the_manifest_has_an_id_of_its_own(batch: bool) -> None:
    session = identified('{"id":1}', batch=batch)
    ((content, attributes),) = session.at(SUCCESS, kind="manifest")
    assert attributes["idemflow.id"] == f"r1:{attributes['uuid']}"
    assert attributes["idemflow.index"] == "idemflow-manifests"
    expected = f'{{"_id":"{attributes["idemflow.id"]}","pipeline":'
    assert content.decode().startswith(expected) is batch


def test_single_documents_have_it_all_as_attributes() -> None:
    session = identified(
        '{"id":"a","n":5}\n{"id":"b","n":6}',
        {"idemflow.positions": "8,12"},
        version=BY_NUMBER,
        batch=False,
    )
    (one, two) = session.at(SUCCESS)
    assert one[0] == b'{"id":"a","n":5}'
    assert (
        one[1]
        | {
            "idemflow.id": "a",
            "idemflow.index": "things",
            "idemflow.operation": "index",
            "idemflow.version": "5",
            "idemflow.position": "8",
            "idemflow.source": "a.csv",
        }
        == one[1]
    )
    assert "idemflow.positions" not in one[1]
    assert two[1]["idemflow.position"] == "12"


def test_without_a_version_field_there_is_no_version() -> None:
    ((_, attributes),) = identified('{"id":"a"}', batch=False).at(SUCCESS)
    assert "idemflow.version" not in attributes
    assert manifest(identified('{"id":"a"}'))["entries"][0][2] is None


def test_a_delete_without_a_version_is_a_delete() -> None:
    lines = '{"id":"a","gone":true}\n{"id":"b","gone":false}'
    session = identified(lines, delete={"field": "gone"})
    ((content, _),) = session.at(SUCCESS)
    first, second = content.decode().split("\n")
    assert first == '{"_id":"a","_op":"delete","id":"a","gone":true}'
    assert second == '{"_id":"b","id":"b","gone":false}'
    assert manifest(session)["entries"][0] == ("a", "", None)
    single = identified(lines, delete={"field": "gone"}, batch=False).at(SUCCESS)
    assert [attributes["idemflow.operation"] for _, attributes in single] == ["delete", "index"]


def test_a_delete_with_a_version_is_a_tombstone() -> None:
    rules: dict[str, Any] = {"delete": {"field": "s", "equals": "x"}, "version": BY_TIME}
    line = '{"id":"a","s":"x","at":"0001-01-01T00:00:01Z"}'
    session = identified(line, **rules)
    ((content, _),) = session.at(SUCCESS)
    assert content == b'{"_id":"a","_version":1000000,"idemflow_deleted":true}'
    assert manifest(session)["entries"] == [("a", "", 1_000_000)]
    ((content, attributes),) = identified(line, **rules, batch=False).at(SUCCESS)
    assert content == b'{"idemflow_deleted":true}'
    assert attributes["idemflow.operation"] == "index"
    assert attributes["idemflow.version"] == "1000000"


def test_a_tombstone_that_is_sent_again_needs_no_record() -> None:
    tombstone = '{"idemflow_deleted":true}'
    letter = {
        "idemflow.tombstone": "a", "idemflow.letter.version": "5", "idemflow.positions": "8",
    }  # fmt: skip
    session = identified(tombstone, letter, version=BY_NUMBER)
    ((content, attributes),) = session.at(SUCCESS)
    assert content == b'{"_id":"a","_version":5,"idemflow_deleted":true}'
    assert attributes["idemflow.positions"] == "8"
    assert manifest(session)["entries"] == [("a", "", 5)]
    assert counts(session) == (1, 1, 0, 0)
    ((content, attributes),) = identified(tombstone, letter, version=BY_NUMBER, batch=False).at(
        SUCCESS
    )
    assert content.decode() == tombstone
    assert (attributes["idemflow.id"], attributes["idemflow.version"]) == ("a", "5")
    # A pipeline that has no versions any more has no tombstones.
    ((content, _),) = identified(tombstone, letter).at(SUCCESS)
    assert content == b'{"_id":"a","_op":"delete","idemflow_deleted":true}'


@pytest.mark.parametrize("batch", [True, False])
@pytest.mark.parametrize(
    ("line", "step", "reason", "identifier"),
    [
        ("{", "Collect", "the record is not JSON", None),
        ("[1]", "Collect", "the record is [1], not a JSON object", None),
        ("", "Collect", "the record is not JSON", None),
        ('{"id":1,"n":NaN}', "Collect", "the field 'n' is nan, which is no number", None),
        ('{"n":1}', "Identify", "the identity field 'id' is missing or null", None),
        ('{"id":7}', "Identify", "the version field 'n' is missing or null", "7"),
        ('{"id":7,"n":-1}', "Identify", "out of range", "7"),
        ('{"id":7,"n":1,"x":1e400}', "Identify", "cannot be written as JSON", "7"),
        ('{"id":7,"n":1,"x":"\\ud800"}', "Identify", "the field 'x' has a lone surrogate", "7"),
        ('{"id":7,"n":1,"_id":7}', "Identify", "cannot have a field _id", None),
        ('{"id":7,"n":1,"_version":7}', "Identify", "cannot have a field _id, _version", None),
        ('{"id":7,"n":1,"_op":7}', "Identify", "cannot have a field _id", None),
        ('{"id":7,"n":1,"idemflow_deleted":0}', "Identify", "is idemflow's own", None),
    ],
)
def test_a_bad_record_is_refused_and_the_rest_goes_on(
    line: str, step: str, reason: str, identifier: str | None, batch: bool
) -> None:
    lines = f'{{"id":1,"n":1}}\n{line}\n{{"id":3,"n":3}}'
    attributes = {"idemflow.positions": "5-7", "idemflow.letter": "l"}
    session = identified(lines, attributes, version=BY_NUMBER, batch=batch)
    ((content, found),) = session.at(FAILURE)
    assert content.decode() == line
    assert reason in found["idemflow.reason"]
    assert found["idemflow.step"] == step
    assert found["idemflow.stage"] == "collected"
    assert found["idemflow.position"] == "6"
    assert found["idemflow.source"] == "a.csv"
    # Of several records each is a letter of its own.
    assert "idemflow.letter" not in found
    assert found.get("idemflow.id") == identifier
    assert "idemflow.positions" not in found
    assert [entry[0] for entry in manifest(session)["entries"]] == ["1", "3"]
    if batch:
        assert session.at(SUCCESS)[0][1]["idemflow.positions"] == "5,7"


def test_what_is_not_utf_8_is_kept_as_it_is() -> None:
    session = identified(b'{"id":1}\n{"id":"\xff"}\n{"id":"\xc3\xbc"}')
    ((content, attributes),) = session.at(FAILURE)
    assert content == b'{"id":"\xff"}'
    assert attributes["idemflow.reason"] == "the record is not UTF-8"
    assert session.at(SUCCESS)[0][0] == '{"_id":"1","id":1}\n{"_id":"ü","id":"ü"}'.encode()


def test_white_space_around_records_is_no_matter() -> None:
    session = identified(b'{"id":1}\r\n\t{"id":2} \n')
    assert session.at(SUCCESS)[0][0] == b'{"_id":"1","id":1}\n{"_id":"2","id":2}'
    assert counts(session) == (2, 2, 0, 0)


@pytest.mark.parametrize("positions", ["1", "1-3", "x", "1-999999999999999999"])
def test_positions_that_do_not_fit_are_unknown(positions: str) -> None:
    session = identified('{"id":1}\n{}', {"idemflow.positions": positions})
    assert "idemflow.positions" not in session.at(SUCCESS)[0][1]
    assert "idemflow.position" not in session.at(FAILURE)[0][1]


def test_a_single_record_may_have_a_single_position() -> None:
    session = identified('{"id":1}', {"idemflow.position": "17"}, batch=False)
    assert session.at(SUCCESS)[0][1]["idemflow.position"] == "17"


def test_an_empty_chunk_is_accounted_for() -> None:
    session = identified(b"")
    assert session.at(SUCCESS) == []
    assert counts(session) == (0, 0, 0, 0)


@pytest.mark.parametrize(("said", "step"), [(None, "Collect"), ("Parse", "Parse")])
def test_what_collect_refused_is_passed_on_whole(said: str | None, step: str) -> None:
    attributes = {"idemflow.reason": "why", "idemflow.position": "3"}
    session = identified(b"a\nb\xff", attributes | ({"idemflow.step": said} if said else {}))
    ((content, found),) = session.at(FAILURE)
    assert content == b"a\nb\xff"
    assert found["idemflow.reason"] == "why"
    assert found["idemflow.step"] == step
    assert found["idemflow.position"] == "3"
    assert session.at(SUCCESS) == []
    assert counts(session) == (1, 0, 1, 0)


@pytest.mark.parametrize("batch", [True, False])
def test_the_summary_of_a_run_passes(batch: bool) -> None:
    session = identified(
        '{"run": "r1"}', {"idemflow.kind": "run", "idemflow.id": "r1"}, batch=batch
    )
    ((content, _),) = session.at(SUCCESS, kind="run")
    assert content == (b'{"_id":"r1","run": "r1"}' if batch else b'{"run": "r1"}')
    assert session.at(SUCCESS, kind="manifest") == []


def test_the_flow_file_may_name_another_index() -> None:
    session = identified('{"id":1}', {"idemflow.index": "things-2026"})
    assert session.at(SUCCESS)[0][1]["idemflow.index"] == "things-2026"
    assert manifest(session)["index"] == "things-2026"


def test_content_as_identity() -> None:
    record = {"a": 1, "at": "x"}
    session = identified(json.dumps(record), identity={"content": True})
    assert manifest(session)["entries"] == [(digest(record), digest(record), None)]
    rule = {"content": True, "except": ["at"]}
    session = identified(json.dumps(record), identity=rule)
    assert manifest(session)["entries"] == [(digest({"a": 1}), digest(record), None)]


# What goes on, for whatever records.

# Refused at the top level of a record; hypothesis finds them in the source.
RESERVED = {"_id", "_version", "_op", "idemflow_deleted"}
with_ids = st.builds(
    lambda record, identifier: record | {"id": identifier},
    records.filter(RESERVED.isdisjoint),
    texts.filter(str.strip) | st.integers(),
)


@settings(PROPERTY, max_examples=50)  # each has up to five records
@given(st.lists(with_ids, min_size=1, max_size=5), st.integers(0, 2**63 - 1))
def test_what_goes_on_is_the_record(chunk: list[dict[str, Any]], number: int) -> None:
    for record in chunk:
        record["n"] = number
    lines = "\n".join(map(to_line, chunk))
    positions = {"idemflow.positions": encode(range(1, len(chunk) + 1))}
    session = identified(lines, positions, version=BY_NUMBER)
    ((content, _),) = session.at(SUCCESS)
    documents = [json.loads(line) for line in content.decode().split("\n")]
    ids = [document.pop("_id") for document in documents]
    assert [document.pop("_version") for document in documents] == [number] * len(chunk)
    assert documents == chunk
    assert manifest(session)["entries"] == [
        (identifier, digest(record), number) for identifier, record in zip(ids, chunk, strict=True)
    ]
    single = identified(lines, positions, version=BY_NUMBER, batch=False).at(SUCCESS)
    assert [attributes["idemflow.id"] for _, attributes in single] == ids
    assert [content.decode() for content, _ in single] == lines.split("\n")
