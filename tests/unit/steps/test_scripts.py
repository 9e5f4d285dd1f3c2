"""The scripts that the steps become; NiFi runs them in tests/integration."""

from __future__ import annotations

import json
from typing import Any

import pytest

from idemflow import steps
from tests.unit.steps.fakes import FAILURE, SUCCESS, Session

TRANSFORM = "import json\n\n\ndef clean(record):\n    return {'id': record['key']}\n"
# Names that the steps use themselves, or that NiFi gives a script beside the session.
RUDE = "json = index = version = identity = delete = rule = identify = sort = None\n"


class Property:
    def __init__(self, value: str | None) -> None:
        self._value = value

    def getValue(self) -> str | None:  # noqa: N802
        return self._value


class Context:
    def __init__(self, **properties: str) -> None:
        self._properties = properties

    def getProperty(self, name: str) -> Property:  # noqa: N802
        return Property(self._properties.get(name))


def run(script: str, session: Session, **properties: str) -> None:
    """What the Python engine does with a script."""
    code = compile(script.replace("##{", "#{"), "Script Body", "exec")
    names: dict[str, Any] = {
        "__name__": "__main__",
        "session": session,
        "context": Context(**properties),
        "REL_SUCCESS": SUCCESS,
        "REL_FAILURE": FAILURE,
    }
    exec(code, names)


def scripts() -> list[str]:
    return [
        steps.collect_script("def f(): ...", "f", "p"),
        steps.identify_script("p", batch=True),
        steps.identify_script("p", batch=False, transform=(TRANSFORM, "clean")),
        steps.triage_script("p", batch=True),
        steps.dead_letter_script("p"),
    ]


@pytest.mark.parametrize("script", scripts())
def test_scripts_do_not_need_idemflow(script: str) -> None:
    assert "import idemflow" not in script
    assert "from idemflow" not in script
    run(script, Session(), identity='{"fields":["id"]}', index="i")


@pytest.mark.parametrize(
    "script",
    [
        steps.collect_script(TRANSFORM, "clean", "p"),
        steps.identify_script("p", batch=True, transform=(TRANSFORM, "clean")),
    ],
)
def test_the_users_script_comes_first_so_that_lines_agree(script: str) -> None:
    assert script.startswith(TRANSFORM)


def test_what_nifi_would_read_as_a_parameter_is_escaped() -> None:
    source = "x = '#{name} ##{twice} # {no}'\ndef f(): ...\n"
    escaped = "x = '##{name} ####{twice} # {no}'"
    assert steps.collect_script(source, "f", "p").startswith(escaped)
    assert steps.identify_script("p", batch=True, transform=(source, "f")).startswith(escaped)


def test_collect_as_a_script() -> None:
    source = RUDE + "def f(n):\n    for i in range(n):\n        yield {'id': i}\n"
    session = Session((b"", {"idemflow.run": "r", "idemflow.arguments": '{"n": 5}'}))
    run(steps.collect_script(source, "f", "p", batch=2), session)
    chunks = [content for content, _ in session.at(SUCCESS)]
    assert chunks == [b'{"id":0}\n{"id":1}', b'{"id":2}\n{"id":3}', b'{"id":4}']


def test_identify_as_a_script_with_the_users_names_in_the_way() -> None:
    source = RUDE + TRANSFORM.replace("import json\n", "")
    session = Session((b'{"key":"a","at":"1970-01-01"}\n{}', {"idemflow.positions": "4-5"}))
    script = steps.identify_script("p", batch=True, transform=(source, "clean"))
    run(script, session, identity='{"fields":["id"]}', index="things")
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
    run(steps.identify_script("p", batch=True), session, **rules)
    ((content, _),) = session.at(SUCCESS)
    assert json.loads(content) == {"_id": "1", "_version": 7, "idemflow_deleted": True}


def test_triage_and_dead_letters_as_scripts() -> None:
    error = '{"type":"document_parsing_exception","reason":"bad"}'
    session = Session((b'{"_id":"1","a":2}', {"elasticsearch.bulk.error": error}))
    run(steps.triage_script("p", batch=True), session)
    ((content, attributes),) = session.at(FAILURE)
    letters = Session((content, attributes))
    run(steps.dead_letter_script("p"), letters)
    ((content, attributes),) = letters.at(SUCCESS)
    assert json.loads(content)["content"] == '{"a":2}'
    assert attributes["idemflow.index"] == "idemflow-dead-letters"
