"""Documents in the form of an earlier deployment get that of this one; none is lost or changed."""

from __future__ import annotations

import json

import pytest

from idemflow.steps.flow_file import AT_ONCE
from idemflow.steps.ledger_entry import as_line, prefix
from idemflow.steps.triage import triage
from tests.unit.steps.fakes import FAILURE, SUCCESS, Session

LINES = (
    '{"_id":"ü\\"1","_version":7,"price":1.10}\n'
    '{"_id":"2","_op":"delete","price":null}\n'
    '{"_id":"3","_version":8,"idemflow_deleted":true}'
)
KNOWN = {"idemflow.run": "r1", "idemflow.index": "things", "idemflow.stage": "document"}
# What PutElasticsearchJson says of a batch where it takes documents, and the other way round.
UNFIT = {"type": "document_parsing_exception", "reason": "Field [_id] is a metadata field"}
REFUSED = {"elasticsearch.bulk.error": json.dumps(UNFIT), "elasticsearch.put.error": "no id"}


def sent_again(session: Session, *, batch: bool) -> Session:
    triage(session, SUCCESS, FAILURE, pipeline="p", batch=batch)
    return session


def test_a_batch_becomes_a_flow_file_a_document() -> None:
    session = sent_again(
        Session((LINES.encode(), {**KNOWN, **REFUSED, "idemflow.positions": "4-5,9"})), batch=False
    )
    assert session.at(FAILURE) == []
    found = [
        (content, {name: known.get(f"idemflow.{name}") for name in names})
        for content, known in session.at(SUCCESS)
        for names in [("id", "version", "operation", "position", "run", "index", "stage")]
    ]
    common = {"run": "r1", "index": "things", "stage": "document"}
    assert found == [
        (b'{"price":1.10}',
         {"id": 'ü"1', "version": "7", "operation": "index", "position": "4", **common}),
        (b'{"price":null}',
         {"id": "2", "version": None, "operation": "delete", "position": "5", **common}),
        (b'{"idemflow_deleted":true}',
         {"id": "3", "version": "8", "operation": "index", "position": "9", **common}),
    ]  # fmt: skip
    for _, known in session.at(SUCCESS):
        assert not {"idemflow.positions", *REFUSED} & known.keys()


@pytest.mark.parametrize(
    ("name", "number"), [("elasticsearch.record.index", "2"), ("elasticsearch.record.offset", "2")]
)
def test_what_is_left_of_a_batch_keeps_its_position(name: str, number: str) -> None:
    line = LINES.splitlines()[2].encode()
    session = Session((line, {**KNOWN, "idemflow.positions": "4-5,9", name: number}))
    ((_, known),) = sent_again(session, batch=False).at(SUCCESS)
    assert known["idemflow.position"] == "9"
    assert name not in known


def test_a_line_that_was_tried_before_keeps_its_position() -> None:
    session = Session((LINES.splitlines()[0].encode(), {**KNOWN, "idemflow.position": "4"}))
    ((_, known),) = sent_again(session, batch=False).at(SUCCESS)
    assert known["idemflow.position"] == "4"


def test_a_manifest_of_a_batch_becomes_a_document_of_the_ledger() -> None:
    line = as_line("r1:u", '{"taken":5}').encode()
    session = Session((line, {"idemflow.kind": "manifest", "idemflow.id": "r1:u"}))
    ((content, known),) = sent_again(session, batch=False).at(SUCCESS, kind="manifest")
    assert (content, known["idemflow.id"]) == (b'{"taken":5}', "r1:u")


def test_a_line_without_an_id_is_a_dead_letter_not_a_document_under_a_made_up_id() -> None:
    session = Session((b'{"_id":"1","a":1}\n{"a":2}\n', KNOWN))
    sent_again(session, batch=False)
    assert [content for content, _ in session.at(SUCCESS)] == [b'{"a":1}']
    ((content, known),) = session.at(FAILURE)
    assert (content, known["idemflow.reason"]) == (b'{"a":2}', "the document has no id")


@pytest.mark.parametrize(
    ("content", "attributes", "line"),
    [
        ('{"price":1.10}', {"id": 'ü"1', "version": "7", "operation": "index"},
         '{"_id":"ü\\"1","_version":7,"price":1.10}'),
        ('{"price":null}', {"id": "2", "operation": "delete"},
         '{"_id":"2","_op":"delete","price":null}'),
        ('{"idemflow_deleted":true}', {"id": "3", "version": "8", "operation": "index"},
         '{"_id":"3","_version":8,"idemflow_deleted":true}'),
        ("{ }", {"id": "4"}, '{"_id":"4"}'),
        ('{\n "a": 1\n}\n', {"id": "5", "version": ""}, '{"_id":"5","a": 1 }'),
    ],
)  # fmt: skip
def test_a_document_becomes_a_line(content: str, attributes: dict[str, str], line: str) -> None:
    given = {f"idemflow.{name}": value for name, value in attributes.items()}
    session = Session((content.encode(), {**KNOWN, **REFUSED, **given, "idemflow.position": "4"}))
    ((made, known),) = sent_again(session, batch=True).at(SUCCESS)
    assert made.decode() == line
    json.loads(made)
    assert known["idemflow.position"] == "4"
    assert not REFUSED.keys() & known.keys()


def test_there_and_back_a_document_is_the_same() -> None:
    session = Session((LINES.encode(), KNOWN))
    singles = sent_again(session, batch=False).at(SUCCESS)
    back = sent_again(Session(*singles), batch=True).at(SUCCESS)
    assert "\n".join(content.decode() for content, _ in back) == LINES


def test_many_batches_at_once_are_not_all_taken_apart_in_one_session() -> None:
    line = f"{prefix('1')},}}".encode()
    batch = b"\n".join([prefix(str(n)).encode() + b',"a":1}' for n in range(AT_ONCE)])
    session = sent_again(Session((batch, KNOWN), (batch, KNOWN), (line, KNOWN)), batch=False)
    contents = [content for content, _ in session.at(SUCCESS)]
    assert len(contents) == AT_ONCE + 2
    assert contents[-2:] == [batch, line]
