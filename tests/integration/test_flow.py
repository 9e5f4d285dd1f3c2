"""Versions of flows: the commands on a running NiFi, next to git's own view."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nipyapi
import pytest

from idemflow.canvas import control, monitoring, ownership, process_groups, versions
from idemflow.canvas.flow import PUT
from tests.integration.tools import (
    COUNTING,
    Git,
    Idemflow,
    Project,
    commit_pipeline,
    deployed_from_git,
    group_in,
    move_group,
    remove_pipeline,
    set_tasks,
    tasks,
    wait_until,
    waiting,
)

pytestmark = pytest.mark.timeout(600)

NAME = "versioned"
FILE = f"flows/pipelines/{NAME}.json"


@pytest.fixture
def command(idemflow: Idemflow, project: Project, git: Git) -> Iterator[Idemflow]:
    """A pipeline in a project under git, deployed and running."""
    commit_pipeline(project, git, NAME, COUNTING, "{count: 3}")
    with deployed_from_git(idemflow.inside(project.path), NAME) as made:
        yield made


def step(name: str) -> Any:
    return process_groups.trigger(process_groups.find_id(NAME), name)


def change(before: str, after: str) -> list[dict[str, str]]:
    return [
        {
            "component": f"{NAME} / Load / {PUT}",
            "property": "concurrentlySchedulableTaskCount",
            "before": before,
            "after": after,
        }
    ]


def put_in(flow: dict[str, Any]) -> dict[str, Any]:
    """The step of :func:`set_tasks` in a version's file."""
    (found,) = (
        part
        for group in flow["flowContents"]["processGroups"]
        for part in group["processors"]
        if part["name"] == PUT
    )
    assert isinstance(found, dict)
    return found


def status(command: Idemflow) -> Any:
    (found,) = command.json("flow", "status", NAME)["pipelines"]
    return found


def test_commit_drift_diff_checkout_rollback_tag(command: Idemflow, git: Git) -> None:
    assert status(command)["state"] == "not under version control"
    first = command.json("flow", "commit", NAME, "-m", "Load it")["version"]["id"]
    assert git("rev-parse", "HEAD") == first
    assert git("log", "-1", "--format=%an|%s", "--", FILE) == "admin|Load it"
    assert git("status", "--porcelain") == ""
    assert status(command)["state"] == "up to date"
    assert command.json("drift", NAME)["pipelines"][0]["drift"] is False
    assert command.json("flow", "tag", NAME, "v1")["tag"] == f"{NAME}@v1"
    assert git("rev-parse", f"{NAME}@v1") == first
    secret = command.target().loader.password
    assert secret
    assert secret not in git("log", "-p")

    set_tasks(NAME, 3)
    drifted = command.run("drift", NAME, "--json")
    assert drifted.code == 6
    assert "has drifted" in drifted.stderr
    (found,) = drifted.json()["pipelines"]
    assert found["from_git"] == change("1", "3")
    assert found["from_yaml"] == change("3", "1")
    assert command.json("flow", "diff", NAME)["changes"] == change("1", "3")
    for arguments in (("deploy", NAME), ("flow", "checkout", NAME, "v1")):
        refused = command.fail(*arguments)
        assert "was changed on the canvas" in refused.stderr
        assert "--force discards it" in refused.stderr
    assert tasks(NAME) == 3
    assert "a tag would not have them" in command.fail("flow", "tag", NAME, "v2").stderr

    second = command.json("flow", "commit", NAME, "-m", "Three tasks")["version"]["id"]
    assert git("rev-parse", "HEAD") == second
    diff = git("diff", "-U0", first, second).splitlines()
    assert [line.replace(" ", "") for line in diff if line[:2] in ("- ", "+ ")] == [
        '-"concurrentlySchedulableTaskCount":1,',
        '+"concurrentlySchedulableTaskCount":3,',
    ]
    assert command.json("flow", "commit", NAME, "-m", "Nothing")["changed"] is False
    assert command.json("flow", "tag", NAME, "v2")["tag"] == f"{NAME}@v2"
    assert "names" in command.fail("flow", "tag", NAME, "v1").stderr
    assert command.json("flow", "diff", NAME, "v1", "v2")["changes"] == change("1", "3")
    listed = command.json("flow", "log", NAME)["versions"]
    assert [(one["comment"], one["tags"], one["current"]) for one in listed] == [
        ("Three tasks", [f"{NAME}@v2"], True),
        ("Load it", [f"{NAME}@v1"], False),
    ]

    assert command.json("flow", "rollback", NAME)["version"]["id"] == first
    assert tasks(NAME) == 1
    assert step(PUT).component.state == "RUNNING"
    assert status(command)["state"] == "a newer version is in git"
    assert "is the first version" in command.fail("flow", "rollback", NAME).stderr
    command.json("flow", "checkout", NAME, second[:10])
    assert tasks(NAME) == 3
    set_tasks(NAME, 7)
    command.json("flow", "checkout", NAME, "v2", "--force")
    assert tasks(NAME) == 3
    assert command.fail("flow", "checkout", NAME, "v9").code == 2
    assert command.json("run", NAME)["documents"] == 3


