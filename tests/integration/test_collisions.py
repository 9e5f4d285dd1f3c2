"""What no run hides: ids that are there twice, another identity, a snapshot that lacks much."""

from __future__ import annotations

from typing import Any

import pytest

from idemflow.canvas import client
from tests.integration.test_versions_and_snapshots import documents, equal, records, run
from tests.integration.tools import (
    COUNTING,
    Git,
    Idemflow,
    Project,
    Result,
    commit_pipeline,
    deployed_from_git,
    remove_pipeline,
)

pytestmark = pytest.mark.timeout(300)

COLLIDING = "def records():\n    for n in range(100):\n        yield {'id': n % 60, 'n': n}\n"
REPEATING = "def records():\n    for n in range(100):\n        yield {'id': n % 60}\n"
PEOPLE = [{"id": n, "code": f"c{n}", "at": n} for n in range(10)]


def unique(project: Project, name: str, what: str) -> None:
    project.change(name, "identity: id", f"identity: {{fields: id, unique: {what}}}")


def report_of(result: Result) -> dict[str, Any]:
    """The report of the one run of a command."""
    (report,) = result.json()["runs"]
    return dict(report)


@pytest.mark.parametrize("batch", [1, 5000], ids=["one", "lines"])
def test_different_records_under_one_id_fail_the_run(
    idemflow: Idemflow, project: Project, batch: int
) -> None:
    name = project.pipeline(f"colliding-{batch}", COLLIDING, f"load: {{batch: {batch}}}\n")
    command = idemflow.inside(project.path)
    result = command.fail("run", name, "--json")
    report = report_of(result)
    assert (report["sent"], report["created"], report["overwritten"]) == (100, 60, 0)
    assert (report["repeated"], report["collisions"], report["lost"]) == (40, 40, 0)
    first, second = report["examples"]
    assert (first["id"], second["id"]) == ("0", "1")
    assert [one["position"] for one in first["records"]] == [1, 61]
    assert len({one["content"] for one in first["records"]}) == 2
    assert result.code == 5
    assert "40 records have an id that another record of the run has" in result.stderr
    assert "unique: allow" in result.stderr


def test_an_id_as_text_and_as_a_number_is_one_id(idemflow: Idemflow, project: Project) -> None:
    ids = [5, "5", 1, 1.0, 0, -0.0, "1.0", 10**20, "1" + "0" * 20]
    name = project.pipeline(
        "one-id", f"def records():\n    for n in {ids}:\n        yield {{'id': n}}\n"
    )
    project.change(name, f"  name: {name}", f"  name: {name}\n  dynamic: false")
    command = idemflow.inside(project.path)
    result = command.fail("run", name, "--json")
    report = report_of(result)
    assert (report["sent"], report["created"], report["lost"]) == (9, 5, 0)
    assert (report["repeated"], report["collisions"]) == (4, 4)
    assert sorted(documents(idemflow, name)) == ["0", "1", "1.0", "1" + "0" * 20, "5"]
    assert result.code == 5
    assert "4 records have an id that another record of the run has" in result.stderr

    unique(project, name, "warn")
    shown = command.ok("run", name).stdout
    assert "nothing lost" not in shown
    assert "4 records have an id that another record of the run has" in shown


def test_who_allows_collisions_is_told_of_them(idemflow: Idemflow, project: Project) -> None:
    name = project.pipeline("warned", COLLIDING)
    command = idemflow.inside(project.path)
    shown = command.fail("run", name).stdout
    assert "nothing lost" not in shown
    assert "0: record 1 (" in shown
    assert ") and record 61 (" in shown
    verified = command.fail("verify", name)
    assert verified.code == 5
    assert "exactly what was sent" not in verified.stdout
    assert "40 records" in verified.stdout

    unique(project, name, "warn")
    shown = command.ok("run", name).stdout
    assert "nothing lost" not in shown
    assert "40 records have an id that another record of the run has" in shown
    assert "exactly what was sent" not in command.ok("verify", name).stdout

    project.change(name, "unique: warn", "unique: allow")
    shown = command.ok("run", name).stdout
    assert "repeated" in shown
    assert "60 documents in warned: nothing twice, nothing lost" in shown
    assert command.json("verify", name)["collisions"] == 40


def test_equal_records_under_one_id_are_repeats(idemflow: Idemflow, project: Project) -> None:
    name = project.pipeline("repeating", REPEATING)
    command = idemflow.inside(project.path)
    result = command.fail("run", name, "--json")
    report = report_of(result)
    assert (report["created"], report["repeated"], report["collisions"]) == (60, 40, 0)
    assert result.code == 5
    assert "with equal contents" in result.stderr
    # Nothing is missing from the index, and it says so.
    assert command.json("verify", name)["equal"] is True


def test_with_a_version_collisions_warn(idemflow: Idemflow, project: Project) -> None:
    name = project.pipeline("versioned", COLLIDING, "version: {field: n, type: integer}\n")
    report = run(idemflow, project, name)
    assert (report["repeated"], report["collisions"]) == (40, 40)
    assert (report["overwritten"], report["stale"]) == (0, 0)
    assert sorted(found["n"] for found in documents(idemflow, name).values()) == [*range(40, 100)]
    assert equal(idemflow, project, name)


