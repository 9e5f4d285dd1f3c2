"""The pipeline ``people`` on the canvas, as a person sees and uses it."""

from __future__ import annotations

import os
import re
import shutil
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from idemflow.canvas import client, monitoring, process_groups
from idemflow.canvas.flow import IDENTIFY, KEEP, PUT, TRIAGE, WRAP
from idemflow.canvas.replay import ASK, REPLAY_TRIGGER, UNPACK
from idemflow.drawing.collect import SCHEDULE, TRIGGER
from idemflow.elasticsearch.run_progress import RunProgress
from idemflow.sources.script.draw import COLLECT
from tests.browser.conftest import visit
from tests.browser.page import Canvas
from tests.integration.tools import (
    COUNTING,
    ROOT,
    Idemflow,
    Project,
    remove_pipeline,
    wait_until,
)

pytestmark = pytest.mark.timeout(600)

STEPS = {
    "Collect": {TRIGGER, SCHEDULE, COLLECT},
    "Identify": {IDENTIFY},
    "Load": {PUT, TRIAGE},
    "Dead letters": {WRAP, KEEP},
    "Replay": {REPLAY_TRIGGER, ASK, UNPACK},
}
# The documents of the runs of the last five minutes, and the runs' own entries.
THOUSANDS = re.compile(r"^[1-9]\d*,\d{3} ")
PICTURE = ROOT / "docs" / "images" / "canvas.png"


def test_a_wrong_password_opens_nothing(login_page: Canvas, deployed: Idemflow) -> None:
    login_page.log_in(deployed.target().nifi.username, "not the password")
    expect(login_page.page.get_by_role("dialog")).to_contain_text("not valid")
    expect(login_page.group("people")).to_have_count(0)


def test_people_is_on_the_canvas_and_healthy(canvas: Canvas) -> None:
    group = canvas.group("people")
    expect(group).to_be_visible()
    expect(group.locator("text.process-group-queued")).to_have_text("0 (0 bytes)")
    # Eight processors and eight ports run; what starts a run or a replay waits for that.
    for state, count in (("running", 16), ("stopped", 3), ("invalid", 0), ("disabled", 0)):
        number = group.locator(f"text.process-group-{state}-count")
        expect(number).to_have_text(re.compile(rf"^{count}\D"))


def test_the_steps_stand_from_left_to_right_with_nothing_overlapping(canvas: Canvas) -> None:
    canvas.enter("people")
    boxes = {name: canvas.group(name).bounding_box() for name in STEPS}
    assert all(boxes.values())
    collect, identify, load, letters, replay = (box for box in boxes.values() if box)
    assert collect["x"] + collect["width"] < identify["x"]
    assert identify["x"] + identify["width"] < load["x"]
    assert collect["y"] == identify["y"] == load["y"]
    assert letters["x"] == load["x"]
    assert letters["y"] > load["y"] + load["height"]
    assert replay["x"] == collect["x"]
    assert replay["y"] > collect["y"] + collect["height"]
    assert len(canvas.boxes()) == 12, "five groups, the labels of five connections and two notes"
    assert canvas.overlapping() == []
    assert canvas.out_of_view() == []


@pytest.mark.parametrize("window", [(1280, 800), (1440, 640), (1920, 1080)])
def test_the_first_view_shows_all_steps_beside_nifis_open_panels(
    browser: Browser, deployed: Idemflow, window: tuple[int, int]
) -> None:
    nifi = deployed.target().nifi
    with visit(browser, nifi.url, *window) as first:
        first.log_in(nifi.username, nifi.password)
        expect(first.group("people")).to_be_visible()
        first.enter("people")
        assert [name for name in first.out_of_view() if "Drawn by idemflow" not in name] == []


@pytest.mark.parametrize("name", STEPS)
def test_inside_a_step_nothing_overlaps(canvas: Canvas, name: str) -> None:
    canvas.enter("people")
    canvas.enter(name)
    for processor in STEPS[name]:
        expect(canvas.processor(processor)).to_be_visible()
    expect(canvas.page.locator("g.processor")).to_have_count(len(STEPS[name]))
    assert len(canvas.boxes()) >= len(STEPS[name]) + 3, "there are ports and connections too"
    assert canvas.overlapping() == []


