"""``run``, ``verify`` and ``cancel``: each tells of its own run, and a bad end looks like one."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nipyapi
import pytest

from idemflow.canvas import client, contexts, control, monitoring, process_groups
from idemflow.canvas.flow import PUT
from idemflow.cli.tables import runs_progress
from idemflow.commands import _stall
from idemflow.drawing.collect import REQUEST, RUN_ID
from idemflow.elasticsearch.ledger import RUNS
from idemflow.elasticsearch.manifests import MANIFESTS
from idemflow.sources.script.draw import COLLECT
from idemflow.steps.schedule import TRIGGERED_BY
from tests.integration.tools import COUNTING, Idemflow, Project, wait_until
from tests.integration.watched import Source
from tests.unit.pipeline.test_hostile_files import BOMB

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Pipeline:
    """A pipeline of as many records as its argument says.

    Attributes:
        name: its name.
        command: the command, in its project.
        project: the project.
        group: the id of its process group.
    """

    name: str
    command: Idemflow
    project: Project
    group: str

    def stop(self, step: str) -> None:
        """Stop a step."""
        nipyapi.canvas.schedule_processor(process_groups.trigger(self.group, step), False)


@pytest.fixture
def counting(
    idemflow: Idemflow, project: Project, request: pytest.FixtureRequest
) -> Iterator[Pipeline]:
    name = request.node.name.removeprefix("test_").replace("_", "-")[:40]
    project.pipeline(name, COUNTING)
    project.change(name, "function: records", "function: records\n  arguments: {count: 20}")
    command = idemflow.inside(project.path)
    command.ok("deploy", name)
    client.connect(idemflow.target().nifi)
    group = process_groups.find_id(name)
    yield Pipeline(name, command, project, group)
    control.stop(group)


def test_run_tells_of_its_own_run(counting: Pipeline) -> None:
    """A trigger that an operator queued earlier runs before, and is another one's."""
    counting.stop(COLLECT)
    control.run_once(counting.group)
    wait_until(lambda: monitoring.activity(counting.group).queued == 1, "the trigger waits")
    (run,) = counting.command.json("run", counting.name, "--set", "count=3")["runs"]
    assert run["sent"] == 3
    wait_until(lambda: len(counting.command.ledger().run_ids(counting.name)) == 2, "both runs")
    assert run["run"] == counting.command.ledger().run_ids(counting.name)[-1]


def test_a_run_is_found_after_one_whose_clock_was_an_hour_ahead(counting: Pipeline) -> None:
    command = counting.command
    (run,) = command.json("run", counting.name)["runs"]
    ahead = f"{datetime.now(UTC) + timedelta(hours=1):%Y%m%dT%H%M%S000}-0a1b2c3d"
    with command.elasticsearch() as elasticsearch:
        summary = elasticsearch.get(index=RUNS, id=run["run"])["_source"]
        elasticsearch.index(index=RUNS, id=ahead, document={**summary, "run": ahead})
    (run,) = command.json("run", counting.name)["runs"]
    assert (run["sent"], run["run"] < ahead) == (20, True)


def test_a_flow_of_an_earlier_version_runs_as_it_is(counting: Pipeline) -> None:
    """Its trigger knows of no request, and its context has no such parameter."""
    trigger = process_groups.trigger(counting.group)
    run_id = "${now():format(\"yyyyMMdd'T'HHmmssSSS\", 'GMT')}-${UUID():substring(0, 8)}"
    nipyapi.canvas.update_processor(
        trigger, nipyapi.nifi.ProcessorConfigDTO(properties={RUN_ID: run_id, TRIGGERED_BY: None})
    )
    context = contexts.named(f"idemflow {counting.name}")
    nipyapi.parameters.delete_parameter_from_context(context, REQUEST)
    report = counting.command.json("run", counting.name, "--as-deployed", "--times", "2")
    assert [run["sent"] for run in report["runs"]] == [20, 20]
    assert report["documents"] == 20


