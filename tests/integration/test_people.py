"""The pipeline ``people`` on the running servers, as a user runs it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import nipyapi
import pytest

from idemflow.canvas import (
    client,
    control,
    flow,
    monitoring,
    parameters,
    process_groups,
    schedule,
)
from idemflow.canvas.flow import KEEP, PUT
from idemflow.drawing.collect import NEVER, REQUEST, SCHEDULE
from idemflow.pipeline import spec
from tests.integration.tools import (
    ROOT,
    Idemflow,
    Project,
    is_as_previewed,
    put_step,
    wait_until,
    waiting,
)

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def people(idemflow: Idemflow) -> Idemflow:
    """The command, in a project with the shipped pipeline, run three times from nothing."""
    idemflow.elasticsearch().indices.delete(index="people", ignore_unavailable=True)
    report = idemflow.json("run", "people", "--times", "3")
    assert [run["sent"] for run in report["runs"]] == [1000, 1000, 1000]
    assert [run["created"] for run in report["runs"]] == [1000, 0, 0]
    assert [run["overwritten"] for run in report["runs"]] == [0, 1000, 1000]
    for run in report["runs"]:
        assert run["stale"] == run["dead_letters"] == run["duplicates"] == run["lost"] == 0
        assert run["seconds"] > 0
    assert report["documents"] == 1000
    return idemflow


@pytest.fixture
def canvas(people: Idemflow) -> Iterator[str]:
    """The id of the process group, with nipyapi logged in; all steps run again afterwards."""
    client.connect(people.target().nifi)
    group = process_groups.find_id("people")
    yield group
    schedule.stop(group)
    control.start_steps(group)


def test_the_index_is_as_previewed(people: Idemflow) -> None:
    assert is_as_previewed(people, "people", "people")


def test_the_contents_are_what_was_sent(people: Idemflow) -> None:
    report = people.json("verify", "people")
    assert report["equal"] is True
    assert report["documents"] == report["expected"] == 1000
    assert report["checksum"] == report["expected_checksum"]
    assert report["missing"] == report["extra"] == report["different"] == []


def test_the_documents_are_the_generators_records(people: Idemflow) -> None:
    from scripts.people import people as generate  # noqa: PLC0415

    documents = dict(people.ledger().documents("people"))
    assert documents == {str(person["id"]): person for person in generate(1000, 42)}


def test_the_mapping_is_the_yamls(people: Idemflow) -> None:
    mapping = people.elasticsearch().indices.get_mapping(index="people")
    assert mapping["people"]["mappings"]["properties"]["born"] == {"type": "date"}


@pytest.mark.usefixtures("canvas")
def test_other_arguments_for_a_run(people: Idemflow) -> None:
    from scripts.people import people as generate  # noqa: PLC0415

    before = parameters.values("idemflow people")
    refused = people.fail("run", "people", "--set", "seeds=7")
    assert refused.code == 2
    assert "it has records, seed" in refused.stderr
    assert "must be a whole number" in people.fail("run", "people", "--set", "seed=x").stderr
    (run,) = people.json("run", "people", "--set", "records=3", "--set", "seed=7")["runs"]
    assert (run["sent"], run["overwritten"]) == (3, 3)
    documents = dict(people.ledger().documents("people"))
    for person in generate(3, 7):
        assert documents[str(person["id"])] == person
    assert people.json("verify", "people")["equal"] is True
    assert parameters.values("idemflow people") == before
    people.json("run", "people")


def test_fewer_records_than_before_lose_nothing(people: Idemflow) -> None:
    report = people.json("run", "people", "--records", "10")
    assert report["runs"][0]["sent"] == report["runs"][0]["overwritten"] == 10
    assert report["documents"] == 1000
    # The parameter is back at the YAML's value: nothing differs.
    assert people.json("deploy", "people", "--dry-run")["changes"] == []


def revisions(group: str) -> dict[str, int]:
    """NiFi counts up a component's revision with every change."""
    parts = [nipyapi.canvas.get_process_group(group, "id"), *process_groups.processors(group)]
    return {part.id: part.revision.version for part in parts}


def test_deploying_again_changes_nothing(people: Idemflow, canvas: str) -> None:
    before = revisions(canvas)
    report = people.json("deploy", "people")
    assert report["created"] is False
    assert report["changes"] == []
    assert revisions(canvas) == before


TASKS = "concurrentlySchedulableTaskCount"


