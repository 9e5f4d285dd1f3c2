"""The pipeline ``people`` on the canvas, as a person sees and uses it."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from idemflow.canvas.flow import IDENTIFY, KEEP, PUT, TRIAGE, WRAP
from idemflow.canvas.replay import ASK, REPLAY_TRIGGER, UNPACK
from idemflow.drawing.collect import TRIGGER
from idemflow.elasticsearch.run_progress import RunProgress
from idemflow.sources.script.draw import COLLECT
from tests.browser.page import Canvas
from tests.integration.tools import ROOT, Idemflow, wait_until

pytestmark = pytest.mark.timeout(600)

STEPS = {
    "Collect": {TRIGGER, COLLECT},
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
    # Eight processors and eight ports run; the triggers wait for a run and for a replay.
    for state, count in (("running", 16), ("stopped", 2), ("invalid", 0), ("disabled", 0)):
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
    assert len(canvas.boxes()) == 11, "five groups, the labels of five connections and the note"
    assert canvas.overlapping() == []
    assert canvas.out_of_view() == []


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
