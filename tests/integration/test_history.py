"""``runs``: what the ledger tells of runs that a command waited for, and of others."""

from __future__ import annotations

import json

import pytest

from idemflow.canvas import client, control, process_groups
from idemflow.commands import _patience
from idemflow.elasticsearch.ledger import RUNS
from tests.integration.tools import Git, Idemflow, Project, wait_until

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
    assert by_command["bytes"] == by_command["report"]["bytes"] == len('{"id":0}') * 3
    assert by_canvas["bytes"] == len('{"id":0}') * 10 + len('{"id":10}') * 10
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


def test_runs_that_came_to_no_good_end(idemflow: Idemflow, project: Project, git: Git) -> None:
    """One whose source fails, one that goes on after that, and one whose summary is lost."""
    name = "no-good-end"
    project.pipeline(name, RECORDS.replace("records(count)", "records(count=2)"))
    command = idemflow.inside(project.path)
    (project.path / "idemflow.toml").write_text("[settings]\nlineage = 'lineage.jsonl'\n")
    git("add", "-A")
    git("commit", "-q", "-m", "a pipeline")
    sound = (project.path / f"scripts/{name}.py").read_text()
    command.json("run", name, code=7)
    (first,) = command.json("runs", name)["runs"]
    head = git("rev-parse", "HEAD").strip()
    assert first["report"]["flow"] == {"commit": head, "changed": False, "of": "project"}

    (project.path / f"scripts/{name}.py").write_text(
        'def records():\n    raise ValueError("dry")\n'
    )
    command.ok("run", name, code=1)
    failed = command.json("runs", name)["runs"][0]
    assert failed["run"].startswith("not-begun-")
    assert "ValueError: dry" in failed["verdict"]
    assert "ValueError: dry" in command.ok("runs", "show", failed["run"]).stdout

    (project.path / f"scripts/{name}.py").write_text(sound)
    command.ok("deploy", name)
    request = failed["run"].removeprefix("not-begun-")
    wait_until(
        lambda: (
            command.json("runs", name)["runs"][0]["run"].endswith(request)
            and "not-begun" not in command.json("runs", name)["runs"][0]["run"]
        ),
        "the run has begun after all",
    )
    later = command.json("runs", name)["runs"]
    assert len(later) == 2
    assert later[0]["verdict"].startswith("all accounted for; the command gave up: ")

    with command.elasticsearch() as elasticsearch:
        elasticsearch.delete(index=RUNS, id=later[0]["run"], refresh=True)
    cut = command.json("runs", "show", later[0]["run"])
    assert cut["verdict"].startswith("cut off: 3 accounted for, and its summary never came")

    command.ok("flow", "commit", name, "-m", "a version")
    command.json("run", name, code=7)
    version = command.json("runs", name)["runs"][0]["report"]["flow"]
    commit = git("log", "-1", "--format=%H", "--", f"flows/pipelines/{name}.json").strip()
    assert version == {"commit": commit, "changed": False, "of": "canvas"}

    # What lineage was told of these runs: each ended badly, and one before it had begun.
    lines = (project.path / "lineage.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    assert [one["eventType"] for one in events] == ["START", "FAIL"] * 3
    messages = [one["run"]["facets"]["errorMessage"]["message"] for one in events[1::2]]
    assert messages[0] == messages[2] == "1 record could not go in"
    assert "ValueError: dry" in messages[1]
    (output,) = events[1]["outputs"]
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 2


def test_an_index_that_cannot_be_read_is_named(
    idemflow: Idemflow, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request on it would wait for a minute, and end as if Elasticsearch did not answer."""
    monkeypatch.setattr(_patience, "PATIENCE", 1.0)
    name = "unreadable"
    project.pipeline(name, RECORDS.replace("records(count)", "records(count=2)"))
    command = idemflow.inside(project.path)
    command.ok("deploy", name)
    with command.elasticsearch() as elasticsearch:
        elasticsearch.indices.create(
            index=name,
            settings={"index.routing.allocation.require._name": "no-such-node"},
            timeout="1s",
            wait_for_active_shards="0",
        )
        refused = command.ok("run", name, code=3)
        assert f"Elasticsearch cannot read the data of {name}" in refused.stderr
        assert "which cannot be read" in command.ok("remove", name, "--data", "--yes").stdout
        assert not elasticsearch.indices.exists(index=name)