def test_the_mark_of_ownership_is_in_no_version_and_survives_all_of_them(
    command: Idemflow, project: Project
) -> None:
    group, place = process_groups.find_id(NAME), ownership.find(NAME)
    mark = place.mark
    assert mark is not None
    assert mark.group == group
    first = command.json("flow", "commit", NAME, "-m", "One")["version"]["id"]
    assert mark.project not in (project.path / FILE).read_text()
    area = group_in("root", "area")
    move_group(group, area.id)
    set_tasks(NAME, 2)
    second = command.json("flow", "commit", NAME, "-m", "Two")["version"]["id"]
    command.json("flow", "checkout", NAME, first)
    assert ownership.find(NAME).mark == mark
    # As the canvas' own menu does it: Change version, Stop version control.
    versions.change(group, second)
    assert command.json("drift", NAME, "--from", "git")["pipelines"][0]["from_git"] == []
    nipyapi.versioning.stop_flow_ver(nipyapi.canvas.get_process_group(group, "id"))
    assert ownership.find(NAME).mark == mark
    (found,) = (one for one in command.json("status")["pipelines"] if one["name"] == NAME)
    assert found["state"] == "running"
    remove_pipeline(NAME)
    process_groups.delete(area.id)
    command.json("deploy", f"{NAME}@{first}")
    again = ownership.find(NAME)
    assert again.mark is not None
    assert (again.mark.project, again.mark.group) == (mark.project, again.group)


def test_what_is_queued_stays_and_what_ran_runs(
    command: Idemflow, project: Project, git: Git
) -> None:
    first = command.json("flow", "commit", NAME, "-m", "One")["version"]["id"]
    set_tasks(NAME, 2)
    second = command.json("flow", "commit", NAME, "-m", "Two")["version"]["id"]
    group, put = process_groups.find_id(NAME), step(PUT).id
    nipyapi.canvas.schedule_processor(step(PUT), False)
    control.run_once(group)
    wait_until(lambda: waiting(NAME) == 3, "three records wait")
    command.json("flow", "checkout", NAME, first)
    assert (waiting(NAME), tasks(NAME), step(PUT).id) == (3, 1, put)
    assert step(PUT).component.state == "STOPPED"
    assert step("Identify records").component.state == "RUNNING"
    control.stop(group)
    command.json("deploy", f"{NAME}@{second}")
    assert (waiting(NAME), tasks(NAME), step(PUT).id) == (3, 2, put)
    assert monitoring.activity(group).running == 0

    # The YAML, with the group under version control: a commit, and nothing is drawn anew.
    project.change(NAME, "identity: id", "identity: id\nload: {tasks: 4}")
    assert command.run("drift", NAME, "--from", "git").code == 0
    assert command.run("drift", NAME, "--from", "yaml").code == 6
    assert {one["after"] for one in command.json("deploy", NAME)["changes"]} == {"4"}
    assert (tasks(NAME), step(PUT).id, status(command)["state"]) == (4, put, "up to date")
    assert git("log", "-1", "--format=%s") == f"Deploy flows/{NAME}.yaml"
    wait_until(lambda: monitoring.activity(group).queued == 0, "what waited is loaded")
    assert command.json("verify", NAME)["documents"] == 3