def test_the_audit_finds_it_idempotent_on_the_canvas(people: Idemflow, canvas: str) -> None:
    found = people.json("audit", "--process-group", canvas)
    assert found["verdict"] == "idempotent"
    assert {one["sink"]["name"] for one in found["paths"]} == {PUT, KEEP}
    assert {one["effect"] for one in found["findings"]} <= {"holds only if", "note"}


def test_a_changed_yaml_changes_just_that_and_keeps_what_is_queued(
    people: Idemflow, canvas: str, project: Project
) -> None:
    put = next(item for item in process_groups.processors(canvas) if item.component.name == PUT)
    nipyapi.canvas.schedule_processor(put, False)
    control.run_once(canvas)
    # A thousand records, the run's summary and at least one chunk of its manifest.
    wait_until(lambda: monitoring.activity(canvas).queued >= 1002, "records queue before Load")
    queued = monitoring.activity(canvas).queued
    project.copy_people()
    project.change("people", "tasks: 1 ", "tasks: 2 ")

    planned = people.json("--project", str(project.path), "deploy", "people", "--dry-run")
    expected = {
        "component": "people / Load / Put documents",
        "property": TASKS,
        "before": "1",
        "after": "2",
    }
    assert expected in planned["changes"]
    assert all(change["property"] == TASKS for change in planned["changes"])
    put = nipyapi.canvas.get_processor(put.id, "id")
    assert put.component.config.concurrently_schedulable_task_count == 1

    people.json("--project", str(project.path), "deploy", "people")
    put = nipyapi.canvas.get_processor(put.id, "id")
    assert put.component.config.concurrently_schedulable_task_count == 2
    assert queued >= 1002
    wait_until(lambda: monitoring.activity(canvas).queued == 0, "the queue empties")
    assert people.json("verify", "people")["equal"] is True
    people.json("deploy", "people")


def _waits(count: int) -> bool:
    return waiting("people") >= count


def test_another_batch_takes_what_is_queued(
    people: Idemflow, canvas: str, project: Project
) -> None:
    project.copy_people()
    command = people.inside(project.path)
    for before, after, flow_files in (("1", "5", 1000), ("5", "1", 1)):
        people.elasticsearch().indices.delete(index="people")
        nipyapi.canvas.schedule_processor(put_step("people"), False)
        control.run_once(canvas)
        wait_until(partial(_waits, flow_files), "all wait for Load")
        project.change("people", f"batch: {before} ", f"batch: {after} ")
        changed = {one["property"] for one in command.json("deploy", "people")["changes"]}
        assert {"Input Content Format", "Identifier Attribute"} <= changed
        wait_until(lambda: monitoring.activity(canvas).idle, "all have arrived")
        found = people.json("verify", "people")
        assert (found["equal"], found["documents"]) == (True, 1000)
    assert people.json("dead-letters", "list", "people")["letters"] == []
    people.json("deploy", "people")


def test_run_once_on_the_canvas_three_times(people: Idemflow, canvas: str) -> None:
    ledger = people.ledger()
    known = len(ledger.run_ids("people"))
    for _ in range(3):
        control.run_once(canvas)
    wait_until(lambda: len(ledger.run_ids("people")) == known + 3, "three runs")
    wait_until(lambda: monitoring.activity(canvas).queued == 0, "the queue empties")
    ledger.refresh("people")
    assert ledger.count("people") == 1000


def test_on_a_schedule(people: Idemflow, canvas: str) -> None:
    ledger = people.ledger()
    known = len(ledger.run_ids("people"))
    started = people.json("start", "people", "--every", "2 sec")
    assert (started["every"], started["of"], started["running"]) == ("2 sec", "canvas", True)
    assert in_status(people) == ("running", "2 sec", "canvas")
    refused = people.fail("run", "people")
    assert refused.code == 2
    assert "idemflow stop people" in refused.stderr
    wait_until(lambda: len(ledger.run_ids("people")) >= known + 2, "two scheduled runs")
    # A command that starts a run just then finds its own by its request.
    before = set(ledger.run_ids("people"))
    with parameters.lent(flow.context_name(spec.load(ROOT, "people")), REQUEST, "0badcafe"):
        wait_until(lambda: len(ledger.run_ids("people")) >= len(before) + 3, "three more runs")
    ends = [run.partition("-")[2] for run in set(ledger.run_ids("people")) - before]
    assert len(ends) == len(set(ends))
    assert "0badcafe" not in ends
    assert people.json("stop", "people")["running"] is False
    wait_until(lambda: monitoring.activity(canvas).queued == 0, "the queue empties")
    assert in_status(people) == ("running", None, None)
    # Another schedule than the YAML's is no reason against a run by hand.
    assert people.json("run", "people")["documents"] == 1000
    people.ok("stop", "people", "--all")
    assert in_status(people) == ("stopped", None, None)
    ledger.refresh("people")
    assert ledger.count("people") == 1000
    # What it has is what it starts on again.
    assert people.json("start", "people")["every"] == "2 sec"
    again = people.json("start", "people", "--from-yaml")
    assert (again["every"], again["of"]) == ("1 day", "yaml")
    people.ok("stop", "people")
    wait_until(lambda: monitoring.activity(canvas).queued == 0, "the queue empties")


