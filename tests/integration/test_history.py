"""``runs``: what the ledger tells of runs that a command waited for, and of others."""

from __future__ import annotations

from idemflow.canvas import client, control, process_groups
from tests.integration.tools import Idemflow, Project, wait_until

RECORDS = """\
def records(count):
    for number in range(count):
        yield {"id": number}
    yield {"name": "no id"}
"""


def test_runs_of_a_command_and_of_the_canvas(idemflow: Idemflow, project: Project) -> None:
    name = "past-runs"
    project.pipeline(name, RECORDS)
    project.change(name, "function: records", "function: records\n  arguments: {count: 20}")
    command = idemflow.inside(project.path)
    assert "knows no pipeline" in command.fail("runs", name).stderr
    command.ok("deploy", name)
    assert f"{name} has no run in the ledger" in command.ok("runs", name).stdout
    command.json("run", name, "--set", "count=3", code=7)
    client.connect(idemflow.target().nifi)
    control.run_once(process_groups.find_id(name))
    wait_until(
        lambda: [one["accounted"] for one in command.json("runs", name)["runs"]] == [21, 4],
        "the run of the canvas has ended",
    )
    by_canvas, by_command = command.json("runs", name)["runs"]
    assert (by_command["trigger"], by_command["refused"]) == ("command", 1)
    assert by_command["arguments"] == '{"count":3}'
    assert by_command["report"]["created"] == 3
    assert by_command["report"]["exit_code"] == 7
    assert by_command["verdict"] == "1 record could not go in"
    assert (by_canvas["trigger"], by_canvas["refused"], by_canvas["report"]) == ("canvas", 1, {})
    assert by_canvas["verdict"] == "all accounted for; no command counted them"

    table = command.ok("runs", "--limit", "1").stdout.splitlines()
    assert len(table) == 2
    assert by_canvas["run"] in table[1]
    shown = command.ok("runs", "show", by_command["run"]).stdout
    assert "count=3" in shown
    assert "1 record could not go in" in shown
    refused = command.fail("runs", "show", "20260131T060000000-3f8a12cd")
    assert (refused.code, "knows no run" in refused.stderr) == (2, True)
