"""Triage: what is tried again, stale, or a dead letter; single documents and batches."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from idemflow.steps.rules.manifest import unpack
from idemflow.steps.triage import judge, triage
from tests.unit.steps.fakes import FAILURE, SUCCESS, Session

STALE = '{"type":"version_conflict_engine_exception","reason":"x"}'
FULL = '{"type":"es_rejected_execution_exception","reason":"full"}'
BAD = '{"type":"document_parsing_exception","reason":"bad date"}'
LINE = '{"_id":"ü\\"1","_version":7,"born":"x"}'.encode()


@pytest.mark.parametrize(
    ("error", "content", "verdict"),
    [
        (None, b'{"id":1}', "retry"),
        (None, b'{"id":1}\n{"id":2}', "retry"),
        (None, b"[1]", "dead"),
        (None, b"{", "dead"),
        (None, b'{"id":1}\n{', "dead"),
        (None, b"[" * 100_000, "dead"),
        (STALE, b"{}", "stale"),
        ('{"status":409,"error":{"type":"version_conflict_engine_exception"}}', b"{}", "stale"),
        (FULL, b"{}", "retry"),
        ('{"status":429,"error":{"type":"anything"}}', b"{}", "retry"),
        ('{"type":"cluster_block_exception","reason":"disk"}', b"{}", "retry"),
        ('{"status":400,"error":{"type":"index_closed_exception"}}', b"{}", "retry"),
        ('{"status":404,"error":{"type":"index_not_found_exception"}}', b"{}", "retry"),
        ('{"status":400,"error":{"type":"validation_exception"}}', b"{}", "retry"),
        (BAD, b"{}", "dead"),
        ("not json", b"{}", "dead"),
        ("[1]", b"{}", "dead"),
    ],
)
def test_a_refusal_is_judged_by_type_and_status(
    error: str | None, content: bytes, verdict: str
) -> None:
    assert judge(error, content, "an id")[0] == verdict


@pytest.mark.parametrize("identifier", [None, "", " "])
def test_a_document_that_lost_its_id_is_not_tried_for_ever(identifier: str | None) -> None:
    assert judge(None, b"{}", identifier) == ("dead", "the document has no id")


def test_the_reason_names_the_cause() -> None:
    error = {
        "type": "document_parsing_exception",
        "reason": "failed to parse field [born]",
        "caused_by": {"type": "illegal_argument_exception", "reason": "no date"},
    }
    assert judge(json.dumps(error), b"{}", "an id") == (
        "dead",
        "document_parsing_exception: failed to parse field [born]: no date",
    )


def sorted_out(
    content: bytes,
    attributes: dict[str, str],
    *,
    batch: bool = True,
    copies: int = 1,
    log: Log | None = None,
) -> Session:
    known = {"idemflow.run": "r1", "idemflow.index": "things"}
    session = Session(*[(content, known | attributes)] * copies)
    triage(session, SUCCESS, FAILURE, log, pipeline="p", batch=batch)
    return session


class Log:
    """NiFi's logger of a processor: what becomes a bulletin."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def warn(self, text: str) -> None:
        self.said.append(("WARNING", text))

    def error(self, text: str) -> None:
        self.said.append(("ERROR", text))


def of_batch(error: str, number: str = "2") -> dict[str, str]:
    return {
        "elasticsearch.bulk.error": error,
        "elasticsearch.record.index": number,
        "idemflow.positions": "10,20-30",
    }


def stale_entries(session: Session, name: str = "stale") -> Any:
    ((content, attributes),) = session.at(SUCCESS, kind="manifest")
    chunk = json.loads(content)
    assert attributes["idemflow.index"] == "idemflow-manifests"
    assert (chunk["pipeline"], chunk["run"], chunk["index"]) == ("p", "r1", "things")
    assert [chunk[name] for name in ("taken", "count", "refused", "dropped")] == [0, 0, 0, 0]
    assert unpack(chunk["entries"]) == []
    return unpack(chunk[name])


def test_stale_lines_go_into_the_manifest() -> None:
    session = sorted_out(LINE, of_batch(STALE), copies=3)
    assert stale_entries(session) == [('ü"1', "", 7)] * 3
    assert session.at(FAILURE) == session.at(SUCCESS) == []


@pytest.mark.parametrize(("version", "number"), [("7", 7), ("", None), (None, None)])
def test_stale_documents_go_into_the_manifest(version: str | None, number: int | None) -> None:
    attributes = {"idemflow.id": "1", "elasticsearch.bulk.error": STALE}
    if version is not None:
        attributes["idemflow.version"] = version
    assert stale_entries(sorted_out(b"{}", attributes, batch=False)) == [("1", "", number)]


def test_a_stale_tombstone_is_stale() -> None:
    line = b'{"_id":"1","_version":3,"idemflow_deleted":true}'
    assert stale_entries(sorted_out(line, of_batch(STALE))) == [("1", "", 3)]


def test_a_line_that_is_tried_again_is_as_it_was_sent() -> None:
    session = sorted_out(LINE, of_batch(FULL))
    ((content, attributes),) = session.at(SUCCESS)
    assert content == LINE
    assert attributes["idemflow.position"] == "21"
    for gone in ("idemflow.positions", "elasticsearch.record.index", "elasticsearch.bulk.error"):
        assert gone not in attributes
    assert len(session.penalized) == 1