def test_start_a_run_on_a_schedule_of_its_own(people: Idemflow, canvas: str) -> None:
    """An operator may give it one in NiFi's dialog, and idemflow once drew it so."""
    every_day = nipyapi.nifi.ProcessorConfigDTO(
        scheduling_strategy="TIMER_DRIVEN", scheduling_period="1 day"
    )
    nipyapi.canvas.update_processor(process_groups.trigger(canvas), every_day)
    nipyapi.canvas.schedule_processor(process_groups.trigger(canvas), True)
    assert in_status(people) == ("running", "1 day", "canvas")
    refused = people.fail("run", "people")
    assert "runs on a schedule" in refused.stderr
    assert "idemflow stop people" in refused.stderr
    people.ok("stop", "people")
    assert in_status(people) == ("running", None, None)
    people.json("deploy", "people", "--force")
    assert process_groups.trigger(canvas).component.config.scheduling_period == NEVER.period
    wait_until(lambda: monitoring.activity(canvas).queued == 0, "the queue empties")


def test_a_schedule_set_on_the_canvas_is_no_drift_and_stays(
    people: Idemflow, canvas: str, project: Project
) -> None:
    project.copy_people()
    command = people.inside(project.path)
    command.ok("start", "people", "--every", "20 min")
    assert command.json("drift", "people")["pipelines"][0]["from_yaml"] == []
    script = project.path / "scripts/people.py"
    script.write_text(script.read_text() + "# another line\n")
    report = command.json("deploy", "people")
    assert [change["property"] for change in report["changes"]] == ["Script Body"]
    assert in_status(command) == ("running", "20 min", "canvas")
    wait_until(lambda: monitoring.activity(canvas).queued == 0, "the queue empties")

    # The YAML says something else: that holds from now on.
    project.change("people", "schedule: 1 day ", "schedule: 2 days ")
    told = command.json("deploy", "people")["changes"]
    schedules = {(one["property"], one["before"], one["after"]) for one in told}
    assert ("schedule", "every 1 day", "every 2 days") in schedules
    assert ("schedulingPeriod", "20 min", "2 days") in schedules
    assert in_status(command) == ("running", "2 days", "yaml")
    assert "every 2 days (yaml)" in command.ok("status").stdout
    command.ok("stop", "people")
    people.json("deploy", "people", "--force")


def test_by_cron(people: Idemflow, canvas: str) -> None:
    ledger = people.ledger()
    known = len(ledger.run_ids("people"))
    hour = datetime.now(ZoneInfo("Asia/Tokyo")).hour
    times = f"*/2 * {hour},{(hour + 1) % 24} * * *"
    started = people.json("start", "people", "--cron", times, "--timezone", "Asia/Tokyo")
    assert (started["cron"], started["timezone"]) == (times, "Asia/Tokyo")
    wait_until(lambda: len(ledger.run_ids("people")) >= known + 2, "two runs by cron")
    shown = " ".join(people.ok("status").stdout.split())  # a narrow table breaks the line
    assert f"by cron {times} (Asia/Tokyo)" in shown
    assert "(canvas)" in shown
    # NiFi itself refuses this one, and goes on as it did.
    assert "99W" in people.fail("start", "people", "--cron", "0 0 6 99W * ?").stderr
    assert schedule.find(canvas).runs
    # NiFi looks each two seconds of this minute, but in Berlin it is another hour.
    hour = (datetime.now(ZoneInfo("Europe/Berlin")).hour + 3) % 24
    other = ("--cron", f"*/2 * {hour} * * *", "--timezone", "Europe/Berlin")
    assert people.json("start", "people", *other)["running"] is True
    wait_until(lambda: monitoring.activity(canvas).queued == 0, "the queue empties")
    known = len(ledger.run_ids("people"))
    looked = calls(canvas)
    wait_until(lambda: calls(canvas) >= looked + 3, "three looks", seconds=120)
    assert len(ledger.run_ids("people")) == known
    # Run Once is no matter of the clock, and does not stop it.
    control.run_once(canvas)
    wait_until(lambda: len(ledger.run_ids("people")) == known + 1, "a run by hand")
    assert f"by cron */2 * {hour} * * * (Europe/Berlin)" in people.ok("stop", "people").stdout
    people.json("start", "people", "--from-yaml")
    people.ok("stop", "people")
    wait_until(lambda: monitoring.activity(canvas).queued == 0, "the queue empties")
    ledger.refresh("people")
    assert ledger.count("people") == 1000


