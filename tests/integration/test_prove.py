"""``prove`` on the running servers: one pipeline holds, and four that do not are found out.

The negative controls are the most important test of the judge: each fails, every time.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from idemflow.canvas import client, process_groups
from idemflow.prove import report
from tests.integration.tools import ROOT, Idemflow, Project, processes

pytestmark = pytest.mark.timeout(300)

SOUND = """
    def records(count):
        for number in range(count):
            yield {"id": number, "text": "x" * 50}
        yield {"text": "no id"}
"""


def write(project: Project, name: str, script: str) -> str:
    project.pipeline(name, script, "load: {batch: 1, retry_after: 1 s}\n")
    project.change(name, "function: records", "function: records\n  arguments: {count: 1000}")
    return name


def leftovers(command: Idemflow) -> list[str]:
    """What of a copy is still on the servers."""
    client.connect(command.target().nifi)
    with command.elasticsearch() as elasticsearch:
        found = list(elasticsearch.indices.get(index="proof-*"))
        answer = elasticsearch.indices.get_index_template()["index_templates"]
    found += [one["name"] for one in answer if "proof-" in str(one["index_template"])]
    roots = process_groups.find("proof-held")
    return found + (["group"] if roots else [])


def test_a_pipeline_that_holds(idemflow: Idemflow, project: Project, tmp_path: Path) -> None:
    command = idemflow.inside(project.path)
    name = write(project, "held", SOUND)
    refused = command.fail("prove", name, "--method", "rerun")
    assert (refused.code, "no terminal to ask on" in refused.stderr) == (2, True)
    command.json("run", name, code=7)
    before = command.ledger().count(name)
    running = processes(command)
    folder = tmp_path / "proof"
    methods = ("kill-elasticsearch-bulk", "lose-replies")
    found = command.json(
        "prove", name, "--yes-disturb", name, "--seed", "7", "--report", str(folder),
        *(text for method in methods for text in ("--method", method)),
    )  # fmt: skip
    assert (found["verdict"], found["after"]["problems"]) == ("passed", [])
    assert [one["name"] for one in found["methods"]] == list(methods)
    for method in found["methods"]:
        last = method["tries"][-1]
        assert (last["verdict"], last["verified"]) == ("passed", True), method
        outcome = last["outcome"]
        assert (outcome["given"], outcome["stable"], outcome["dead_letters"]) == (1001, 1000, 1)
        assert any(event["kind"] == "fault" for event in last["events"]), method
    now = processes(command)
    assert now["nifi"].pid == running["nifi"].pid
    assert now["elasticsearch"].pid != running["elasticsearch"].pid
    # The pipeline's own documents are as they were, and nothing of the copy is left.
    assert command.ledger().count(name) == before == 1000
    assert command.json("verify", name)["equal"] is True
    assert leftovers(command) == []
    kept = json.loads((folder / report.JOURNAL).read_text())
    assert kept["methods"] == found["methods"]
    assert "--seed 7" in kept["command"]
    assert command.ok("prove", "show", str(folder)).stdout.count("passed") >= len(methods)


@pytest.mark.parametrize(
    ("name", "where", "bad"),
    [
        ("by-chance", "before", {"never_read": 2000, "doubled": 1000}),
        ("of-the-run", "rerun", {"never_read": 1000, "doubled": 2000}),
        ("drops-by-counting", "before", {"never_read": 10}),
        ("drops-in-nifi", "before", {"never_read": 10}),
    ],
)
def test_negative_control(idemflow: Idemflow, name: str, where: str, bad: dict[str, int]) -> None:
    command = idemflow.inside(ROOT / "examples" / "unsound")
    found: dict[str, Any] = command.json(
        "prove", name, "--yes-disturb", name, "--method", "rerun", code=5
    )
    assert found["verdict"] == "failed"
    if where == "before":
        assert found["before"]["problems"]
        assert found["methods"] == []
        (last,) = found["before"]["quiet"]
    else:
        assert found["before"]["problems"] == []
        (last,) = found["methods"][0]["tries"]
    assert {kind: last["outcome"][kind] for kind in bad} == bad
    assert last["verdict"] == "failed"
    assert leftovers(command) == []
    # The pipeline itself was never deployed, and has no index.
    assert command.ledger().count(f"unsound-{name}") == 0
