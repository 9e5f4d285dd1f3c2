"""Whose a process group is, where it is, and what a person made of it: on the running NiFi."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import nipyapi
import pytest

from idemflow.canvas import client, control, deploy, monitoring, ownership, process_groups
from idemflow.canvas.flow import KEEP, PUT
from idemflow.config.project_id import project_id
from idemflow.drawing.collect import TRIGGER
from idemflow.errors import CanvasError, UsageError
from idemflow.pipeline import spec
from tests.integration.tools import (
    COUNTING,
    Idemflow,
    Project,
    group_in,
    move_group,
    remove_pipeline,
    wait_until,
)

pytestmark = pytest.mark.timeout(300)

NAME = "placed"


@pytest.fixture
def command(idemflow: Idemflow, project: Project) -> Iterator[Idemflow]:
    """The command in a project with a pipeline that is not deployed yet."""
    write(project, NAME)
    client.connect(idemflow.target().nifi, project_id(idemflow.settings()))
    yield idemflow.inside(project.path)
    client.connect(idemflow.target().nifi, project_id(idemflow.settings()))
    remove_pipeline(NAME)


@pytest.fixture
def area(idemflow: Idemflow) -> Iterator[Any]:
    """A process group of somebody else, with one in it."""
    client.connect(idemflow.target().nifi)
    made = group_in("root", "area")
    group_in(made.id, "inner")
    yield made
    process_groups.delete(made.id)


def write(project: Project, name: str) -> None:
    project.pipeline(name, COUNTING)
    project.change(name, "function: records", "function: records\n  arguments: {count: 3}")


def groups_in(parent: str) -> list[str]:
    found = nipyapi.nifi.ProcessGroupsApi().get_process_groups(parent).process_groups
    return sorted(one.component.name for one in found)


def in_status(command: Idemflow, name: str = NAME) -> Any:
    (found,) = (one for one in command.json("status")["pipelines"] if one["name"] == name)
    return found


def delete_step(group: str, name: str) -> None:
    """Take a processor and its connections away, as a person does on the stopped group."""
    control.stop(group)
    step = process_groups.trigger(group, name)
    connections = nipyapi.nifi.ProcessGroupsApi().get_connections(step.component.parent_group_id)
    for one in connections.connections:
        if step.id in (one.source_id, one.destination_id):
            nipyapi.canvas.delete_connection(one)
    nipyapi.canvas.delete_processor(process_groups.trigger(group, name))


def test_a_group_of_somebody_else_is_changed_only_when_it_is_adopted(command: Idemflow) -> None:
    theirs = group_in("root", NAME)
    group_in(theirs.id, "inner")
    for arguments in (("deploy",), ("deploy", "--force"), ("run",), ("deploy", "--dry-run")):
        refused = command.fail(arguments[0], NAME, *arguments[1:])
        assert refused.code == 2
        assert f"the canvas has a process group at NiFi Flow / {NAME}, which" in refused.stderr
        assert f"idemflow deploy {NAME} --adopt takes it over; or rename" in refused.stderr
    for verb in ("start", "stop", "remove"):
        assert command.fail(verb, NAME).code == 2
    assert groups_in(theirs.id) == ["inner"]
    assert in_status(command)["state"] == "not ours"
    assert f"idemflow deploy {NAME} --adopt" in command.ok("status").stdout

    planned = command.json("deploy", NAME, "--adopt", "--dry-run")["changes"]
    owner = {
        "component": f"process group NiFi Flow / {NAME}",
        "property": "owner",
        "before": "no mark of idemflow",
        "after": f"the pipeline {NAME}",
    }
    assert owner in planned
    assert command.fail("deploy", NAME).code == 2
    # It is another flow, which nobody has said to discard.
    assert "--force discards it" in command.fail("deploy", NAME, "--adopt").stderr
    assert groups_in(theirs.id) == ["inner"]
    command.json("deploy", NAME, "--adopt", "--force")
    assert process_groups.find_id(NAME) == theirs.id
    assert "Collect" in groups_in(theirs.id)
    assert command.json("deploy", NAME)["changes"] == []


def test_another_projects_parameter_context_is_not_taken(command: Idemflow) -> None:
    command.json("deploy", NAME)
    context = ownership.find(NAME).context
    client.connect(command.target().nifi, "another")
    assert process_groups.find(NAME) is None
    ours = project_id(command.settings())
    with pytest.raises(
        UsageError, match=f"context 'idemflow {NAME}' of the project {ours}"
    ) as told:
        ownership.to_deploy(NAME, adopt=False)
    assert f"a process group at NiFi Flow / {NAME} and" in told.value.message
    assert f"set project_id to {ours}" in str(told.value.next_command)
    assert ownership.adopt(NAME, dry_run=True)[0][1] == f"the project {ours}"
    now = nipyapi.nifi.ParameterContextsApi().get_parameter_context(context.id)
    assert now.revision.version == context.revision.version


def test_two_first_deploys_at_once_make_one_group(command: Idemflow) -> None:
    both = [command.start("deploy", NAME) for _ in range(2)]
    for one in both:
        told = one.communicate(timeout=120)
        assert one.returncode == 0, told
    assert groups_in("root").count(NAME) == 1


def test_of_two_machines_that_deploy_at_once_one_group_stays(command: Idemflow) -> None:
    """Machines have no lock in common: NiFi itself must tell them."""
    project = command.settings().project
    pipeline = spec.load(project, NAME)
    scripts = spec.sources(project, pipeline)

    def plan() -> deploy.Plan:
        return deploy.plan(pipeline, scripts, command.target())

    first, second = plan(), plan()
    group = deploy.apply(pipeline, first, lambda _: None)
    with pytest.raises(CanvasError, match="already exists"):
        deploy.apply(pipeline, second, lambda _: None)
    assert groups_in("root").count(NAME) == 1

    # The same where the parameter context is left of a group that a person deleted.
    control.stop(group)
    control.disable_services(group)
    process_groups.delete(group)
    first, second = plan(), plan()
    assert first.group is None
    group = deploy.apply(pipeline, first, lambda _: None)
    with pytest.raises(CanvasError, match="deployed placed at the same time") as told:
        deploy.apply(pipeline, second, lambda _: None)
    assert told.value.next_command == f"idemflow deploy {NAME}"
    assert groups_in("root").count(NAME) == 1
    assert process_groups.find_id(NAME) == group
    assert command.json("deploy", NAME)["created"] is False


def test_a_group_that_was_moved_and_renamed_is_found_and_changed_there(
    command: Idemflow, project: Project, area: Any
) -> None:
    command.json("deploy", NAME)
    group = process_groups.find_id(NAME)
    move_group(group, area.id)
    assert command.json("deploy", NAME)["changes"] == []
    assert groups_in(area.id) == ["inner", NAME]
    assert NAME not in groups_in("root")
    assert command.json("run", NAME)["documents"] == 3
    assert in_status(command)["state"] == "running"
    command.ok("stop", NAME, "--all")
    assert in_status(command)["state"] == "stopped"
    project.change(NAME, "identity: id", "identity: id\nload: {tasks: 3}")
    command.json("deploy", NAME)
    assert (
        process_groups.trigger(group, PUT).component.config.concurrently_schedulable_task_count == 3
    )

    nipyapi.canvas.update_process_group(
        nipyapi.canvas.get_process_group(group, "id"), {"name": "renamed"}
    )
    (change,) = command.json("deploy", NAME, "--dry-run")["changes"]
    assert (change["property"], change["before"], change["after"]) == ("name", "renamed", NAME)
    command.json("deploy", NAME, "--force")
    assert groups_in(area.id) == ["inner", NAME]

    # A copy that a person makes, with the same parameter context, is theirs.
    copy = group_in("root", NAME)
    bound = nipyapi.canvas.get_process_group(copy.id, "id")
    context = ownership.find(NAME).context
    nipyapi.parameters.assign_context_to_process_group(bound, context.id)
    assert process_groups.find_id(NAME) == group
    removed = command.json("remove", NAME, "--yes")
    assert removed["group"] == f"NiFi Flow / area / {NAME}"
    assert removed["stays"][0] == f"the parameter context idemflow {NAME}: used by {NAME}"
    assert groups_in(area.id) == ["inner"]
    assert ownership.find(NAME).context is None
    process_groups.delete(copy.id)
    left = nipyapi.nifi.ParameterContextsApi().get_parameter_context(context.id)
    nipyapi.parameters.delete_parameter_context(left)


def arrange(group: str) -> None:
    """Move, bend, colour and write, as a person does on the canvas."""
    api = nipyapi.nifi.ProcessGroupsApi()

    def put(update: Any, entity: Any, **values: Any) -> None:
        component = {"id": entity.id, **values}
        update({"revision": entity.revision, "component": component}, entity.id)

    put(api.update_process_group, api.get_process_group(group), position=at(1234.0, -77.0))
    inner = next(
        one for one in api.get_process_groups(group).process_groups if one.component.name == "Load"
    )
    put(api.update_process_group, inner, position=at(2000.0, 600.0))
    put(
        nipyapi.nifi.ProcessorsApi().update_processor, process_groups.trigger(group, PUT),
        position=at(111.0, 222.0), style={"background-color": "#ff0000"},
    )  # fmt: skip
    port = api.get_input_ports(inner.id).input_ports[0]
    put(nipyapi.nifi.InputPortsApi().update_input_port, port, position=at(-300.0, 10.0))
    connection = api.get_connections(group).connections[0]
    put(
        nipyapi.nifi.ConnectionsApi().update_connection, connection,
        bends=[at(5.0, 6.0), at(7.0, 8.0)], labelIndex=1,
    )  # fmt: skip
    label = api.get_labels(group).labels[0]
    put(nipyapi.nifi.LabelsApi().update_label, label, position=at(-500.0, 3.0), width=333.0)
    api.create_label(
        {
            "revision": {"version": 0},
            "component": {
                "label": "Ask the data team", "position": at(10.0, -300.0), "width": 200.0,
                "height": 80.0, "style": {"background-color": "#00ff00"},
            },
        },
        group,
    )  # fmt: skip


def at(x: float, y: float) -> dict[str, float]:
    return {"x": x, "y": y}


def looks(group: str) -> dict[str, Any]:
    """How all of a group is arranged on the canvas, by id."""
    api = nipyapi.nifi.ProcessGroupsApi()
    found: dict[str, Any] = {}
    parts = [
        api.get_process_group(group), *api.get_processors(group).processors,
        *api.get_input_ports(group).input_ports, *api.get_output_ports(group).output_ports,
        *api.get_labels(group).labels,
    ]  # fmt: skip
    for one in parts:
        part = one.component
        style = getattr(part, "style", None) or None
        found[one.id] = (part.position.x, part.position.y, style, getattr(part, "width", None))
    for one in api.get_connections(group).connections:
        bends = [(bend.x, bend.y) for bend in one.component.bends or ()]
        found[one.id] = (bends, one.component.label_index)
    for one in api.get_process_groups(group).process_groups:
        found |= looks(one.id)
    return found


def test_a_changed_deploy_keeps_what_a_person_arranged(command: Idemflow, project: Project) -> None:
    command.json("deploy", NAME)
    group = process_groups.find_id(NAME)
    plain = looks(group)
    arrange(group)
    arranged = looks(group)
    assert len(arranged) == len(plain) + 1
    assert sum(plain.get(key) != value for key, value in arranged.items()) == 7
    assert command.json("deploy", NAME)["changes"] == []
    assert command.run("drift", NAME).code == 0

    project.change(NAME, "identity: id", "identity: id\nload: {tasks: 3}")
    (project.path / f"scripts/{NAME}.py").write_text("def records(count):\n    yield {'id': 1}\n")
    changes = command.json("deploy", NAME)["changes"]
    assert {one["property"] for one in changes} == {
        "concurrentlySchedulableTaskCount", "Script Body",
    }  # fmt: skip
    assert looks(group) == arranged
    # A step that was deleted is drawn where the drawing says; all else stays.
    step = process_groups.trigger(group, KEEP)
    delete_step(group, KEEP)
    command.json("deploy", NAME, "--force")
    again = looks(group)
    assert {one: again[one] for one in arranged if one in again} == {
        one: arranged[one] for one in arranged if one in again
    }
    assert again[process_groups.trigger(group, KEEP).id] == plain[step.id]


@pytest.mark.parametrize("step", [TRIGGER, "Collect records", PUT])
def test_status_says_what_a_pipeline_lacks_and_lists_all(
    command: Idemflow, project: Project, step: str
) -> None:
    command.json("deploy", NAME)
    group = process_groups.find_id(NAME)
    delete_step(group, step)
    write(project, "waiting")
    found = {one["name"]: one for one in command.json("status")["pipelines"]}
    assert found["waiting"]["state"] == "not deployed"
    assert found[NAME]["state"] == "incomplete"
    assert found[NAME]["problem"] == f"its process group lacks {step!r}"
    told = command.ok("status").stdout
    assert f"next: idemflow deploy {NAME} --force draws what is missing" in told
    assert command.json()["next_command"] == "idemflow status"
    if step == TRIGGER:
        refused = command.fail("run", NAME, "--as-deployed")
        assert f"the process group '{NAME}' has no processor '{TRIGGER}'" in refused.stderr
        assert f"next: idemflow deploy {NAME} --force" in refused.stderr
    command.json("deploy", NAME, "--force")
    assert in_status(command)["state"] == "running"
    assert command.json("run", NAME)["documents"] == 3


def test_status_with_two_groups_that_may_be_meant_and_with_a_foreign_step(
    command: Idemflow, project: Project
) -> None:
    command.json("deploy", NAME)
    group, other = process_groups.find_id(NAME), "besides"
    write(project, other)
    command.json("deploy", other)
    kind = nipyapi.canvas.get_processor_type("org.apache.nifi.processors.standard.LogAttribute")
    inside = nipyapi.canvas.get_process_group(group, "id")
    nipyapi.canvas.create_processor(inside, kind, (0.0, -400.0), name="Mine")
    assert in_status(command)["state"] in ("stopped", "invalid")
    assert command.json("deploy", NAME, "--dry-run")["changes"][0]["component"] == f"{NAME} / Mine"
    command.json("deploy", NAME, "--force")

    # Nobody knows which of two is meant once the one that was deployed is gone.
    context = ownership.find(NAME).context
    control.stop(group)
    control.disable_services(group)
    process_groups.delete(group)
    copies = [group_in("root", NAME) for _ in range(2)]
    for copy in copies:
        nipyapi.parameters.assign_context_to_process_group(copy, context.id)
    found = {one["name"]: one for one in command.json("status")["pipelines"]}
    assert (found[NAME]["state"], found[other]["state"]) == ("unclear", "running")
    assert f"2 process groups that may be the pipeline '{NAME}'" in found[NAME]["problem"]
    assert f"NiFi Flow / {NAME} ({copies[0].id})" in command.fail("deploy", NAME).stderr
    for copy in copies:
        process_groups.delete(copy.id)
    remove_pipeline(other)


def test_an_orphan_is_listed_and_removed(command: Idemflow, project: Project) -> None:
    command.json("deploy", NAME)
    assert command.json("run", NAME)["documents"] == 3
    (project.path / f"flows/{NAME}.yaml").unlink()
    found = in_status(command)
    assert (found["state"], found["next_command"]) == ("orphan", f"idemflow remove {NAME}")
    assert f"there is no flows/{NAME}.yaml; its process group is running, at" in found["problem"]
    assert f"idemflow remove {NAME}" in command.ok("status").stdout

    refused = command.fail("remove", NAME)
    assert refused.code == 2
    assert f"process group     NiFi Flow / {NAME}" in refused.stderr
    assert "There is no terminal to ask on, and nothing was done" in refused.stderr
    assert in_status(command)["state"] == "orphan"
    group = process_groups.find_id(NAME)
    nipyapi.canvas.schedule_processor(process_groups.trigger(group, PUT), False)
    control.run_once(group)
    wait_until(lambda: monitoring.activity(group).queued == 3, "three records wait")
    refused = command.fail("remove", NAME, "--yes")
    assert f"{NAME} has FlowFiles on their way (3)" in refused.stderr
    assert monitoring.activity(group).running > 0
    removed = command.json("remove", NAME, "--yes", "--discard-queued")
    assert (removed["queued"], removed["context"]) == (3, f"idemflow {NAME}")
    assert removed["stays"][0] == f"{NAME}: 3 documents"
    assert removed["stays"][1].endswith("in the ledger")
    assert NAME not in groups_in("root")
    assert ownership.find(NAME).context is None
    assert [one["name"] for one in command.json("status")["pipelines"]].count(NAME) == 0
    assert "nothing of a pipeline" in command.fail("remove", NAME, "--yes").stderr


def test_remove_takes_documents_and_dead_letters_where_it_is_asked(
    command: Idemflow, project: Project
) -> None:
    """Only what has the pipeline's mark: not an index that is named like one of its own."""
    script = "def records(count):\n    yield from [{'id': 1}, {'id': 2}, {'name': 'nobody'}]\n"
    (project.path / f"scripts/{NAME}.py").write_text(script)
    with command.elasticsearch() as elasticsearch:
        elasticsearch.indices.delete(index=NAME, ignore_unavailable=True)
        command.run("run", NAME)
        elasticsearch.index(index=f"{NAME}-archive", document={"id": 1}, refresh=True)
        removed = command.json("remove", NAME, "--data", "--yes")
        assert removed["indices"] == {NAME: 2}
        assert removed["templates"] == [f"idemflow-{NAME}"]
        assert removed["stays"] == ["1 dead letter"]
        assert not elasticsearch.indices.exists(index=NAME)
        assert not elasticsearch.indices.exists_index_template(name=f"idemflow-{NAME}")
        assert elasticsearch.count(index=f"{NAME}-archive")["count"] == 1
        ledger = {"term": {"pipeline": NAME}}
        for index in ("idemflow-runs", "idemflow-manifests"):
            elasticsearch.indices.refresh(index=index)
            assert elasticsearch.count(index=index, query=ledger)["count"] == 0
        assert elasticsearch.exists(index="idemflow-pipelines", id=NAME)
        removed = command.json("remove", NAME, "--dead-letters", "--yes")
        assert (removed["group"], removed["dead_letters"], removed["stays"]) == (None, 1, [])
        assert elasticsearch.count(index="idemflow-dead-letters", query=ledger)["count"] == 0
        assert not elasticsearch.exists(index="idemflow-pipelines", id=NAME)

        # From nothing again, and nothing of before is missed.
        command.run("run", NAME)
        assert command.json("verify", NAME)["documents"] == 2
        elasticsearch.indices.delete(index=f"{NAME}-archive")
    command.json("remove", NAME, "--data", "--dead-letters", "--yes")