def calls(group: str) -> int:
    """How often NiFi has called *On schedule* in the last five minutes."""
    step = process_groups.trigger(group, SCHEDULE)
    return int(step.status.aggregate_snapshot.task_count)


def test_open_the_pipeline_in_the_browser(
    people: Idemflow, canvas: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, opened = tmp_path / "browser", tmp_path / "opened"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > "{opened}"\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    url = f"{people.target().nifi.url}/nifi/#/process-groups/{canvas}"
    for quiet in ("--print", "--json"):
        assert url in ended(people.start("open", "people", quiet))
    assert not opened.exists()
    assert f"Canvas: {url}\nUser: admin\n" in ended(people.start("open", "people"))
    wait_until(lambda: opened.exists() and opened.read_text() == url, "the browser is called")


def ended(process: subprocess.Popen[str]) -> str:
    """What a command printed, which succeeds."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


def test_idemflow_alone(people: Idemflow) -> None:
    found = people.json()
    (one,) = (one for one in found["pipelines"] if one["name"] == "people")
    assert (one["state"], one["every"], one["cron"]) == ("running", None, None)
    assert found["next_command"].startswith("idemflow ")
    assert "NiFi running, Elasticsearch running" in people.ok().stdout


def in_status(people: Idemflow) -> tuple[str, str | None, str | None]:
    """What ``status`` says of the steps of the pipeline, its schedule, and where that is from."""
    (found,) = (one for one in people.json("status")["pipelines"] if one["name"] == "people")
    return found["state"], found["every"], found["schedule"]


def test_a_period_that_is_none(people: Idemflow) -> None:
    refused = people.fail("start", "people", "--every", "often")
    assert refused.code == 2
    assert "5 min" in refused.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--cron", "0 25 * * *"), "'25' is no hour: 0 to 23"),
        (("--cron", "0 6 * * *", "--timezone", "Europe/Berln"), "did you mean 'Europe/Berlin'?"),
        (("--timezone", "Europe/Berlin"), "there is no --cron"),
        (("--cron", "0 6 * * *", "--every", "5 min"), "two schedules"),
        (("--cron", "0 6 * * *", "--from-yaml"), "two schedules"),
        (("--cron", "0 0 6 L * ?", "--timezone", "Europe/Berlin"), "has no time zone"),
    ],
)
def test_times_that_are_none(people: Idemflow, options: tuple[str, ...], said: str) -> None:
    refused = people.fail("start", "people", *options)
    assert refused.code == 2
    assert said in refused.stderr
    assert "next: " in refused.stderr


def test_verify_names_what_is_missing_extra_or_different(people: Idemflow) -> None:
    elasticsearch = people.elasticsearch()
    gone, changed, made_up = "person-0000001", "person-0000002", "made-up"
    elasticsearch.delete(index="people", id=gone)
    elasticsearch.update(index="people", id=changed, doc={"city": "Elsewhere"})
    elasticsearch.index(index="people", id=made_up, document={"id": made_up})
    try:
        result = people.fail("verify", "people", "--json")
        assert result.code == 5
        report = result.json()
        assert report["missing"] == [gone]
        assert report["different"] == [changed]
        assert report["extra"] == [made_up]
        assert report["checksum"] != report["expected_checksum"]
        shown = people.fail("verify", "people")
        assert all(identifier in shown.stdout for identifier in (gone, changed, made_up))
    finally:
        elasticsearch.delete(index="people", id=made_up)
    assert people.json("run", "people")["documents"] == 1000
    assert people.json("verify", "people")["equal"] is True


def test_many_missing_ids_are_cut_in_the_report_and_whole_in_a_file(
    people: Idemflow, tmp_path: Path
) -> None:
    elasticsearch = people.elasticsearch()
    gone = [f"person-{number:07}" for number in range(1, 31)]
    elasticsearch.bulk(operations=[{"delete": {"_index": "people", "_id": key}} for key in gone])
    file = tmp_path / "ids.ndjson"
    report = people.fail("verify", "people", "--json", "--ids", str(file)).json()
    assert report["missing"] == gone[:20]
    assert report["missing_count"] == 30
    assert file.stat().st_mode & 0o077 == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert sorted(line["id"] for line in lines) == gone
    assert {(line["problem"], line["index"]) for line in lines} == {("missing", "people")}
    assert "and 10 more" in people.fail("verify", "people").stdout
    nowhere = people.fail("verify", "people", "--ids", str(tmp_path / "no" / "ids.ndjson"))
    assert nowhere.code == 2
    assert "cannot be written" in nowhere.stderr
    assert people.json("run", "people")["documents"] == 1000
    assert not list(people.settings().folders.scratch.glob("*/"))


def test_the_password_is_nowhere_to_be_read(people: Idemflow, canvas: str) -> None:
    password = people.target().loader.password
    with client.errors():
        exported = nipyapi.nifi.ProcessGroupsApi().export_process_group(canvas)
    assert password not in str(exported)
    for log in people.settings().home.rglob("*.log"):
        assert password not in log.read_text(errors="replace"), log


def test_the_loader_may_only_write_its_indices(people: Idemflow) -> None:
    loader = people.elasticsearch(people.target().loader)
    with pytest.raises(Exception, match="security_exception"):
        loader.search(index="people")
    with pytest.raises(Exception, match="security_exception"):
        loader.index(index="something-else", document={})
    with pytest.raises(Exception, match="security_exception"):
        loader.indices.delete(index="people")


def test_every_shipped_pipeline_is_deployable(people: Idemflow, shared_folder: Path) -> None:
    people.ok("demo-db", "start")
    for name in ("flows", "scripts", "examples"):
        shutil.copytree(ROOT / name, shared_folder / name)
    command = people.inside(shared_folder)
    for name in spec.names(shared_folder):
        assert command.json("deploy", name)["changes"] == [] or name != "people"


def test_no_document_without_an_id(people: Idemflow, canvas: str) -> None:
    """An operator takes the Identifier Attribute away: nothing is written under a made-up id."""
    put = next(item for item in process_groups.processors(canvas) if item.component.name == PUT)
    name = next(
        key
        for key, item in put.component.config.descriptors.items()
        if item.display_name == "Identifier Attribute"
    )
    nipyapi.canvas.schedule_processor(put, False)
    without = nipyapi.nifi.ProcessorConfigDTO(properties={name: None})
    nipyapi.canvas.update_processor(put, without)

    changes = people.json("deploy", "people", "--dry-run")["changes"]
    assert [change["property"] for change in changes] == ["Identifier Attribute"]
    refused = people.fail("run", "people", "--as-deployed")
    assert "Put documents" in refused.stderr
    assert "Identifier Attribute" in refused.stderr

    assert "--force" in people.fail("deploy", "people").stderr
    people.json("deploy", "people", "--force")
    report = people.json("run", "people")
    assert report["documents"] == 1000
    assert people.json("verify", "people")["equal"] is True


def test_all_in_their_order(idemflow: Idemflow, project: Project) -> None:
    """One that fails hinders the one that is after it, and no other."""
    failing = "    def records():\n        yield {'no': 'id'}\n"
    project.pipeline("all-a", "    def records():\n        yield {'id': 1}\n", "after: all-b\n")
    project.pipeline("all-b", "    def records():\n        yield {'id': 1}\n")
    project.pipeline("all-c", failing)
    project.pipeline("all-d", failing, "after: [all-b, all-c]\n")
    command = idemflow.inside(project.path)
    found = command.json("run", "--all", code=7)
    assert [(one["pipeline"], one["code"], one["waits_for"]) for one in found["pipelines"]] == [
        ("all-b", 0, None), ("all-c", 7, None), ("all-a", 0, None), ("all-d", 7, "all-c"),
    ]  # fmt: skip
    assert [one["result"] and one["result"]["documents"] for one in found["pipelines"]] == [
        1, 0, 1, None,
    ]  # fmt: skip
    deployed = command.ok("deploy", "--all").stdout
    assert len([line for line in deployed.splitlines() if "nothing to do" in line]) == 3