def test_a_line_that_comes_back_twice_keeps_its_position() -> None:
    ((content, attributes),) = sorted_out(LINE, of_batch(FULL)).at(SUCCESS)
    again = attributes | {"elasticsearch.bulk.error": BAD, "elasticsearch.record.index": "0"}
    ((_, attributes),) = sorted_out(content, again).at(FAILURE)
    assert attributes["idemflow.position"] == "21"


def test_a_bad_line_becomes_a_dead_letter() -> None:
    ((content, attributes),) = sorted_out(LINE, of_batch(BAD, "0")).at(FAILURE)
    assert content == LINE
    assert attributes["idemflow.id"] == 'ü"1'
    assert attributes["idemflow.step"] == "Load"
    assert attributes["idemflow.reason"] == "document_parsing_exception: bad date"
    assert attributes["idemflow.position"] == "10"
    assert "idemflow.positions" not in attributes


def test_that_a_document_was_given_up_stays_in_the_manifest() -> None:
    session = sorted_out(LINE, of_batch(BAD, "0"), copies=2)
    first, second = stale_entries(session, "given_up")
    assert first == second == ('ü"1', hashlib.sha256(LINE).hexdigest()[:32], 7)
    assert stale_entries(session) == []
    assert len(session.at(FAILURE)) == 2


@pytest.mark.parametrize("number", ["12", "-1", "x", "", "9" * 30])
def test_a_line_whose_number_makes_no_sense_has_no_position(number: str) -> None:
    ((_, attributes),) = sorted_out(LINE, of_batch(BAD, number)).at(FAILURE)
    assert "idemflow.position" not in attributes
    assert "idemflow.positions" not in attributes


def test_a_whole_batch_that_an_outage_held_up_is_tried_again() -> None:
    batch = LINE + b"\n" + LINE
    session = sorted_out(batch, {"idemflow.positions": "1-2"})
    ((content, attributes),) = session.at(SUCCESS)
    assert content == batch
    assert attributes["idemflow.positions"] == "1-2"
    assert len(session.penalized) == 1


@pytest.mark.parametrize("error", [STALE, BAD])
def test_an_error_is_never_taken_for_that_of_a_whole_batch(error: str) -> None:
    session = sorted_out(LINE + b"\n" + LINE, {"elasticsearch.bulk.error": error})
    assert session.at(SUCCESS)[0][0] == LINE + b"\n" + LINE


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (LINE + b"\n{", "the document is not a JSON object"),
        (b'{"id":1}', "the document has no id"),
        (b'{"_id":"\\x"}', "the document has no id"),
        (b'{"_id":7}', "the document has no id"),
        (b"", "the document has no id"),
    ],
)
def test_a_batch_that_is_not_sound_is_not_tried_for_ever(content: bytes, reason: str) -> None:
    ((_, attributes),) = sorted_out(content, {}).at(FAILURE)
    assert attributes["idemflow.reason"] == reason


def test_documents_of_the_ledger_are_tried_again_as_well() -> None:
    line = b'{"_id":"r1:uuid","pipeline":"p","run":"r1"}'
    kept = {"idemflow.kind": "manifest", "idemflow.id": "r1:uuid"}
    session = sorted_out(line, kept | {"elasticsearch.bulk.error": FULL})
    ((content, attributes),) = session.at(SUCCESS, kind="manifest")
    assert content == line
    assert attributes["idemflow.id"] == "r1:uuid"


@pytest.mark.parametrize("error", [BAD, STALE, "not json"])
@pytest.mark.parametrize("kind", ["manifest", "run"])
def test_an_entry_of_the_ledger_that_is_refused_waits_and_says_so(kind: str, error: str) -> None:
    """It is no record: as a dead letter it would be sent again as one, and the run never end."""
    log = Log()
    line = b'{"_id":"r1:uuid","pipeline":"p","run":"r1"}'
    attributes = {
        "idemflow.kind": kind,
        "idemflow.id": "r1:uuid",
        "idemflow.index": f"idemflow-{kind}s",
        "elasticsearch.bulk.error": error,
    }
    session = sorted_out(line, attributes, copies=2, log=log)
    assert [content for content, _ in session.at(SUCCESS, kind=kind)] == [line, line]
    assert session.at(FAILURE) == []
    assert len(session.penalized) == 2
    ((level, text),) = log.said
    assert level == "ERROR"
    assert text.startswith(f"an entry of the ledger, in idemflow-{kind}s, is refused")
    assert error == STALE or "bad date" in text or "not json" in text


def test_what_is_tried_again_is_told_once_a_reason() -> None:
    log = Log()
    sorted_out(LINE, of_batch(FULL), copies=3, log=log)
    assert log.said == [("WARNING", "3 documents not taken now and tried again: full")]


def test_a_dead_letter_is_told_by_its_reason_alone() -> None:
    log = Log()
    sorted_out(LINE, of_batch(BAD), log=log)
    assert log.said == []
