"""``trace``: the life of documents of a real flow, and of runs that are folded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.book import Book
from tests.integration.tools import Idemflow, Project, wait_until

NAME, INDEX = "traced", "traced-docs"
HOSTILE = "it's \"\x1b[31m\x07\n [red]\u2028\\" + "é" * 244
LONG = "long " * 200
SCRIPT = f"""
HOSTILE = {HOSTILE!r}
LONG = {LONG!r}

def records(step):
    rows = {{
        1: [("kept", 1, 1), ("late", 5, 1), ("bad", 1, 1), ("gone", 1, 1), (HOSTILE, 1, 1),
            (LONG, 1, 1)],
        2: [("kept", 2, 2), ("late", 4, 2), ("bad", 2, "x"), ("gone", 2, None)],
        3: [("kept", 2, 2), ("bad", 3, 3)],
    }}
    for id, seq, age in rows[step]:
        yield {{"id": id, "seq": seq, "age": age, "gone": age is None}}
"""
EXTRA = """\
    version: {field: seq, type: integer}
    delete: gone
"""


@pytest.fixture
def command(idemflow: Idemflow, project: Project) -> Idemflow:
    project.pipeline(NAME, SCRIPT, EXTRA, age="integer")
    project.change(NAME, "function: records", "function: records\n  arguments: {step: 1}")
    project.change(NAME, f"  name: {NAME}", f"  name: {INDEX}")
    return idemflow.inside(project.path)


def test_the_life_of_documents(command: Idemflow) -> None:
    assert (
        "neither a pipeline nor an index 'nothing'" in command.fail("trace", "nothing", "a").stderr
    )
    command.json("run", NAME)
    command.json("run", NAME, "--set", "step=2", code=7)

    kept = command.json("trace", NAME, "kept")
    (now,) = kept["now"]
    last, first = kept["runs"]
    assert (now["index"], now["equal"], now["sent_by"]) == (f"{INDEX}-rows", True, last["run"])
    assert now["document"]["age"] == 2
    assert (last["outcome"], last["version"], last["position"]) == ("in_index", 2, "1")
    assert (first["outcome"], first["version"], first["trigger"]) == ("overwritten", 1, "command")
    assert last["content"] == now["content"] != first["content"]
    assert "#/process-groups/" in kept["canvas"][NAME]
    assert outcomes(command, NAME, "late") == ["stale", "in_index"]
    assert outcomes(command, INDEX, "gone") == ["deleted", "overwritten"]
    (by_index,) = command.json("trace", f"{INDEX}-rows", "kept", "--runs", "1")["runs"]
    assert by_index == last

    bad = command.json("trace", NAME, "bad")
    refused, before = bad["runs"]
    assert (refused["outcome"], refused["fate"], before["outcome"]) == (
        "dead_letter", "waits", "in_index",
    )  # fmt: skip
    assert "failed to parse field [age]" in refused["reason"]
    assert [one["id"] for one in bad["dead_letters"]] == [refused["letter"]]

    # With many documents a FlowFile NiFi cannot tell.
    assert command.json("trace", NAME, "kept", "--provenance")["provenance"]["flow_files"] == []
    assert (
        "a FlowFile is many documents" in command.ok("trace", NAME, "kept", "--provenance").stdout
    )

    # Any id works, and does nothing to the terminal.
    assert outcomes(command, NAME, HOSTILE) == ["in_index"]
    assert outcomes(command, NAME, LONG) == ["in_index"]
    shown = command.ok("trace", NAME, HOSTILE).stdout
    assert all(one.isprintable() or one == "\n" for one in shown)
    assert "in the index, as sent" in shown

    unknown = command.fail("trace", NAME, "KEPT")
    assert unknown.code == 2
    assert "nobody knows the id 'KEPT'" in unknown.stderr
    assert f"next: idemflow trace {NAME} kept" in unknown.stderr

    # What became of a dead letter that is gone.
    command.ok("dead-letters", "drop", NAME, "--all", "--yes")
    assert command.json("trace", NAME, "bad")["runs"][0]["fate"] == "dropped"
    command.json("run", NAME, "--set", "step=3")
    went_in, refused, _ = command.json("trace", NAME, "bad")["runs"]
    assert (went_in["outcome"], refused["fate"], refused["fate_run"]) == (
        "in_index", "went_in", went_in["run"],
    )  # fmt: skip
    assert outcomes(command, NAME, "kept") == ["in_index", "sent_again", "overwritten"]

    # Somebody else writes to the index.
    client = command.elasticsearch()
    client.index(index=f"{INDEX}-rows", id="kept", document={"age": 7}, refresh=True)
    client.index(index=f"{INDEX}-rows", id="stranger", document={"age": 7})
    assert command.json("trace", NAME, "kept")["now"][0]["state"] == "different"
    assert command.json("trace", NAME, "stranger")["now"][0]["state"] == "unknown_sender"
    assert "NOT what was sent last" in command.ok("trace", NAME, "kept").stdout
    client.indices.close(index=f"{INDEX}-rows")
    assert f"cannot read {INDEX}-rows" in command.fail("trace", NAME, "kept").stderr
    client.indices.open(index=f"{INDEX}-rows")
    client.close()


def test_what_is_known_of_runs_that_are_folded(command: Idemflow) -> None:
    command.json("deploy", NAME)
    ledger = command.ledger()
    book = Book(ledger, NAME, f"{INDEX}-rows")
    book.run({"p": "first", "same": "x"}, version=1)
    changed = book.run({"p": "changed", "same": "x"}, version=2)
    last = book.run({"same": "x"}, version=2)
    before = command.json("trace", NAME, "p")
    assert [one["folded"] for one in before["runs"]] == [False, False]
    assert book.prune().folded == 3
    newer = book.run({"p": "again"}, version=3)
    ledger.close()

    found = command.json("trace", NAME, "p")
    again, folded = found["runs"][:2]
    assert (found["runs_read"], found["folded_runs"]) == (before["runs_read"] - 2, 3)
    assert (again["run"], again["outcome"], again["folded"]) == (newer, "in_index", False)
    assert (folded["run"], folded["outcome"], folded["folded"]) == (changed, "overwritten", True)
    (same,) = command.json("trace", NAME, "same")["runs"]
    assert (same["run"], same["outcome"], same["records"]) == (last, "in_index", None)
    assert "3 earlier ones are folded" in command.ok("trace", NAME, "same").stdout


def outcomes(command: Idemflow, where: str, identifier: str) -> list[str]:
    return [one["outcome"] for one in command.json("trace", where, identifier)["runs"]]


def test_the_flow_files_of_a_document(idemflow: Idemflow, project: Project) -> None:
    """Where each document is a FlowFile of its own, NiFi still has it as it was sent."""
    name, star = "alone", "a*?\\B 'é'"
    script = f"""
        def records():
            yield {{"id": {star!r}, "n": 1}}
            yield {{"id": {star.lower()!r}, "n": 2}}
            yield {{"id": "axxB", "n": 3}}
    """
    project.pipeline(name, script, "    load: {batch: 1}\n")
    command = idemflow.inside(project.path)
    run = command.json("run", name)["runs"][0]["run"]
    assert command.json("trace", name, star)["provenance"] is None

    def asked() -> dict[str, Any]:
        found: dict[str, Any] = command.json("trace", name, star, "--provenance")["provenance"]
        return found

    wait_until(lambda: bool(asked()["flow_files"]), "NiFi has indexed its events")
    found = asked()
    (one,) = found["flow_files"]
    assert (one["run"], one["index"], found["why"]) == (run, name, "")
    assert json.loads(one["content"]) == {"id": star, "n": 1}
    assert "SEND Put documents" in one["events"]
    shown = command.ok("trace", name, star, "--provenance").stdout
    assert f"#/provenance?flowFileUuid={one['uuid']}" in shown