def test_a_version_elsewhere_with_other_parameters(
    command: Idemflow, project: Project, git: Git
) -> None:
    first = command.json("flow", "commit", NAME, "-m", "One")["version"]["id"]
    command.json("flow", "tag", NAME, "v1")
    set_tasks(NAME, 5)
    command.json("flow", "commit", NAME, "-m", "Five")
    remove_pipeline(NAME)
    project.change(NAME, "count: 3", "count: 2")
    assert command.fail("drift", f"{NAME}@v1").code == 6
    deployed = command.json("deploy", f"{NAME}@v1")
    assert deployed["created"] is True
    assert tasks(NAME) == 1
    assert status(command)["version"]["id"] == first
    assert command.json("drift", f"{NAME}@v1")["pipelines"][0]["drift"] is False
    assert command.json("run", NAME)["runs"][0]["sent"] == 2
    assert command.json("deploy", f"{NAME}@v1")["changes"] == []
    assert git("status", "--porcelain") == f"M flows/{NAME}.yaml"


def test_a_conflict(command: Idemflow, project: Project, git: Git) -> None:
    first = command.json("flow", "commit", NAME, "-m", "One")["version"]["id"]
    file = project.path / FILE
    old = '"yieldDuration": "1 sec"'
    file.write_text(file.read_text().replace(old, '"yieldDuration": "2 sec"'))
    git("commit", "-q", "-a", "-m", "By hand")
    hand = git("rev-parse", "HEAD")
    set_tasks(NAME, 3)
    refused = command.fail("flow", "commit", NAME, "-m", "Three")
    assert f"changed in git since version {first}" in refused.stderr
    assert "--force" in refused.stderr
    assert git("rev-parse", "HEAD") == hand
    assert tasks(NAME) == 3
    forced = command.json("flow", "commit", NAME, "-m", "Three", "--force")["version"]["id"]
    assert git("log", "--format=%H", "--", FILE).splitlines() == [forced, hand, first]


def test_the_yaml_buries_no_newer_version(command: Idemflow, project: Project, git: Git) -> None:
    first = command.json("flow", "commit", NAME, "-m", "One")["version"]["id"]
    file = project.path / FILE
    committed = file.read_text()
    old = '"yieldDuration": "1 sec"'
    file.write_text(committed.replace(old, '"yieldDuration": "2 sec"'))
    git("commit", "-q", "-a", "-m", "By hand")
    hand = git("rev-parse", "HEAD")
    project.change(NAME, "identity: id", "identity: id\nload: {tasks: 4}")
    refused = command.fail("deploy", NAME)
    told = " ".join(refused.stderr.split())
    assert f"git has a newer version of {NAME} than the canvas: {hand[:9]}" in told
    assert "'By hand' by Human" in told
    assert f"idemflow flow checkout {NAME} {hand[:9]} takes it" in told
    assert (git("rev-parse", "HEAD"), tasks(NAME)) == (hand, 1)
    assert status(command)["version"]["id"] == first

    # As the message says: take it, and deploy on top of it.
    command.json("flow", "checkout", NAME, hand[:9])
    command.json("deploy", NAME)
    third = git("rev-parse", "HEAD")
    assert (git("log", "-1", "--format=%s"), tasks(NAME)) == (f"Deploy flows/{NAME}.yaml", 4)

    # Or by force. It stays in git then.
    file.write_text(committed)
    git("commit", "-q", "-m", "By hand again", "--", FILE)
    again = git("rev-parse", "HEAD")
    project.change(NAME, "load: {tasks: 4}", "load: {tasks: 2}")
    command.fail("deploy", NAME)
    command.json("deploy", NAME, "--force")
    forced = git("rev-parse", "HEAD")
    assert git("log", "--format=%H", "--", FILE).splitlines() == [forced, again, third, hand, first]
    assert (tasks(NAME), status(command)["state"]) == (2, "up to date")

    # The same flow committed by somebody else is no conflict.
    set_tasks(NAME, 3)
    flow = json.loads(file.read_text())
    put_in(flow)["concurrentlySchedulableTaskCount"] = 3
    file.write_text(json.dumps(flow, indent=2, sort_keys=True) + "\n")
    git("commit", "-q", "-m", "The same", "--", FILE)
    same = git("rev-parse", "HEAD")
    done = command.json("flow", "commit", NAME, "-m", "Three tasks")
    assert (done["version"]["id"], done["changed"]) == (same, False)
    assert (git("rev-parse", "HEAD"), status(command)["state"]) == (same, "up to date")


