"""Elasticsearch cannot take anything for a while: queues hold the source back, nothing is lost."""

from __future__ import annotations

import pytest

from idemflow.canvas import client, control, monitoring, process_groups
from idemflow.elasticsearch.ledger import DEAD_LETTERS
from tests.integration.tools import Idemflow, Project, wait_until

pytestmark = pytest.mark.timeout(300)

RECORDS = """\
    def records(records):
        for number in range(records):
            yield {"id": number, "text": "x" * 100}
"""


def test_an_outage_under_load_holds_the_source_back(idemflow: Idemflow, project: Project) -> None:
    """Two full queues of 200 FlowFiles of ten thousand records: the rest is not even made yet."""
    name = project.pipeline(
        "held-back", RECORDS, "load: {batch: 1, queue: 200, retry_after: 1 s}\n"
    )
    project.change(name, "function: records", "function: records\n  arguments: {records: 10000}")
    command = idemflow.inside(project.path)
    command.json("deploy", name)
    client.connect(idemflow.target().nifi)
    group = process_groups.find_id(name)
    # As with a full disk: Elasticsearch refuses all writes (that block it takes away by itself).
    elasticsearch = idemflow.elasticsearch()
    block = {"index.blocks.write": True}
    elasticsearch.indices.create(index=name)
    elasticsearch.indices.put_settings(index=name, settings=block)
    try:
        control.run_once(group)
        wait_until(
            lambda: any("blocked" in said or "flood" in said for said in reasons(command, name)),
            "status says why",
            seconds=120,
        )
        queues = monitoring.activity(group).queues
        assert sum(queues.values()) < 6000, queues
        assert idemflow.ledger().count(name) == 0
    finally:
        elasticsearch.indices.put_settings(index=name, settings={"index.blocks.write": None})
    ledger = idemflow.ledger()

    def arrived() -> bool:
        ledger.refresh(name)
        return ledger.count(name) == 10_000

    wait_until(arrived, "all records arrive", seconds=180)
    wait_until(lambda: monitoring.activity(group).queued == 0, "the queues empty", seconds=60)
    (run,) = ledger.run_ids(name)
    assert ledger.count(DEAD_LETTERS, {"term": {"run": run}}) == 0
    report = command.json("verify", name)
    assert report["equal"] is True
    assert report["documents"] == 10_000


def reasons(command: Idemflow, name: str) -> list[str]:
    """What ``status`` says about why a pipeline waits."""
    status = command.run("status", "--json").json()
    (pipeline,) = (item for item in status["pipelines"] if item["name"] == name)
    return list(pipeline["reasons"])


def test_three_runs_started_at_once(idemflow: Idemflow, project: Project) -> None:
    """Started three times by accident: each is told of its own run, and nothing is there twice."""
    name = project.pipeline("at-once", RECORDS)
    project.change(name, "function: records", "function: records\n  arguments: {records: 2000}")
    command = idemflow.inside(project.path)
    command.json("deploy", name)
    started = [command.start("run", name, "--json") for _ in range(3)]
    created = 0
    for process in started:
        stdout, stderr = process.communicate(timeout=200)
        assert process.returncode == 0, stderr
        assert '"lost": 0' in stdout
        created += stdout.count('"created": 2000')
    assert created == 1
    report = command.json("verify", name)
    assert (report["equal"], report["documents"], report["runs"]) == (True, 2000, 3)


def test_source_rows_that_change_while_a_run_is_under_way(
    idemflow: Idemflow, project: Project
) -> None:
    """A second run with newer rows overtakes the first: the newer rows stay."""
    name = project.pipeline(
        "overtaken",
        """\
        def records(version):
            for number in range(3000):
                yield {"id": number, "v": version}
        """,
        "version: {field: v, type: integer}\nload: {batch: 1, tasks: 2}\n",
    )
    project.change(name, "function: records", "function: records\n  arguments: {version: 1}")
    command = idemflow.inside(project.path)
    command.json("deploy", name)
    client.connect(idemflow.target().nifi)
    group = process_groups.find_id(name)
    ledger = idemflow.ledger()
    for version in (1, 2):
        project.change(name, f"version: {version}}}", f"version: {version + 1}}}")
        command.json("deploy", name)
        control.run_once(group)
    wait_until(lambda: len(ledger.run_ids(name)) == 2, "both runs", seconds=120)
    wait_until(lambda: monitoring.activity(group).queued == 0, "the queues empty", seconds=120)
    assert {source["v"] for _, source in ledger.documents(name)} == {3}
    assert command.json("verify", name)["equal"] is True
