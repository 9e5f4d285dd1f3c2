"""``prove`` on the running servers: one pipeline holds, and four that do not are found out.

The negative controls are the most important test of the judge: each fails, every time.
"""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

from idemflow.canvas import client, process_groups
from idemflow.prove import report
from tests.integration.tools import Idemflow, Project, processes

pytestmark = pytest.mark.timeout(300)

COUNTED = """
    def records(count):
        for number in range(count):
            yield {"id": number, "text": "x" * 50}
"""
SOUND = (
    COUNTED
    + """\
        yield {"text": "no id"}
"""
)
BY_CHANCE = """
    import uuid

    def records(count):
        for number in range(count):
            yield {"id": str(uuid.uuid4()), "number": number}
"""
# NiFi's Python lives longer than a run: each run has a number there, and a process alone the first.
OF_THE_RUN = """
    import builtins

    def records(count):
        builtins.proved_runs = getattr(builtins, "proved_runs", 0) + 1
        for number in range(count):
            yield {"id": f"{builtins.proved_runs}-{number}"}
"""
DROPS_BY_COUNTING = """
    seen = 0

    def change(record):
        global seen
        seen += 1
        return record if seen % 100 else None
"""
# As a sink that loses documents: nothing outside NiFi shows it.
DROPS_IN_NIFI = """
    import sys

    def change(record):
        return None if "jpy" in sys.modules and record["id"] % 100 == 0 else record
"""


def write(project: Project, name: str, script: str, transform: str = "") -> str:
    extra = "load: {batch: 1, retry_after: 1 s}\n"
    if transform:
        extra += f"transform: {{script: scripts/{name}-change.py, function: change}}\n"
    project.pipeline(name, script, extra)
    project.change(name, "function: records", "function: records\n  arguments: {count: 1000}")
    if transform:
        (project.path / f"scripts/{name}-change.py").write_text(textwrap.dedent(transform))
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
    ("script", "transform", "where", "bad"),
    [
        (BY_CHANCE, "", "before", {"never_read": 2000, "doubled": 1000}),
        (OF_THE_RUN, "", "rerun", {"never_read": 1000, "doubled": 2000}),
        (COUNTED, DROPS_BY_COUNTING, "before", {"never_read": 10}),
        (COUNTED, DROPS_IN_NIFI, "before", {"never_read": 10}),
    ],
    ids=["by-chance", "of-the-run", "drops-by-counting", "drops-in-nifi"],
)
def test_negative_control(
    idemflow: Idemflow,
    project: Project,
    script: str,
    transform: str,
    where: str,
    bad: dict[str, int],
) -> None:
    command = idemflow.inside(project.path)
    name = write(project, "control", script, transform)
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
    assert command.ledger().count(name) == 0
