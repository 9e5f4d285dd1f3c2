"""NiFi's *Version* menu in Chromium, next to git's own view."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FloatRect, Locator, expect

from idemflow.canvas.flow import PUT
from tests.browser.conftest import visit
from tests.browser.page import Canvas
from tests.integration.tools import (
    ROOT,
    Git,
    Idemflow,
    Project,
    commit_pipeline,
    deployed_from_git,
    remove_group,
)

pytestmark = pytest.mark.timeout(600)

# The project, the pipeline and the changes of docs/tutorial-versions.md, for its pictures.
NAME = "visitors"
FILE = f"flows/pipelines/{NAME}.json"
SCRIPT = """
    def records():
        for number in range(100):
            yield {"id": number, "name": f"Visitor {number}"}
"""
CHANGED_MENU = [
    "Commit Local Changes",
    "Show Local Changes",
    "Revert Local Changes",
    "Stop Version Control",
]
CHANGED = "This Process Group version has changed."
Picture = Callable[..., None]
MARGIN = 4.0  # pixels


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project's folder, of the tutorial's name."""
    folder = tmp_path / "museum"
    folder.mkdir()
    return Project(folder)


@pytest.fixture
def command(idemflow: Idemflow, project: Project, git: Git) -> Iterator[Idemflow]:
    """The pipeline in a project under git, on the canvas and running."""
    commit_pipeline(project, git, NAME, SCRIPT)
    with deployed_from_git(idemflow.inside(project.path), NAME) as made:
        yield made


@pytest.fixture
def canvas(browser: Browser, command: Idemflow) -> Iterator[Canvas]:
    """The canvas in a window that is high enough for NiFi's menus."""
    nifi = command.target().nifi
    with visit(browser, nifi.url, 1280, 800) as page:
        page.log_in(nifi.username, nifi.password)
        expect(page.group(NAME)).to_be_visible()
        yield page


@pytest.fixture
def picture(tmp_path: Path) -> Picture:
    """Takes a picture for the tutorial; ``SCREENSHOTS=1`` keeps it."""

    def take(name: str, *parts: Locator) -> None:
        """Take what is around some parts of the page."""
        taken = tmp_path / name
        parts[0].page.screenshot(path=taken, clip=around(parts), animations="disabled")
        assert 5_000 < taken.stat().st_size < 150_000
        kept = ROOT / "docs" / "images" / name
        if os.environ.get("SCREENSHOTS"):
            shutil.copyfile(taken, kept)
        assert kept.read_bytes().startswith(b"\x89PNG"), "make it with SCREENSHOTS=1"

    return take


def test_a_change_on_the_canvas_with_pictures(
    canvas: Canvas, command: Idemflow, git: Git, picture: Picture
) -> None:
    """Start version control, change something, commit it, and go back to the version before."""
    canvas.choose(canvas.group(NAME), "Version", "Start Version Control")
    canvas.select("Registry", "flows of museum")
    expect(canvas.dialog.get_by_label("Branch")).to_have_text("main")
    canvas.select("Bucket", "pipelines")
    canvas.fill(Flow_Name=NAME, Version_Comments="Load visitors")
    picture("versions-start.png", canvas.dialog)
    canvas.press("Save")
    canvas.expect_state(NAME, "up to date")
    first = history(command, git, "admin|Load visitors")

    set_tasks(canvas, "4")
    canvas.expect_state(NAME, "locally modified")
    canvas.choose(canvas.group(NAME), "Version", "Show Local Changes")
    expect(canvas.dialog).to_contain_text(f"changes have been made to {NAME} (Version {first})")
    expect_change(canvas, "1", "4")
    picture("versions-local-changes.png", canvas.dialog)
    canvas.press("Close")
    commit(canvas, "Load with four tasks")
    second = history(command, git, "admin|Load with four tasks", "admin|Load visitors")
    assert changed_lines(git, first, second) == [tasks_line("-", 1), tasks_line("+", 4)]

    canvas.choose(canvas.group(NAME), "Version", "Change Version")
    expect(canvas.dialog).to_contain_text("flows of museum")
    canvas.dialog.get_by_role("row", name="Load visitors").click()
    picture("versions-change.png", canvas.dialog)
    canvas.press("Change", last=False)
    expect(canvas.dialog).to_contain_text(CHANGED)
    canvas.press("Close")
    canvas.expect_state(NAME, "stale")
    assert tasks(canvas) == "1"
    assert history(command, git, "admin|Load with four tasks", "admin|Load visitors") == second
    canvas.version_icon(NAME).hover()
    tip = canvas.page.locator("version-control-tip").first
    expect(tip).to_contain_text(first)
    expect(tip).to_contain_text("A newer version of this flow is available")
    picture("versions-stale.png", canvas.group(NAME), tip)
    password = command.target().loader.password
    assert password
    assert password not in git("log", "-p")


