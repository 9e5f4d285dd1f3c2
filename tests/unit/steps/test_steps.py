"""The steps' own logic, and the scripts that they become; NiFi runs them in tests/integration."""

import json
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from idemflow import steps
from idemflow.steps.collect import describe
from idemflow.steps.dead_letter import letter
from idemflow.steps.triage import judge


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ({"id": 1, "name": "ü"}, '{"id":1,"name":"ü"}'),
        ({"at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)}, '{"at":"2026-01-02T03:04:05+00:00"}'),
        ({"day": date(2026, 1, 2)}, '{"day":"2026-01-02"}'),
        ({"u": UUID(int=1)}, '{"u":"00000000-0000-0000-0000-000000000001"}'),
    ],
)
def test_a_record_keeps_its_fields_in_order(record: object, text: str) -> None:
    assert describe(record, 1) == (text, None)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ([1, 2], "record 7 is a list, not a dict"),
        (None, "record 7 is a NoneType, not a dict"),
        ("text", "record 7 is a str, not a dict"),
        ({"a": {1, 2}}, "a set has no JSON form"),
        ({"a": float("nan")}, "not JSON compliant"),
        ({(1, 2): 3}, "keys must be str"),
        ({"a": "\ud800"}, "surrogates not allowed"),
    ],
)
def test_what_is_no_record_gets_a_reason(record: object, reason: str) -> None:
    text, found = describe(record, 7)
    assert found is not None
    assert reason in found
    text.encode()


def test_a_record_that_contains_itself_gets_a_reason() -> None:
    record: dict[str, object] = {}
    record["self"] = record
    assert "Circular" in str(describe(record, 1)[1])


@pytest.mark.parametrize(
    ("error", "content", "verdict"),
    [
        (None, b'{"id":1}', "retry"),
        (None, b"[1]", "dead"),
        (None, b"{", "dead"),
        ('{"type":"version_conflict_engine_exception","reason":"x"}', b"{}", "stale"),
        ('{"status":409,"error":{"type":"version_conflict_engine_exception"}}', b"{}", "stale"),
        ('{"type":"es_rejected_execution_exception","reason":"full"}', b"{}", "retry"),
        ('{"status":429,"error":{"type":"anything"}}', b"{}", "retry"),
        ('{"type":"cluster_block_exception","reason":"disk"}', b"{}", "retry"),
        ('{"type":"document_parsing_exception","reason":"bad date"}', b"{}", "dead"),
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


def test_a_dead_letter_keeps_the_content_whatever_it_is() -> None:
    known = dict.fromkeys(("run", "id", "position", "step", "reason"))
    kept = letter(known, b"\xff{", "people")
    assert kept["content"] == "\\xff{"
    json.dumps(kept)


def test_the_users_script_comes_first_so_that_lines_agree() -> None:
    source = "def things():\n    yield {}\n"
    script = steps.collect_script(source, "things", "p")
    assert script.startswith(source)
    compile(script, "things", "exec")


def test_scripts_do_not_need_idemflow() -> None:
    for script in (
        steps.collect_script("def f(): ...", "f", "p"),
        steps.identify_script("p"),
        steps.triage_script("p"),
        steps.dead_letter_script("p"),
    ):
        assert "import idemflow" not in script
        assert "from idemflow" not in script
        compile(script, "step", "exec")


def test_what_nifi_would_read_as_a_parameter_is_escaped() -> None:
    script = steps.collect_script("x = '#{name} ##{twice} # {no}'\ndef f(): ...\n", "f", "p")
    assert script.startswith("x = '##{name} ####{twice} # {no}'")
