"""Dead letters whose documents have versions, and those of deletes, on the running servers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.letters import exported, listed, write
from tests.integration.tools import Idemflow, Project

pytestmark = pytest.mark.timeout(300)

# Rows as the run's argument has them: id/version/day, and a minus before what is deleted.
GIVEN = """
    def records(rows):
        for row in rows.split():
            key, seq, day = row.strip("-").split("/")
            yield {"id": key, "seq": int(seq), "day": day, "gone": row.startswith("-")}
"""
VERSIONED = "version: {field: seq, type: integer}\n"


def given(project: Project, name: str, extra: str) -> str:
    """A pipeline whose records are an argument of the run."""
    project.pipeline(name, GIVEN, extra, day="date")
    project.change(name, "function: records", 'function: records\n  arguments: {rows: ""}')
    return name


def run(command: Idemflow, name: str, rows: str) -> dict[str, Any]:
    """What became of these rows."""
    result = command.run("run", name, "--set", f"rows={rows}", "--json")
    (report,) = result.json()["runs"]
    assert (report["lost"], report["duplicates"]) == (0, 0)
    assert result.code == (7 if report["dead_letters"] else 0)
    return dict(report)


@pytest.mark.parametrize("batch", [1, 100])
@pytest.mark.parametrize("version", [VERSIONED, ""], ids=["versions", "no versions"])
def test_each_refused_delete_is_a_letter_of_its_own(
    idemflow: Idemflow, project: Project, batch: int, version: str
) -> None:
    name = f"letters-deletes-{batch}-{bool(version)}".lower()
    given(project, name, f"{version}delete: gone\nload: {{batch: {batch}}}\n")
    index = f"{name}-rows" if version else name
    command = idemflow.inside(project.path)
    command.ok("deploy", name)
    # Elasticsearch refuses whatever comes without a routing.
    elasticsearch = idemflow.elasticsearch()
    elasticsearch.indices.create(index=index, mappings={"_routing": {"required": True}})
    assert run(command, name, "-a/5/2026-01-02 -b/6/2026-01-02 c/5/2026-01-02")["dead_letters"] == 3

    letters = {one["record_id"]: one for one in listed(command, name)}
    assert {key: (one["version"], one["delete"]) for key, one in letters.items()} == (
        {"a": (5, True), "b": (6, True), "c": (5, False)}
        if version
        else {"a": (None, True), "b": (None, True), "c": (None, False)}
    )
    of = "record a version 5 (delete)" if version else "record a (delete)"
    assert of in command.ok("dead-letters", "list", name).stdout
    shown = command.ok("dead-letters", "show", name, letters["b"]["id"]).stdout
    assert "delete" in shown
    assert not version or "version  6" in shown
    # Still refused, each stays the letter that it is.
    again = command.json("dead-letters", "replay", name, code=7)
    assert (again["sent"], again["dead_letters"], again["left"]) == (3, 3, 3)
    after = {one["record_id"]: one for one in listed(command, name)}
    assert {key: one["id"] for key, one in after.items()} == {
        key: one["id"] for key, one in letters.items()
    }
    assert {(one["attempts"], one["step"]) for one in after.values()} == {(2, "Load")}

    elasticsearch.indices.delete(index=index)
    elasticsearch.indices.create(index=index)
    if not version:
        elasticsearch.index(index=index, id="a", document={"id": "a"}, refresh=True)
    replayed = command.json("dead-letters", "replay", name)
    assert (replayed["sent"], replayed["went_in"], replayed["left"]) == (3, 3, 0)
    assert sorted(dict(idemflow.ledger().documents(index))) == ["c"]
    assert command.json("verify", name)["equal"] is True
    if version:
        # The delete has its version: an older state of the record does not bring it back.
        assert run(command, name, "b/5/2026-01-02")["stale"] == 1
        assert run(command, name, "b/7/2026-01-02")["created"] == 1


@pytest.mark.parametrize("batch", [1, 100])
def test_of_one_id_a_record_goes_in_and_another_is_refused(
    idemflow: Idemflow, project: Project, batch: int
) -> None:
    """Both are counted, whichever of them is the newer one."""
    extra = f"{VERSIONED}delete: gone\nload: {{batch: {batch}}}\n"
    name = given(project, f"letters-beside-{batch}", extra)
    command = idemflow.inside(project.path)
    counted = ("sent", "created", "deleted", "dead_letters", "repeated")
    # Newer and refused; older and refused; older than a tombstone; both refused.
    for rows, counts in (
        ("a/1/2026-01-02 a/2/bad", (2, 1, 0, 1, 1)),
        ("b/1/bad b/2/2026-01-02", (2, 1, 0, 1, 1)),
        ("c/1/bad -c/2/2026-01-02", (2, 0, 1, 1, 1)),
        ("d/1/bad d/2/worse", (2, 0, 0, 2, 1)),
    ):
        report = run(command, name, rows)
        assert tuple(report[one] for one in counted) == counts, rows
    assert sorted(dict(idemflow.ledger().documents(f"{name}-rows"))) == ["a", "b"]
    again = command.json("dead-letters", "replay", name, code=7)
    assert (again["sent"], again["went_in"], again["dead_letters"], again["left"]) == (5, 0, 5, 5)


def test_a_tombstone_that_was_mended_into_a_record(
    idemflow: Idemflow, project: Project, tmp_path: Path
) -> None:
    name = given(project, "letters-undeleted", f"{VERSIONED}delete: gone\n")
    index = f"{name}-rows"
    command = idemflow.inside(project.path)
    command.ok("deploy", name)
    elasticsearch = idemflow.elasticsearch()
    elasticsearch.indices.create(index=index, mappings={"_routing": {"required": True}})
    run(command, name, "-a/5/2026-01-02 -b/6/2026-01-02 -c/6/2026-01-02")
    elasticsearch.indices.delete(index=index)
    file = tmp_path / "letters.ndjson"
    lines = {line["record_id"]: line for line in exported(command, name, file)}
    assert (lines["b"]["version"], lines["b"]["delete"]) == (6, True)
    lines["a"]["record"] = {"id": "a", "seq": 6, "day": "2026-05-06", "gone": False}
    write(file, [lines["a"], lines["b"]])
    report = command.json("dead-letters", "replay", name, "--file", str(file))
    assert (report["sent"], report["went_in"], report["left"]) == (2, 2, 1)
    assert dict(idemflow.ledger().documents(index))["a"]["seq"] == 6
    # A later run brings a newer state of the last one, and the letter goes.
    assert run(command, name, "c/7/2026-01-02")["created"] == 1
    assert listed(command, name) == []
    assert command.json("verify", name)["equal"] is True


def test_an_older_state_that_goes_in_later_leaves_the_letter_of_a_newer_one(
    idemflow: Idemflow, project: Project
) -> None:
    name = given(project, "letters-versions", VERSIONED)
    command = idemflow.inside(project.path)
    assert run(command, name, "7/5/never 8/5/never 9/1/2026-01-01")["dead_letters"] == 2
    newer = listed(command, name)
    # Accepted, as the index has none of it; then stale.
    assert run(command, name, "7/3/2026-01-03 8/4/2026-01-04")["created"] == 2
    assert run(command, name, "7/2/2026-01-02")["stale"] == 1
    assert {one["id"] for one in listed(command, name)} == {one["id"] for one in newer}
    found = command.json("verify", name)
    assert (found["equal"], found["documents"], found["expected"]) == (True, 3, 3)
    assert (found["behind_count"], found["behind"]) == (2, ["7", "8"])
    told = " ".join(command.ok("verify", name).stdout.split())
    assert "Of 2 documents a newer state is a dead letter: 7, 8" in told

    # The same state and a newer one get it in.
    assert run(command, name, "7/5/2026-01-05 8/6/2026-01-06")["overwritten"] == 2
    assert listed(command, name) == []
    assert command.json("verify", name)["behind_count"] == 0


def test_an_older_state_in_the_run_of_a_newer_one_that_was_refused(
    idemflow: Idemflow, project: Project
) -> None:
    name = given(project, "letters-one-run", VERSIONED)
    command = idemflow.inside(project.path)
    run(command, name, "7/3/2026-01-03 7/5/never")
    assert [one["version"] for one in listed(command, name)] == [5]
    found = command.json("verify", name)
    assert (found["equal"], found["behind"]) == (True, ["7"])


def test_a_letter_that_is_older_than_the_index_is_told_as_stale(
    idemflow: Idemflow, project: Project, tmp_path: Path
) -> None:
    name = given(project, "letters-stale", VERSIONED)
    command = idemflow.inside(project.path)
    run(command, name, "7/9/2026-01-09")
    run(command, name, "7/5/never")
    file = tmp_path / "letters.ndjson"
    (line,) = exported(command, name, file)
    assert command.json("verify", name)["behind"] == []
    line["record"]["day"] = "2026-01-05"
    write(file, [line])
    report = command.json("dead-letters", "replay", name, "--file", str(file))
    assert (report["sent"], report["stale"], report["left"]) == (1, 1, 0)
    assert dict(idemflow.ledger().documents(name))["7"]["seq"] == 9


def test_an_older_letter_replaces_no_newer_one(
    idemflow: Idemflow, project: Project, tmp_path: Path
) -> None:
    name = given(project, "letters-older", VERSIONED)
    command = idemflow.inside(project.path)
    run(command, name, "7/5/never")
    file = tmp_path / "letters.ndjson"
    (line,) = exported(command, name, file)
    # Mended into a newer state, and still bad; then the source gives the older one again.
    line["record"] |= {"seq": 6, "day": "soon"}
    write(file, [line])
    report = command.json("dead-letters", "replay", name, "--file", str(file), code=7)
    assert (report["dead_letters"], report["left"]) == (1, 1)
    assert run(command, name, "7/5/never")["dead_letters"] == 1
    letters = listed(command, name)
    assert sorted(one["version"] for one in letters) == [5, 6]
    (newer,) = (one["id"] for one in letters if one["version"] == 6)
    content = command.json("dead-letters", "show", name, newer)["content"]
    assert json.loads(content)["day"] == "soon"