def test_an_edit_is_deployed_first(counting: Pipeline) -> None:
    counting.project.change(counting.name, "count: 20", "count: 30")
    assert counting.command.json("run", counting.name, "--as-deployed")["runs"][0]["sent"] == 20
    result = counting.command.ok("run", counting.name)
    assert "was deployed first" in result.stdout
    assert counting.command.ledger().count(counting.name) == 30
    assert "was deployed first" not in counting.command.ok("run", counting.name).stdout


def test_what_an_operator_changed_is_not_discarded(counting: Pipeline) -> None:
    put = process_groups.trigger(counting.group, PUT)
    control.stop(counting.group)
    nipyapi.canvas.update_processor(
        put, nipyapi.nifi.ProcessorConfigDTO(concurrently_schedulable_task_count=3)
    )
    refused = counting.command.fail("run", counting.name)
    assert refused.code == 2
    assert "changed on the canvas" in refused.stderr
    assert "--as-deployed" in refused.stderr
    report = counting.command.json("run", counting.name, "--as-deployed")
    assert (report["documents"], report["drift"]) == (20, 1)


def test_records_that_cannot_go_in_are_no_success(counting: Pipeline) -> None:
    script = 'def records(count):\n    yield {"id": 1}\n    yield {"name": "no id"}\n'
    (counting.project.path / f"scripts/{counting.name}.py").write_text(script)
    result = counting.command.ok("run", counting.name, code=7)
    assert "1 record could not go in" in result.stderr
    assert f"idemflow dead-letters list {counting.name}" in result.stderr
    assert counting.command.ok("run", counting.name, "--max-dead-letters", "1").code == 0
    again = counting.command.ok("dead-letters", "replay", counting.name, code=7)
    assert "1 dead letter again" in again.stderr


def test_a_request_that_is_refused_whatever_is_in_it_stops_the_run(
    counting: Pipeline,
) -> None:
    """As by a processor of another version, whose unknown properties become URL parameters."""
    counting.project.change(counting.name, "index:", "load: {retry_after: 1 s}\nindex:")
    counting.command.ok("deploy", counting.name)
    _put_property(counting, "frehs", "true")
    refused = counting.command.ok("run", counting.name, "--as-deployed", code=1)
    assert "unrecognized parameter: [frehs]" in refused.stderr
    assert "mend the properties of 'Put documents'" in refused.stderr
    (shown,) = [
        one for one in counting.command.json("status")["pipelines"] if one["name"] == counting.name
    ]
    assert any("unrecognized parameter: [frehs]" in reason for reason in shown["reasons"])
    assert shown["queued"] > 0
    _put_property(counting, "frehs", None)
    wait_until(lambda: monitoring.activity(counting.group).idle, "all is in")
    assert counting.command.ok("verify", counting.name).code == 0
    assert counting.command.ledger().count(counting.name) == 20
    assert counting.command.json("dead-letters", "list", counting.name)["total"] == 0


def _put_property(counting: Pipeline, name: str, value: str | None) -> None:
    """Set a property of the step that writes to Elasticsearch, or take it off, while it runs."""
    counting.stop(PUT)
    put = process_groups.trigger(counting.group, PUT)
    wait_until(
        lambda: (
            not nipyapi.canvas.get_processor(
                put.id, "id"
            ).status.aggregate_snapshot.active_thread_count
        ),
        "it has stopped",
    )
    put = process_groups.trigger(counting.group, PUT)
    nipyapi.canvas.update_processor(put, nipyapi.nifi.ProcessorConfigDTO(properties={name: value}))
    nipyapi.canvas.schedule_processor(process_groups.trigger(counting.group, PUT), True)


def test_a_source_without_records_is_no_success(counting: Pipeline) -> None:
    result = counting.command.ok("run", counting.name, "--set", "count=0", code=8)
    assert "gave no record" in result.stderr
    assert "--allow-empty" in result.stderr
    counting.command.ok("run", counting.name, "--set", "count=0", "--allow-empty")


