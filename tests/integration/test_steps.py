"""Script Bodies that import their steps: on the canvas, in git, and on a NiFi that lacks them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import nipyapi
import pytest

import idemflow as package
from idemflow import steps
from idemflow.canvas import client, process_groups
from idemflow.canvas.installed_steps import check
from idemflow.drawing.script_body import Call
from idemflow.errors import CanvasError
from tests.integration.execute_script import Step, canvas_group
from tests.integration.tools import (
    Git,
    Idemflow,
    Project,
    commit_pipeline,
    deployed_from_git,
    remove_pipeline,
    remove_registries,
)

pytestmark = pytest.mark.timeout(600)

DATA = Path(__file__).parent / "data"
NAME = "stepped"
PASTED = "pasted"
SCRIPT = """
    def records(count):
        for number in range(count):
            yield {"id": number, "note": "#{no parameter}"}


    def collect(step):
        return step
"""


@pytest.fixture
def command(idemflow: Idemflow, project: Project, git: Git) -> Iterator[Idemflow]:
    commit_pipeline(project, git, NAME, SCRIPT, "{count: 3}")
    with deployed_from_git(idemflow.inside(project.path), NAME) as made:
        yield made


def bodies(name: str) -> dict[str, str]:
    """The Script Bodies of a pipeline on the canvas, by step."""
    return {
        part.component.name: part.component.config.properties["Script Body"]
        for part in process_groups.processors(process_groups.find_id(name))
        if "Script Body" in part.component.config.properties
    }


def documents(command: Idemflow, index: str) -> list[dict[str, object]]:
    with command.elasticsearch() as elasticsearch:
        elasticsearch.indices.refresh(index=index)
        found = elasticsearch.search(index=index, size=100)
        return sorted((dict(hit["_source"]) for hit in found["hits"]["hits"]), key=str)


def test_a_change_of_the_script_is_all_that_git_shows(
    command: Idemflow, project: Project, git: Git
) -> None:
    first = command.json("flow", "commit", NAME, "-m", "One")["version"]["id"]
    assert command.json("run", NAME)["documents"] == 3
    script = project.path / f"scripts/{NAME}.py"
    script.write_text(script.read_text().replace('"id": number,', '"id": number, "new": True,'))
    assert len(command.json("deploy", NAME)["changes"]) == 1
    file = f"flows/pipelines/{NAME}.json"
    diff = git("diff", "-U0", first, "HEAD", "--", file).splitlines()
    changed = [line for line in diff if line[0] in "+-" and line[:3] not in ("+++", "---")]
    assert [line[1:].strip() for line in changed] == [
        r'"        yield {\"id\": number, \"note\": \"##{no parameter}\"}",',
        r'"        yield {\"id\": number, \"new\": True, \"note\": \"##{no parameter}\"}",',
    ]
    assert command.json("run", NAME)["documents"] == 3
    assert documents(command, NAME)[0] == {"id": 0, "new": True, "note": "#{no parameter}"}


def test_a_version_whose_steps_are_pasted_still_runs(
    idemflow: Idemflow, project: Project, git: Git
) -> None:
    """The file was committed by the version of idemflow that drew flows that way."""
    project.pipeline(
        PASTED,
        """
        def numbers(count):
            for number in range(count):
                yield {"id": str(number), "number": number}


        def doubled(record):
            return {"id": record["id"], "twice": 2 * record["number"]}
        """,
        f"transform: {{script: scripts/{PASTED}.py, function: doubled}}\n",
        id="keyword", twice="integer",
    )  # fmt: skip
    project.change(PASTED, "function: records", "function: numbers\n  arguments: {count: 3}")
    file = project.path / f"flows/pipelines/{PASTED}.json"
    file.parent.mkdir()
    file.write_bytes(gzip.decompress((DATA / f"{PASTED}.json.gz").read_bytes()))
    git("add", ".")
    git("commit", "-q", "-m", "Load it")
    expected = [{"id": str(number), "twice": 2 * number} for number in range(3)]

    command = idemflow.inside(project.path)
    client.connect(command.target().nifi)
    try:
        assert command.json("deploy", f"{PASTED}@HEAD")["created"] is True
        pasted = bodies(PASTED)
        assert all("def _idemflow_step():" in body for body in pasted.values())
        assert command.json("run", PASTED, "--as-deployed")["documents"] == 3
        assert documents(command, PASTED) == expected

        command.json("deploy", PASTED)
        assert all("from idemflow.steps import" in body for body in bodies(PASTED).values())
        assert command.json("run", PASTED, "--as-deployed", "--times", "2")["documents"] == 3
        assert command.json("verify", PASTED)["equal"] is True

        command.json("flow", "rollback", PASTED)
        assert bodies(PASTED) == pasted
        assert command.json("run", PASTED, "--as-deployed")["documents"] == 3
        assert documents(command, PASTED) == expected
    finally:
        remove_pipeline(PASTED)
        remove_registries()


def test_nifi_refuses_what_a_later_idemflow_drew(command: Idemflow) -> None:
    body = bodies(NAME)["Sort refusals"]
    assert body.count(f"interface={steps.INTERFACE})") == 1
    client.connect(command.target().nifi)
    with canvas_group("later") as group:
        later = body.replace(f"interface={steps.INTERFACE})", "interface=99, new_value=1)")
        body = later.replace(package.__version__, "9.9.0")
        step = Step(group, "later", {"Script Body": body}, 1)
        step.run_once()
        told = step.wait_for_bulletin("StepRefused")
    assert f"this NiFi has idemflow {package.__version__} (steps {steps.INTERFACE})" in told
    assert "drawn by idemflow 9.9.0 (steps 99)" in told
    assert "`pip install --no-deps idemflow==9.9.0` in NiFi's Python and restart NiFi" in told


def test_deploy_refuses_a_nifi_with_an_earlier_idemflow_before_anything_changes(
    command: Idemflow, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bodies(NAME)
    other = project.pipeline("another", SCRIPT)
    project.change(other, "function: records", "function: records\n  arguments: {count: 3}")
    monkeypatch.setattr(steps, "INTERFACE", 99)
    for name in (NAME, other):
        refused = command.fail("deploy", name)
        told = " ".join(refused.stderr.split())
        assert f"drawn by idemflow {package.__version__} (steps 99)" in told
        assert f"pip install --no-deps idemflow=={package.__version__}" in told
    monkeypatch.undo()
    assert bodies(NAME) == before
    assert process_groups.find(other) is None
    assert groups() == {NAME}
    assert command.json("deploy", NAME)["changes"] == []


def test_a_step_of_a_package_that_nifi_lacks(command: Idemflow) -> None:
    client.connect(command.target().nifi)
    call = Call("absent_package.step:collect", package.__version__, steps.INTERFACE)
    with pytest.raises(CanvasError, match=r"lacks a step of x: .*absent_package"):
        check("x", {call})
    assert groups() == {NAME}
    check("x", {call._replace(step="idemflow.steps.triage:triage")})


def groups() -> set[str]:
    """The process groups on the root canvas."""
    found = nipyapi.nifi.ProcessGroupsApi().get_process_groups("root").process_groups
    return {group.component.name for group in found}