def test_a_snapshot_with_collisions_is_held_back(idemflow: Idemflow, project: Project) -> None:
    name = project.pipeline("held", records({"id": 1, "n": 0}), "mode: snapshot\n")
    run(idemflow, project, name)
    project.pipeline(name, COLLIDING, "mode: snapshot\n")
    command = idemflow.inside(project.path)
    command.json("deploy", name)
    result = command.fail("run", name, "--json")
    report = report_of(result)
    assert (report["repeated"], report["published"]) == (40, None)
    assert result.code == 5
    assert "held keeps what it has" in result.stderr
    assert documents(idemflow, name) == {"1": {"id": 1, "n": 0}}
    # What readers see is what was sent for it.
    assert equal(idemflow, project, name)

    unique(project, name, "allow")
    assert run(idemflow, project, name)["published"]
    assert len(documents(idemflow, name)) == 60


def test_a_snapshot_of_refused_records_is_held_back(idemflow: Idemflow, project: Project) -> None:
    name = project.pipeline("shrunk", records(*({"id": n} for n in range(9))), "mode: snapshot\n")
    run(idemflow, project, name)
    project.pipeline(
        name,
        "def records():\n    yield {'id': 'good'}\n"
        "    for n in range(999):\n        yield {'id': n, 'day': 'no day'}\n",
        "mode: snapshot\n",
        day="date",
    )
    command = idemflow.inside(project.path)
    command.json("deploy", name)
    result = command.fail("run", name, "--json")
    assert report_of(result)["published"] is None
    assert result.code not in (0, 1)
    assert "999 of 1,000 records were refused" in result.stderr
    assert "failed to parse field [day]" in result.stderr
    assert "shrunk keeps what it has" in result.stderr
    assert "idemflow dead-letters list shrunk" in result.stderr
    assert len(documents(idemflow, name)) == 9
    assert command.json("dead-letters", "list", name)["total"] == 999

    # Held back again: the letters of both are there. Allowed: those of before are not.
    assert command.fail("run", name, "--allow-refused", "998").code not in (0, 1)
    assert command.json("dead-letters", "list", name)["total"] == 999
    assert report_of(command.run("run", name, "--allow-refused", "999", "--json"))["published"]
    assert [*documents(idemflow, name)] == ["good"]
    assert command.json("dead-letters", "list", name)["total"] == 999

    # A snapshot of nothing is an empty one, whatever was sent.
    project.pipeline(name, "def records():\n    yield {'id': 1, 'day': 'no'}\n",
                     "mode: snapshot\nsnapshot: {max_refused: 100%}\n", day="date")  # fmt: skip
    command.json("deploy", name)
    assert "gave none of 1 that is loaded" in command.fail("run", name).stderr
    assert command.run("run", name, "--allow-empty", "--json").json()["documents"] == 0


def test_another_identity_is_refused(idemflow: Idemflow, project: Project) -> None:
    name = project.pipeline("renamed", records(*PEOPLE))
    run(idemflow, project, name)
    project.change(name, "identity: id", "identity: code")
    command = idemflow.inside(project.path)
    refused = command.fail("deploy", name)
    assert refused.code == 2
    assert "10 documents" in refused.stderr
    assert "from id; now they come from code" in refused.stderr
    for way in ("index.name", "mode: snapshot", "--keep-old-documents"):
        assert way in refused.stderr
    planned = command.json("deploy", name, "--dry-run")["changes"]
    assert "identity" in [change["property"] for change in planned]

    # Neither a group that is drawn anew nor a lost mark makes it forget: the documents tell.
    client.connect(idemflow.target().nifi)
    remove_pipeline(name)
    assert command.fail("deploy", name).code == 2
    with idemflow.elasticsearch() as elasticsearch:
        elasticsearch.delete(index="idemflow-manifests", id=f"identity:{name}:{name}")
    assert "10 documents" in command.fail("deploy", name).stderr

    command.json("deploy", name, "--keep-old-documents")
    assert command.json("run", name)["documents"] == 20
    verified = command.ok("verify", name)
    assert "exactly what was sent" not in verified.stdout
    assert "10 documents" in verified.stdout
    # What was decided once is not asked again.
    command.json("deploy", name)


def test_another_identity_for_what_is_empty_or_built_anew(
    idemflow: Idemflow, project: Project
) -> None:
    name = project.pipeline("rebuilt", records(*PEOPLE), "mode: snapshot\n")
    assert run(idemflow, project, name)["created"] == 10
    project.change(name, "identity: id", "identity: code")
    run(idemflow, project, name)
    assert sorted(documents(idemflow, name)) == [f"c{n}" for n in range(10)]
    assert equal(idemflow, project, name)

    name = project.pipeline("emptied", records(*PEOPLE))
    run(idemflow, project, name)
    with idemflow.elasticsearch() as elasticsearch:
        elasticsearch.indices.delete(index=name)
    project.change(name, "identity: id", "identity: [id, code]")
    assert run(idemflow, project, name)["created"] == 10


def test_a_version_with_another_identity_is_refused(
    idemflow: Idemflow, project: Project, git: Git
) -> None:
    commit_pipeline(project, git, "earlier", COUNTING, "{count: 3}")
    with deployed_from_git(idemflow.inside(project.path), "earlier") as command:
        version = command.json("flow", "commit", "earlier", "-m", "By id")["version"]["id"]
        command.json("run", "earlier")
        project.change("earlier", "identity: id", "identity: [id]\ntransform: {}")
        project.change("earlier", "identity: [id]\ntransform: {}", "identity: {content-hash: true}")
        command.json("deploy", "earlier", "--keep-old-documents")
        for arguments in (("flow", "checkout", "earlier", version), ("flow", "rollback", "earlier"),
                          ("deploy", f"earlier@{version}")):  # fmt: skip
            refused = command.fail(*arguments)
            assert refused.code == 2
            assert "from a hash of the record; now they come from id" in refused.stderr
        command.json("deploy", f"earlier@{version}", "--keep-old-documents")