def test_a_version_that_does_not_work_is_taken_back(
    command: Idemflow, project: Project, git: Git
) -> None:
    first = command.json("flow", "commit", NAME, "-m", "One")["version"]["id"]
    file = project.path / FILE
    good = file.read_text()
    flow = json.loads(good)
    put = put_in(flow)
    kind = put["type"]
    for field, bad, told in (
        ("type", "org.example.NoSuchProcessor", "this NiFi has no org.example.NoSuchProcessor"),
        ("concurrentlySchedulableTaskCount", 2, "'Index' is invalid"),
    ):
        put["type"] = kind
        put[field] = bad
        if field != "type":
            put["properties"] = {
                key: value
                for key, value in put["properties"].items()
                if value != "${idemflow.index}"
            }
        file.write_text(json.dumps(flow, indent=2, sort_keys=True) + "\n")
        git("commit", "-q", "-a", "-m", f"Bad {field}")
        for arguments in (("flow", "checkout", NAME, "HEAD"), ("deploy", f"{NAME}@HEAD")):
            refused = command.fail(*arguments)
            assert told in refused.stderr
            assert status(command)["version"]["id"] == first
            assert status(command)["local"] == []
            assert step(PUT).component.state == "RUNNING"
    assert command.json("run", NAME)["documents"] == 3


def test_an_operators_change_without_version_control(command: Idemflow) -> None:
    set_tasks(NAME, 3)
    refused = command.fail("deploy", NAME)
    assert "was changed on the canvas since it was deployed" in refused.stderr
    assert tasks(NAME) == 3
    command.json("deploy", NAME, "--force")
    assert tasks(NAME) == 1


def test_export_import_and_registries(command: Idemflow, tmp_path: Path) -> None:
    command.json("flow", "commit", NAME, "-m", "One")
    command.json("flow", "tag", NAME, "v1")
    file = tmp_path / "flow.json"
    command.json("flow", "export", NAME, "v1", "-o", str(file))
    assert "is there already" in command.fail("flow", "export", NAME, "-o", str(file)).stderr
    assert "under version control" in command.fail("flow", "import", NAME, str(file)).stderr
    remove_pipeline(NAME)
    assert command.json("flow", "import", NAME, str(file))["created"] is True
    assert tasks(NAME) == 1
    refused = command.fail("flow", "registry", "add", "--type", "nifi-registry", "--name", "other")
    assert "it has: git" in refused.stderr
    listed = command.json("flow", "registry", "list")
    assert len(listed["clients"]) == 1


def test_a_project_without_git(idemflow: Idemflow, project: Project) -> None:
    name = project.pipeline("unversioned", COUNTING)
    refused = idemflow.inside(project.path).fail("flow", "status", name)
    assert refused.code == 2
    assert "is in no git repository" in refused.stderr
    assert "git init" in refused.stderr