def test_run_once_from_the_menu_loads_a_thousand_people(canvas: Canvas, deployed: Idemflow) -> None:
    ledger = deployed.ledger()
    known = set(ledger.run_ids("people"))
    canvas.enter("people")
    canvas.enter("Collect")
    canvas.choose(canvas.processor(TRIGGER), "Run Once")

    def arrived() -> bool:
        runs = [RunProgress(ledger, run) for run in set(ledger.run_ids("people")) - known]
        return [run.records for run in runs if run.accounted] == [1000]

    wait_until(arrived, "a run of a thousand people is in the ledger")
    report = deployed.json("verify", "people")
    assert report["documents"] == 1000
    assert report["equal"] is True
    canvas.leave_to("people")
    expect(canvas.statistic("Load", "in")).to_contain_text(THOUSANDS)


def test_nifis_start_of_a_group_runs_what_has_a_schedule_and_nothing_else(
    canvas: Canvas, deployed: Idemflow, project: Project
) -> None:
    """An operator stops and starts whole groups from NiFi's own menu."""
    project.pipeline("unscheduled", COUNTING)
    project.change("unscheduled", "function: records", "function: records\n  arguments: {count: 3}")
    project.pipeline("scheduled", COUNTING, "schedule: 1 day\n")
    project.change("scheduled", "function: records", "function: records\n  arguments: {count: 3}")
    command = deployed.inside(project.path)
    client.connect(deployed.target().nifi)
    ledger = deployed.ledger()
    groups = {}
    for name in ("unscheduled", "scheduled"):
        command.json("deploy", name)
        groups[name] = process_groups.find_id(name)
    canvas.refresh()
    for name, group in groups.items():
        canvas.choose(canvas.group(name), "Stop")
        wait_until(partial(is_in, group, "STOPPED"), f"{name} stops")
        canvas.choose(canvas.group(name), "Start")
        wait_until(partial(is_in, group, "RUNNING"), f"{name} runs")
    wait_until(lambda: len(ledger.run_ids("scheduled")) == 1, "the run of its schedule")
    wait_until(lambda: monitoring.activity(groups["scheduled"]).queued == 0, "it has arrived")
    # No run of the other one, and no replay of either.
    assert called(groups["unscheduled"]) == {TRIGGER: 0, SCHEDULE: 0, REPLAY_TRIGGER: 0}
    assert called(groups["scheduled"]) == {TRIGGER: 0, SCHEDULE: 1, REPLAY_TRIGGER: 0}
    assert ledger.run_ids("unscheduled") == []
    rows = {row["name"]: row for row in command.json("status")["pipelines"]}
    assert (rows["scheduled"]["every"], rows["scheduled"]["schedule"]) == ("1 day", "yaml")
    assert (rows["unscheduled"]["every"], rows["unscheduled"]["schedule"]) == (None, None)
    assert command.json("run", "unscheduled")["documents"] == 3
    assert "no schedule" in command.fail("start", "unscheduled").stderr
    assert "idemflow stop scheduled" in command.fail("run", "scheduled").stderr
    for name in groups:
        remove_pipeline(name)


def is_in(group: str, state: str) -> bool:
    """Whether all processors of a group are in a state."""
    return {part.component.state for part in process_groups.processors(group)} == {state}


def called(group: str) -> dict[str, int]:
    """How often NiFi has called what starts a run or a replay."""
    return {
        part.component.name: int(part.status.aggregate_snapshot.task_count)
        for part in process_groups.processors(group)
        if part.component.name in process_groups.TRIGGERS
    }


def test_view_documentation_shows_properties_relationships_and_examples(canvas: Canvas) -> None:
    canvas.enter("people")
    canvas.enter("Load")
    canvas.choose(canvas.processor(PUT), "View Documentation")
    page = canvas.page
    for shown in (
        "PutElasticsearchJson 0.1.0",
        "Identifier Field",
        "Client Service*",
        "successful",
    ):
        expect(page.get_by_text(shown, exact=True).first).to_be_visible()
    page.get_by_text("Additional Details", exact=True).click()
    expect(page.get_by_role("heading", name="(NDJSON)")).to_be_visible()
    page.go_back()
    expect(canvas.processor(PUT)).to_be_visible()


def test_the_picture_in_the_readme(canvas: Canvas, tmp_path: Path) -> None:
    """Takes the README's picture; ``SCREENSHOTS=1`` keeps it."""
    canvas.enter("people")
    expect(canvas.statistic("Load", "in")).to_contain_text(THOUSANDS)
    taken = tmp_path / "canvas.png"
    canvas.page.screenshot(path=taken)
    assert 20_000 < taken.stat().st_size < 300_000
    if os.environ.get("SCREENSHOTS"):
        PICTURE.parent.mkdir(exist_ok=True)
        shutil.copyfile(taken, PICTURE)
    assert PICTURE.read_bytes().startswith(b"\x89PNG"), "make it with SCREENSHOTS=1"
    assert PICTURE.stat().st_size < 300_000
