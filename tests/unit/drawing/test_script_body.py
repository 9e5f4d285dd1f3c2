"""The Script Bodies that steps become, run as the Python engine runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from idemflow.drawing.script_body import Name, compose
from idemflow.sources.script.step import collect
from idemflow.steps.dead_letter import keep
from idemflow.steps.identify import identify
from idemflow.steps.replay import unpack_letters
from idemflow.steps.triage import triage
from tests.unit.steps.fakes import FAILURE, SUCCESS, Context, Session

TRANSFORM = "import json\n\n\ndef clean(record):\n    return {'id': record['key']}\n"
# Names that the steps use themselves, or that NiFi gives a script beside the session.
RUDE = "json = index = version = identity = delete = rule = identify = sort = step = None\n"


def run(script: str, session: Session, **properties: str) -> None:
    """What the Python engine does with a script."""
    code = compile(script.replace("##{", "#{"), "Script Body", "exec")
    names: dict[str, Any] = {
        "__name__": "__main__",
        "__file__": "Script Body",
        "session": session,
        "context": Context(**properties),
        "REL_SUCCESS": SUCCESS,
        "REL_FAILURE": FAILURE,
    }
    exec(code, names)


def collect_body(script: str, function: str, batch: int = 1000) -> str:
    return compose(
        collect, "session", "REL_SUCCESS",
        script=script, generator=Name(function), pipeline="p", batch=batch,
    )  # fmt: skip


def identify_body(script: str = "", function: str | None = None, *, batch: bool = True) -> str:
    return compose(
        identify, "session", "context", "REL_SUCCESS", "REL_FAILURE",
        script=script, pipeline="p", batch=batch, transform=Name(function) if function else None,
    )  # fmt: skip


TRIAGE = compose(triage, "session", "REL_SUCCESS", "REL_FAILURE", pipeline="p", batch=True)
KEEP = compose(keep, "session", "REL_SUCCESS", pipeline="p")
UNPACK = compose(unpack_letters, "session", "REL_SUCCESS", "REL_FAILURE", pipeline="p")


@pytest.mark.parametrize(
    "script",
    [
        collect_body("def f(): ...", "f"),
        identify_body(),
        identify_body(TRANSFORM, "clean", batch=False),
        TRIAGE,
        KEEP,
        UNPACK,
    ],
)
def test_every_step_runs(script: str) -> None:
    run(script, Session(), identity='{"fields":["id"]}', index="i")


@pytest.mark.parametrize(
    "body", [collect_body(TRANSFORM, "clean"), identify_body(TRANSFORM, "clean")]
)
def test_the_users_script_comes_first_so_that_lines_agree(body: str) -> None:
    assert body.startswith(TRANSFORM)
    assert body.count("\n") - TRANSFORM.count("\n") <= 5


def test_without_a_script_there_is_an_import_and_a_call() -> None:
    for body in (TRIAGE, KEEP, UNPACK, identify_body()):
        first, second, third = body.splitlines()
        assert first == "from idemflow.steps import step as idemflow_step"
        assert second.startswith("idemflow_step('idemflow.steps.")
        assert third.startswith("    pipeline='p', ")


def test_what_nifi_would_read_as_a_parameter_is_escaped() -> None:
    source = "x = '#{name} ##{twice} # {no}'\ndef f(): ...\n"
    escaped = "x = '##{name} ####{twice} # {no}'"
    assert collect_body(source, "f").startswith(escaped)
    assert identify_body(source, "f").startswith(escaped)


def test_collect_as_a_script() -> None:
    source = RUDE + "def f(n):\n    for i in range(n):\n        yield {'id': i}\n"
    session = Session((b"", {"idemflow.run": "r", "idemflow.arguments": '{"n": 5}'}))
    run(collect_body(source, "f", batch=2), session)
    chunks = [content for content, _ in session.at(SUCCESS)]
    assert chunks == [b'{"id":0}\n{"id":1}', b'{"id":2}\n{"id":3}', b'{"id":4}']


@pytest.mark.parametrize("name", ["collect", "step", "idemflow", "idemflow_step", "idemflow_step_"])
def test_the_users_own_names_stay_theirs_while_the_step_runs(name: str) -> None:
    source = f"def {name}(i):\n    return {{'id': i}}\n\n\ndef f(n):\n    yield {name}(n)\n"
    session = Session((b"", {"idemflow.run": "r", "idemflow.arguments": '{"n": 5}'}))
    run(collect_body(source, "f"), session)
    assert [content for content, _ in session.at(SUCCESS)] == [b'{"id":5}']


def test_the_collected_function_may_have_the_name_of_the_step() -> None:
    session = Session((b"", {"idemflow.run": "r", "idemflow.arguments": "{}"}))
    run(collect_body("def collect():\n    yield {'id': 1}\n", "collect"), session)
    assert [content for content, _ in session.at(SUCCESS)] == [b'{"id":1}']


def test_identify_as_a_script_with_the_users_names_in_the_way() -> None:
    source = RUDE + TRANSFORM.replace("import json\n", "")
    session = Session((b'{"key":"a","at":"1970-01-01"}\n{}', {"idemflow.positions": "4-5"}))
    run(identify_body(source, "clean"), session, identity='{"fields":["id"]}', index="things")
    ((content, attributes),) = session.at(SUCCESS)
    assert content == b'{"_id":"a","id":"a"}'
    assert attributes["idemflow.index"] == "things"
    ((content, attributes),) = session.at(FAILURE)
    assert content == b"{}"
    line = 1 + source.split("\n").index("    return {'id': record['key']}")
    assert attributes["idemflow.reason"] == f"KeyError: 'key' (line {line} of the script)"


def test_identify_as_a_script_reads_its_rules_from_properties() -> None:
    session = Session((b'{"id":1,"n":7,"gone":true}', {}))
    rules = {
        "identity": '{"fields":["id"]}',
        "version": '{"field":"n","type":"integer"}',
        "delete": '{"field":"gone"}',
        "index": "i",
    }
    run(identify_body(), session, **rules)
    ((content, _),) = session.at(SUCCESS)
    assert json.loads(content) == {"_id": "1", "_version": 7, "idemflow_deleted": True}


def test_triage_and_dead_letters_as_scripts() -> None:
    error = '{"type":"document_parsing_exception","reason":"bad"}'
    session = Session((b'{"_id":"1","a":2}', {"elasticsearch.bulk.error": error}))
    run(TRIAGE, session)
    ((content, attributes),) = session.at(FAILURE)
    letters = Session((content, attributes))
    run(KEEP, letters)
    ((content, attributes),) = letters.at(SUCCESS)
    assert json.loads(content)["content"] == '{"a":2}'
    assert attributes["idemflow.index"] == "idemflow-dead-letters"


def test_the_docs_show_a_body() -> None:
    body = compose(
        collect, "session", "REL_SUCCESS", generator=Name("people"), pipeline="people", batch=5000
    )
    docs = Path(__file__).parents[3] / "docs/pipelines.md"
    assert f"```\n{body}```" in docs.read_text()
