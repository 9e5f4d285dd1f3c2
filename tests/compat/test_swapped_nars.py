"""The official PutElasticsearchJson takes the bundle's place under a canvas, and back again.

`make compat` runs this, on a runtime of its own. The tests build on each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nipyapi
import pytest

from idemflow.canvas import client, control, monitoring, process_groups
from tests.compat import official
from tests.conftest import started
from tests.integration.tools import (
    Idemflow,
    Project,
    identify,
    in_repository,
    on_free_ports,
    put_step,
    readable_folder,
    wait_until,
    waiting,
)

pytestmark = pytest.mark.timeout(900)

SCRIPT = """
    def records(count):
        for number in range(count):
            yield {"id": number, "at": number + 1, "price": 1.10}
"""
# Of many documents a FlowFile, and of one each.
MANY, ONE = "many", "one"
UNKNOWN = ["Identifier Field", "Input Content Format", "Operation Field", "Retain Identifier Field",
           "Version Field"]  # fmt: skip


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with readable_folder() as made:
        yield made


@pytest.fixture(scope="module")
def command(folder: Path, request: pytest.FixtureRequest) -> Iterator[Idemflow]:
    """A runtime with both pipelines, run, committed, and with FlowFiles on their way."""
    place = folder / "project"
    place.mkdir()
    git = in_repository(place)
    git("init", "-q", "-b", "main")
    identify(git)
    project = Project(place)
    for name, batch in ((MANY, 20), (ONE, 1)):
        extra = f"version: {{field: at, type: integer}}\nload: {{batch: {batch}}}\n"
        project.pipeline(name, SCRIPT, extra)
        project.change(name, "function: records", "function: records\n  arguments: {count: 50}")
    git("add", ".")
    git("commit", "-q", "-m", "Add the pipelines")
    made = on_free_ports(project=str(place), home=str(folder / "home"))
    before = request.session.testsfailed
    with started(made, failed=lambda: request.session.testsfailed > before, logs="swapped"):
        for name in (MANY, ONE):
            assert made.json("run", name)["documents"] == 50
            made.json("flow", "commit", name, "-m", "Load it")
        yield made


def swap(command: Idemflow, *options: str) -> None:
    """Start the same runtime with other NARs, and look at its canvas."""
    command.ok("down")
    command.json("up", *options)
    client.connect(command.target().nifi)


def hold(name: str) -> None:
    """Let documents of a run of its own wait for a step that is stopped."""
    nipyapi.canvas.schedule_processor(put_step(name), False)
    control.run_once(process_groups.find_id(name))
    wait_until(lambda: waiting(name) > 0 and _elsewhere(name) == 0, "documents wait")


def _elsewhere(name: str) -> int:
    """FlowFiles that have not come to that step yet."""
    found = monitoring.activity(process_groups.find_id(name))
    return found.active + found.queued - waiting(name)


def arrived(command: Idemflow, name: str) -> None:
    wait_until(lambda: waiting(name) == 0, "nothing waits")
    wait_until(lambda: monitoring.activity(process_groups.find_id(name)).idle, "all arrived")
    found = command.json("verify", name)
    assert found["equal"], found
    assert command.json("dead-letters", "list", name)["letters"] == []


def test_the_official_type_takes_its_place(command: Idemflow, folder: Path) -> None:
    client.connect(command.target().nifi)
    for name in (MANY, ONE):
        hold(name)
    nars = official.build(folder / "nars", command.settings().cache)
    swap(command, "--nars", str(nars))
    # What one document a FlowFile needs is the same; of many it is told, everywhere.
    states = {one["pipeline"]: one for one in command.json("flow", "status")["pipelines"]}
    assert states[ONE]["misfits"] == []
    assert states[MANY]["misfits"] == UNKNOWN
    assert "does not fit this NiFi" in command.ok("flow", "status", MANY).stdout
    drift = command.run("drift", MANY)
    assert drift.code == 6
    assert "Input Content Format" in drift.stdout
    assert command.run("drift", ONE).code == 0
    nipyapi.canvas.schedule_processor(put_step(ONE), True)
    arrived(command, ONE)
    version = command.json("flow", "log", MANY)["versions"][0]["id"]
    refused = command.fail("deploy", f"{MANY}@{version}", "--force")
    assert "was drawn for another NiFi" in " ".join(refused.stderr.split())


def test_a_deployment_draws_it_anew_and_loses_nothing(command: Idemflow) -> None:
    assert waiting(MANY) > 0
    changed = command.json("deploy", MANY)["changes"]
    assert {"Input Content Format", "Identifier Attribute"} <= {one["property"] for one in changed}
    arrived(command, MANY)
    assert command.json("flow", "status", MANY)["pipelines"][0]["misfits"] == []
    assert command.run("drift", MANY).code == 0
    for name in (MANY, ONE):
        assert command.json("run", name)["documents"] == 50


def test_the_bundle_takes_its_place_again(command: Idemflow) -> None:
    """NARs that were given once are remembered; to forget them is said."""
    hold(MANY)
    assert waiting(MANY) >= 50
    command.ok("down")
    command.ok("up")
    assert list((command.settings().home / "nifi/nars").glob(f"*{official.NAME}*"))
    swap(command, "--no-nars")
    assert command.json("flow", "status", MANY)["pipelines"][0]["misfits"] == []
    command.json("deploy", MANY)
    arrived(command, MANY)
    for name in (MANY, ONE):
        assert command.json("run", name)["documents"] == 50
    # The version of before the swap is as good as it was.
    first = command.json("flow", "log", MANY)["versions"][-1]["id"]
    command.json("flow", "checkout", MANY, first)
    assert command.json("run", MANY, "--as-deployed")["documents"] == 50