def test_a_file_that_cannot_be_read_is_no_success(
    idemflow: Idemflow, project: Project, shared_folder: Path
) -> None:
    """A typed column that the header lacks: nothing of the file is read."""
    source = Source(idemflow, project, "no-column", shared_folder)
    source.describe("format: csv, csv: {types: {amount: integer}}")
    file = source.write("rows.csv", "id,name\n1,a\n")
    result = source.command.ok("run", source.name, code=7)
    assert "1 record could not go in" in result.stderr
    assert "amount" in source.command.ok("dead-letters", "list", source.name).stdout
    file.unlink()
    # Where files should be, there never was one that could be read.
    assert "gave no record" in source.command.ok("run", source.name, code=8).stderr


def test_ctrl_c_says_what_goes_on_and_cancel_drops_it(counting: Pipeline) -> None:
    command, name = counting.command, counting.name
    # The steps are started first, then Load is stopped: its records wait.
    counting.project.change(name, "identity: id", "identity: id\nload: {batch: 1}")
    command.ok("deploy", name)
    blocked = command.elasticsearch()
    blocked.indices.create(index=name)
    blocked.indices.put_settings(index=name, settings={"index.blocks.write": True})
    process = command.start("run", name)
    ledger = command.ledger()
    wait_until(lambda: len(ledger.run_ids(name)) == 1, "the run has begun", seconds=60)
    (run,) = ledger.run_ids(name)
    # verify does not call "missing" what is on its way.
    judged = command.json("verify", name)
    assert (judged["running"], judged["equal"], judged["unsettled"]) == (True, True, 20)
    assert f"{name} is running" in command.ok("verify", name).stdout
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert f"the run {run} goes on in NiFi" in said
    assert f"idemflow cancel {run}" in said

    refused = command.fail("cancel", run)
    assert (refused.code, "--yes" in refused.stderr) == (2, True)
    assert monitoring.activity(counting.group).queued >= 20
    dropped = command.json("cancel", run, "--yes")
    assert dropped["flow_files"] >= 20
    assert monitoring.activity(counting.group).queued == 0
    # A step that starts again is at work for a moment, without a FlowFile.
    wait_until(lambda: monitoring.activity(counting.group).idle, "the steps run again")
    blocked.indices.put_settings(index=name, settings={"index.blocks.write": None})
    assert "Nothing was dropped" in command.ok("cancel", name, "--yes").stdout
    # What was dropped is told, until it is loaded again.
    assert command.json("verify", name, code=5)["missing_count"] == 20
    assert command.json("run", name)["documents"] == 20
    assert command.json("verify", name)["equal"] is True
    assert (
        "there is no run and no pipeline" in command.fail("cancel", "20200101T000000000-x").stderr
    )


