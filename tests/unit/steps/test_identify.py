"""Identify: ids, versions, deletes, transforms and refusals, as single documents and batches."""

from __future__ import annotations

import inspect
import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idemflow.pipeline.identity import canonical, content_hash
from idemflow.pipeline.manifest import unpack
from idemflow.pipeline.positions import encode
from idemflow.steps.identify import identify
from idemflow.steps.records import to_line
from tests.unit.properties import PROPERTY, records, texts
from tests.unit.steps.fakes import FAILURE, SUCCESS, Session

RUN = {"idemflow.run": "r1", "idemflow.source": "a.csv"}
BY_ID = {"fields": ["id"]}
BY_TIME = {"field": "at", "type": "timestamp"}
BY_NUMBER = {"field": "n", "type": "integer"}

Attributes = dict[str, str]


def identified(
    content: bytes | str,
    attributes: Attributes | None = None,
    *,
    identity: dict[str, Any] | None = None,
    version: dict[str, str] | None = None,
    delete: dict[str, Any] | None = None,
    batch: bool = True,
    transform: Any = None,
) -> Session:
    data = content if isinstance(content, bytes) else content.encode()
    session = Session((data, RUN | (attributes or {})))
    identify(
        session,
        SUCCESS,
        FAILURE,
        pipeline="p",
        index="things",
        identity=identity or BY_ID,
        version=version,
        delete=delete,
        batch=batch,
        transform=transform,
    )
    return session


def manifest(session: Session) -> dict[str, Any]:
    ((content, _),) = session.at(SUCCESS, kind="manifest")
    written: dict[str, Any] = json.loads(content)
    written["entries"] = unpack(written["entries"])
    assert unpack(written.pop("stale")) == []
    return written


def counts(session: Session) -> tuple[int, int, int, int]:
    """taken, count, refused, dropped."""
    found = manifest(session)
    return found["taken"], found["count"], found["refused"], found["dropped"]


def digest(record: object) -> str:
    return content_hash(canonical(record))


def test_nothing_queued_is_nothing_done() -> None:
    session = Session()
    identify(
        session, SUCCESS, FAILURE, pipeline="p", index="i", identity=BY_ID, version=None,
        delete=None, batch=True,
    )  # fmt: skip
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


