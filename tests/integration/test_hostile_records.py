"""Hostile and odd records on the running servers: none fails a run, odd ones arrive unchanged."""

from __future__ import annotations

import pytest

from tests.integration.letters import exported, listed, write
from tests.integration.tools import Idemflow, Project

pytestmark = pytest.mark.timeout(300)

HOSTILE = r"""
    def nested(levels):
        value = 1
        for _ in range(levels - 1):
            value = [value]
        return value

    class Broken:
        def __repr__(self):
            raise RuntimeError("no repr")
        __str__ = __eq__ = __hash__ = __repr__

    def records():
        yield {"id": "good 1"}
        yield {"id": "deep", "a": nested(2000)}
        yield {"id": "long", "n": 10**5000}
        yield {"id": "broken", "x": Broken()}
        yield {"id": "nan", "n": float("nan"), "t": "a\ud800", "b": b"12"}
        yield {"id": "deeper", "a": nested(600)}
        itself = {"id": "itself"}
        itself["x"] = itself
        yield itself
        yield {"id": "good 2", "a": nested(499)}
        yield {"id": "\x00\x1b[31m\x7f\u2028\u202e id"}
        yield {"id": "ü" * 300}
        yield {"id": "good 3", "n": 10**900, "t": "\x00\ufffe\U0010ffff"}
"""


def unmapped(project: Project, name: str, script: str) -> str:
    """A pipeline of whose documents Elasticsearch looks at no field."""
    project.pipeline(name, script)
    project.change(name, f"  name: {name}", f"  name: {name}\n  dynamic: false")
    return name


def test_no_record_fails_a_run(idemflow: Idemflow, project: Project) -> None:
    name = unmapped(project, "hostile", HOSTILE)
    command = idemflow.inside(project.path)
    report = command.json("run", name, code=7)
    run = report["runs"][0]
    assert (run["sent"], run["created"], run["dead_letters"], run["lost"]) == (11, 5, 6, 0)
    kept = {letter["position"]: letter for letter in listed(command, name)}
    assert sorted(kept, key=int) == ["2", "3", "4", "5", "6", "7"]
    for position, reason in {
        "2": "nested more than 500 levels deep",
        "3": "the field 'n' has more than 4,300 digits",
        "4": "the field 'x' is a Broken, which has no JSON form",
        "5": "the field 'n' is nan, which is no number of JSON; texts stand for it here, and for "
             "'t', 'b'",
        "6": "record 6 is nested more than 500 levels deep",
        "7": "the field 'x' contains itself",
    }.items():  # fmt: skip
        assert reason in kept[position]["reason"]
    assert command.json("verify", name)["equal"] is True

    found = dict(idemflow.ledger().documents(name))
    long = [identifier for identifier in found if identifier.startswith("sha256:")]
    assert found[long[0]] == {"id": "ü" * 300}
    assert "\x00\x1b[31m\x7f\u2028\u202e id" in found
    assert found["good 3"] == {"id": "good 3", "n": 10**900, "t": "\x00\ufffe\U0010ffff"}

    # As it is, none of them goes in; mended it does.
    replayed = command.json("dead-letters", "replay", name, code=7)
    assert (replayed["sent"], replayed["went_in"], replayed["dead_letters"]) == (6, 0, 6)
    assert {letter["id"] for letter in listed(command, name)} == {
        letter["id"] for letter in kept.values()
    }
    file = project.path / "letters.ndjson"
    lines = {line["position"]: line for line in exported(command, name, file)}
    record = lines["5"]["record"]
    assert record == {"id": "nan", "n": "nan", "t": "a\\ud800", "b": "b'12'"}
    lines["5"]["record"] |= {"n": 1.5}
    write(file, [lines["5"]])
    assert command.json("dead-letters", "replay", name, "--file", str(file))["went_in"] == 1
    assert dict(idemflow.ledger().documents(name))["nan"] == record | {"n": 1.5}


EXACT = """
    from decimal import Decimal

    def records():
        yield {"id": 1, "n": Decimal("12345678901234567.891")}
        yield {"id": 2, "n": Decimal("0.10000000000000000001"), "b": 2**63 + 1}
        yield {"id": 3, "n": 0.1}
"""


def test_digits_that_are_lost_on_the_way_are_told(idemflow: Idemflow, project: Project) -> None:
    name = unmapped(project, "digits", EXACT)
    command = idemflow.inside(project.path)
    command.json("run", name)
    assert command.json("verify", name)["equal"] is True
    with idemflow.elasticsearch() as elasticsearch:
        # What a processor that goes through doubles makes of the first.
        elasticsearch.index(index=name, id="1", document={"id": 1, "n": 12345678901234567.891})
    verified = command.run("verify", name, "--json")
    assert (verified.code, verified.json()["different"]) == (5, ["1"])


def test_verify_names_a_foreign_document_that_python_cannot_read(
    idemflow: Idemflow, project: Project
) -> None:
    name = unmapped(project, "foreign", "def records():\n    yield {'id': 1}\n")
    command = idemflow.inside(project.path)
    command.json("run", name)
    deep = "[" * 985 + "]" * 985
    with idemflow.elasticsearch() as elasticsearch:
        body = f'{{"a":{deep}}}'.encode()
        elasticsearch.perform_request(
            "PUT", f"/{name}/_doc/deep", params={"refresh": "true"}, body=body,
            headers={"content-type": "application/json", "accept": "application/json"},
        )  # fmt: skip
    verified = command.run("verify", name, "--json")
    assert verified.code == 5
    assert verified.json()["extra"] == ["deep"]
    assert "Traceback" not in command.run("verify", name).stderr