def test_revert_local_changes_with_picture(
    canvas: Canvas, command: Idemflow, git: Git, picture: Picture
) -> None:
    """What was not committed goes, and git has no commit of it."""
    first = command.json("flow", "commit", NAME, "-m", "Load visitors")["version"]["id"]
    canvas.expect_state(NAME, "up to date")
    set_tasks(canvas, "6")
    canvas.expect_state(NAME, "locally modified")
    items = canvas.unfold(canvas.group(NAME), "Version")
    assert items.get_by_role("menuitem").all_inner_texts() == CHANGED_MENU
    picture("versions-menu.png", canvas.group(NAME), canvas.menu.first, items)
    items.get_by_text("Revert Local Changes").click()
    expect_change(canvas, "1", "6")
    canvas.press("Revert", last=False)
    expect(canvas.dialog).to_contain_text(CHANGED)
    canvas.press("Close")
    canvas.expect_state(NAME, "up to date")
    assert tasks(canvas) == "1"
    assert history(command, git, "admin|Load visitors") == first
    assert git("status", "--porcelain") == ""


def test_a_commit_of_a_person_in_between(
    canvas: Canvas, command: Idemflow, project: Project, git: Git
) -> None:
    """The canvas loses neither, and says what is the case; then stop, and import."""
    command.json("flow", "commit", NAME, "-m", "Load visitors")
    canvas.expect_state(NAME, "up to date")
    set_tasks(canvas, "4")
    canvas.choose(canvas.group(NAME), "Version", "Commit Local Changes")
    canvas.fill(Version_Comments="Load with four tasks")
    file = project.path / FILE
    file.write_text(file.read_text().replace('"1 sec"', '"2 sec"'))
    git("commit", "-q", "-a", "-m", "Yield for two seconds")
    hand = history(command, git, "Human|Yield for two seconds", "admin|Load visitors")
    canvas.press("Save", last=False)
    # NiFi itself refuses where its check of each minute has seen the commit of the person before.
    ours = (
        rf"pipelines/{NAME} changed in git since version.*Nothing was committed and the canvas is"
    )
    nifis = "not synchronized with the most recent version"
    expect(canvas.dialog).to_contain_text(re.compile(f"{ours}|{nifis}", re.DOTALL))
    canvas.press("Cancel")
    assert history(command, git, "Human|Yield for two seconds", "admin|Load visitors") == hand
    assert tasks(canvas) == "4"

    canvas.expect_state(NAME, "locally modified and stale")
    canvas.choose(canvas.group(NAME), "Version", "Commit Local Changes")
    expect(canvas.dialog).to_contain_text("Committing will ignore available upgrades")
    canvas.press("Yes", last=False)
    canvas.fill(Version_Comments="Four tasks")
    canvas.press("Save")
    canvas.expect_state(NAME, "up to date")
    forced = history(
        command, git, "admin|Four tasks", "Human|Yield for two seconds", "admin|Load visitors"
    )
    assert tasks_line("+", 4) in changed_lines(git, hand, forced)
    change_version(canvas, "Yield for two seconds")
    canvas.expect_state(NAME, "stale")
    assert tasks(canvas) == "1"

    canvas.choose(canvas.group(NAME), "Version", "Stop Version Control")
    canvas.press("Yes", last=False)
    expect(canvas.dialog).to_contain_text("no longer under version control")
    canvas.press("Ok")
    canvas.expect_state(NAME, "not under version control")
    assert state(command) == "not under version control"
    remove_group(NAME)
    canvas.refresh()
    expect(canvas.group(NAME)).to_have_count(0)
    canvas.drag_out("Import from Registry", 1000, 650)
    canvas.select("Registry", "flows of museum")
    expect(canvas.dialog.get_by_label("Bucket")).to_have_text("pipelines")
    expect(canvas.dialog.get_by_label("Flow", exact=True)).to_have_text(NAME)
    canvas.dialog.get_by_role("row", name="Four tasks").click()
    canvas.press("Import")
    canvas.expect_state(NAME, "up to date")
    assert tasks(canvas, running=False) == "4"
    assert state(command) == "up to date"
    assert git("rev-parse", "HEAD") == forced
    assert command.json("run", NAME)["documents"] == 100