@pytest.mark.parametrize("batch", [True, False])
@pytest.mark.parametrize(
    ("line", "step", "reason", "identifier"),
    [
        ("{", "Collect", "the record is not JSON", None),
        ("[1]", "Collect", "the record is [1], not a JSON object", None),
        ("", "Collect", "the record is not JSON", None),
        ('{"id":1,"n":NaN}', "Collect", "NaN has no JSON form", None),
        ('{"n":1}', "Identify", "the identity field 'id' is missing or null", None),
        ('{"id":7}', "Identify", "the version field 'n' is missing or null", "7"),
        ('{"id":7,"n":-1}', "Identify", "out of range", "7"),
        ('{"id":7,"n":1,"x":1e400}', "Identify", "cannot be written as JSON", "7"),
        ('{"id":7,"n":1,"x":"\\ud800"}', "Identify", "surrogates not allowed", "7"),
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
    assert found["idemflow.letter"] == "l"
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


# Transforms.


def double(record: dict[str, Any]) -> Any:
    """A record for each of its numbers."""
    numbers = record.pop("numbers")
    return [record | {"id": number} for number in numbers] if numbers is not None else None


def test_a_transform_gives_nothing_one_or_several() -> None:
    lines = '{"numbers":[1,2]}\n{"numbers":null}\n{"numbers":[]}\n{"numbers":[3],"x":"ü"}'
    session = identified(lines, {"idemflow.positions": "1-4"}, transform=double)
    ((content, attributes),) = session.at(SUCCESS)
    assert content.decode().split("\n") == [
        '{"_id":"1","id":1}', '{"_id":"2","id":2}', '{"_id":"3","x":"ü","id":3}',
    ]  # fmt: skip
    assert attributes["idemflow.positions"] == "1,1,4"
    assert attributes["idemflow.stage"] == "document"
    assert counts(session) == (4, 3, 0, 2)


def test_what_is_sent_is_what_is_identified() -> None:
    session = identified('{"id":1}', transform=lambda _: {"id": date(2026, 1, 2), 7: (1,)})
    assert session.at(SUCCESS)[0][0] == b'{"_id":"2026-01-02","id":"2026-01-02","7":[1]}'
    record = {"id": "2026-01-02", "7": [1]}
    assert manifest(session)["entries"] == [("2026-01-02", digest(record), None)]


def broken(record: dict[str, Any]) -> Any:
    kind = record["kind"]
    record["kind"] = "changed"
    if kind == "raise":
        raise ValueError("bad\ud800" + "!" * 10_000)
    if kind == "deep":
        return json.loads("{")
    return {
        "set": {"id": {1}},
        "list": [{"id": 1}, 7],
        "text": "x",
        "nan": {"id": float("nan")},
        "noid": [{"id": 1}, {}],
        "fine": {"id": 2},
    }[kind]


@pytest.mark.parametrize("batch", [True, False])
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("raise", "ValueError: bad\\ud800!!!"),
        ("deep", "Expecting property name"),
        ("set", "what the transform gave cannot be written as JSON: a set has no JSON form"),
        ("list", "what the transform gave is a int, not a dict"),
        ("text", "what the transform gave is a str, not a dict"),
        ("nan", "what the transform gave cannot be written as JSON"),
    ],
)
def test_a_failed_transform_keeps_the_record_as_it_came(
    kind: str, reason: str, batch: bool
) -> None:
    lines = f'{{"kind":"{kind}"}}\n{{"kind":"fine"}}'
    session = identified(
        lines, {"idemflow.positions": "1-2"}, transform=broken, batch=batch, version=None
    )
    ((content, attributes),) = session.at(FAILURE)
    assert content.decode() == lines.partition("\n")[0]
    assert reason in attributes["idemflow.reason"]
    assert len(attributes["idemflow.reason"]) <= 4000
    assert attributes["idemflow.step"] == "Transform"
    assert attributes["idemflow.stage"] == "collected"
    assert attributes["idemflow.position"] == "1"
    assert counts(session) == (2, 1, 1, 0)


@pytest.mark.parametrize("kind", ["deep", "missing"])
def test_the_reason_names_the_innermost_line_of_the_script(kind: str) -> None:
    session = identified(f'{{"kind":"{kind}"}}', transform=broken)
    lines = {"deep": 'return json.loads("{")', "missing": "}[kind]"}
    source = broken.__code__.co_firstlineno
    offset = [line.strip() for line in inspect.getsource(broken).split("\n")].index(lines[kind])
    # Of an expression over several lines Python names the first.
    line = source + offset - (7 if kind == "missing" else 0)
    assert session.at(FAILURE)[0][1]["idemflow.reason"].endswith(f"(line {line} of the script)")


def test_a_record_refused_after_the_transform_is_kept_as_it_was_then() -> None:
    session = identified('{"kind":"noid"}', {"idemflow.positions": "9"}, transform=broken)
    ((content, attributes),) = session.at(FAILURE)
    assert content == b"{}"
    assert attributes["idemflow.step"] == "Identify"
    assert attributes["idemflow.stage"] == "document"
    assert attributes["idemflow.position"] == "9"
    assert counts(session) == (1, 1, 1, 0)


def test_a_replayed_document_is_not_transformed_again() -> None:
    session = identified('{"id":1}\n{}', {"idemflow.transformed": "true"}, transform=broken)
    assert session.at(SUCCESS)[0][0] == b'{"_id":"1","id":1}'
    assert session.at(FAILURE)[0][1]["idemflow.stage"] == "document"


def hungry(_: dict[str, Any]) -> Any:
    raise MemoryError


def test_a_lack_of_memory_is_no_fault_of_the_record() -> None:
    with pytest.raises(MemoryError):
        identified('{"id":1}', transform=hungry)


# What goes on, for whatever records.

with_ids = st.builds(
    lambda record, identifier: record | {"id": identifier},
    records,
    texts.filter(str.strip) | st.integers(),
)


@PROPERTY
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