def test_flow_files_that_go_round_are_no_progress(
    counting: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Elasticsearch does not take is tried again each second: it moves, and nothing ends."""
    monkeypatch.setattr(_stall, "PATIENCE", 3.0)
    monkeypatch.setattr(runs_progress, "LINE_EVERY", 0.5)
    command, name = counting.command, counting.name
    counting.project.change(name, "identity: id", "identity: id\nload: {retry_after: 1 s}")
    command.ok("deploy", name)
    with command.elasticsearch() as blocked:
        blocked.indices.create(index=name)
        blocked.indices.put_settings(index=name, settings={"index.blocks.write": True})
        refused = command.ok("run", name, code=1)
        blocked.indices.put_settings(index=name, settings={"index.blocks.write": None})
    assert "for 4 s no record has come to its end (0 of 20 are documents or dead" in refused.stderr
    waiting = refused.stderr.partition("Waiting: ")[2].splitlines()[0]
    assert PUT in waiting
    assert "blocked by: [FORBIDDEN/8/index write" in refused.stderr
    assert f"idemflow open {name}" in refused.stderr
    # There is no terminal: a line says what is waited for.
    assert "run 1: 0 of 20 records are documents or dead letters; " in refused.stderr
    wait_until(lambda: monitoring.activity(counting.group).idle, "the run goes on by itself")
    assert command.json("verify", name)["documents"] == 20


def test_a_source_that_takes_its_time_is_not_given_up(
    counting: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_stall, "PATIENCE", 2.0)
    command, name = counting.command, counting.name
    slow = 'def records(count):\n    import time\n    time.sleep(6)\n    yield {"id": 1}\n'
    (counting.project.path / f"scripts/{name}.py").write_text(slow)
    counting.project.change(name, "identity: id", "identity: id\nload: {retry_after: 1 s}")
    assert command.json("run", name)["documents"] == 1


def test_a_wrong_file_hinders_no_other_pipeline_and_nothing_that_ends_its_own(
    counting: Pipeline,
) -> None:
    command, name = counting.command, counting.name
    flows = counting.project.path / "flows"
    (flows / "a-bomb.yaml").write_text(BOMB)
    # The others: each command, and those on all pipelines.
    assert command.json("run", name)["documents"] == 20
    states = {one["name"]: one["state"] for one in command.json("status")["pipelines"]}
    assert (states["a-bomb"], states[name]) == ("not deployed", "running")
    refused = command.ok("prune", "--json", code=2)
    assert [one["pipeline"] for one in refused.json()["pipelines"]] == [name]
    assert "flows/a-bomb.yaml:5: is not read: it has more than 10,000 values" in refused.stderr
    # Its own: what looks at it or ends something needs its name alone.
    (flows / "a-bomb.yaml").unlink()
    counting.project.change(name, "identity: id", "identity: [id")
    assert command.ok("drift", code=2).stderr.startswith(f"error: flows/{name}.yaml")
    assert command.json("stop", name, "--all")["running"] is False
    control.run_once(counting.group)
    wait_until(lambda: monitoring.activity(counting.group).queued == 1, "the trigger waits")
    assert command.json("cancel", name, "--yes")["flow_files"] == 1
    assert command.json("dead-letters", "list", name)["total"] == 0
    assert command.json("source", "show", name)["states"] == []
    # Nor is the file itself needed; but a name must mean something.
    (flows / f"{name}.yaml").unlink()
    assert command.json("stop", name)["running"] is False
    assert "there is no pipeline 'nobody'" in command.fail("stop", "nobody").stderr


def test_documents_of_a_closed_index_wait_and_are_no_dead_letters(counting: Pipeline) -> None:
    counting.command.ok("run", counting.name)
    waits_for(counting, counting.name, "documents not taken now and tried again: closed")


def test_an_entry_of_the_ledger_that_is_refused_waits_and_says_so(counting: Pipeline) -> None:
    """Not as a dead letter: the run would never be accounted for, and end with losses."""
    waits_for(counting, MANIFESTS, "an entry of the ledger, in idemflow-manifests, is refused")


def waits_for(counting: Pipeline, index: str, told: str) -> None:
    """A run waits while an index is closed, says why, and loses nothing."""
    command, name = counting.command, counting.name
    counting.project.change(name, "identity: id", "identity: id\nload: {retry_after: 1 s}")
    command.ok("deploy", name)
    bulletin = monitoring.last_bulletin()
    with command.elasticsearch() as elasticsearch:
        elasticsearch.indices.close(index=index)
        try:
            control.run_once(counting.group)
            wait_until(
                lambda: any(
                    told in one.message
                    for one in monitoring.bulletins(counting.group, after=bulletin)
                ),
                "a bulletin says what waits",
            )
        finally:
            elasticsearch.indices.open(index=index, wait_for_active_shards="1")
    wait_until(lambda: monitoring.activity(counting.group).idle, "the run goes on")
    report = command.json("verify", name)
    assert (report["documents"], report["equal"]) == (20, True)
    assert command.json("dead-letters", "list", name)["letters"] == []