def set_tasks(canvas: Canvas, after: str, before: str = "1") -> None:
    """Change the number of concurrent tasks of the processor that loads, in its dialog."""
    assert tasks(canvas) == before
    canvas.enter(NAME)
    canvas.enter("Load")
    canvas.configure(PUT, "Scheduling", Concurrent_Tasks=after)
    leave(canvas)


def tasks(canvas: Canvas, *, running: bool = True) -> str:
    """What the dialog of that processor shows; while it runs, nothing can be changed there."""
    canvas.enter(NAME)
    canvas.enter("Load")
    canvas.choose(canvas.processor(PUT), "View Configuration" if running else "Configure")
    canvas.dialog.get_by_role("tab", name="Scheduling").click()
    shown = canvas.dialog.get_by_label("Concurrent Tasks").input_value()
    canvas.press("Close" if running else "Cancel")
    leave(canvas)
    return shown


def leave(canvas: Canvas) -> None:
    """Go back to where the group is seen."""
    canvas.leave_to_root()
    expect(canvas.group(NAME)).to_be_visible()


def commit(canvas: Canvas, comment: str) -> None:
    """Commit local changes."""
    canvas.choose(canvas.group(NAME), "Version", "Commit Local Changes")
    canvas.fill(Version_Comments=comment)
    canvas.press("Save")
    canvas.expect_state(NAME, "up to date")


def change_version(canvas: Canvas, comment: str) -> None:
    """Change to the version of that comment."""
    canvas.choose(canvas.group(NAME), "Version", "Change Version")
    canvas.dialog.get_by_role("row", name=comment).click()
    canvas.press("Change", last=False)
    expect(canvas.dialog).to_contain_text(CHANGED)
    canvas.press("Close")


def expect_change(canvas: Canvas, before: str, after: str) -> None:
    """The dialog lists one change, of the tasks."""
    expect(canvas.dialog).to_contain_text("Displaying 1 of 1")
    row = canvas.dialog.locator("tbody tr")
    expect(row).to_contain_text([f"{PUT} Concurrent Tasks Changed From '{before}' to '{after}'"])


def state(command: Idemflow) -> str:
    """What the command says; it also brings the project's repository and NiFi's in step."""
    (found,) = command.json("flow", "status", NAME)["pipelines"]
    return str(found["state"])


def history(command: Idemflow, git: Git, *expected: str) -> str:
    """Check author and subject of the file's commits, newest first; the newest one's hash."""
    state(command)
    assert git("log", "--format=%an|%s", "--", FILE).splitlines() == list(expected)
    return git("log", "-1", "--format=%H", "--", FILE)


def changed_lines(git: Git, before: str, after: str) -> list[str]:
    """The lines of git's diff, without what stands around them."""
    lines = git("diff", "-U0", before, after).splitlines()
    return [line.replace(" ", "") for line in lines if line[:2] in ("- ", "+ ")]


def tasks_line(sign: str, count: int) -> str:
    return f'{sign}"concurrentlySchedulableTaskCount":{count},'


def around(parts: Sequence[Locator]) -> FloatRect:
    """The part of the window that shows all of some parts of the page."""
    boxes = [box for box in (part.bounding_box() for part in parts) if box is not None]
    assert len(boxes) == len(parts)
    left, top = (max(0.0, min(box[side] for box in boxes) - MARGIN) for side in ("x", "y"))
    right = max(box["x"] + box["width"] for box in boxes) + MARGIN
    bottom = max(box["y"] + box["height"] for box in boxes) + MARGIN
    return {"x": left, "y": top, "width": right - left, "height": bottom - top}
