"""Real ``kill -9`` of the recorded processes, at every stage of a run of 20,000 people.

Afterwards the servers are started again with ``idemflow up`` and nothing else is done: the run
completes by itself. Exactly 20,000 documents, contents as sent, no dead letter.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import nipyapi
import psutil
import pytest

from idemflow.canvas import client, control
from idemflow.canvas.flow import PUT
from idemflow.canvas.replay import REPLAY_TRIGGER
from idemflow.canvas.sources import TRIGGER
from idemflow.errors import Unreachable
from idemflow.runtime.state import read_state
from tests.integration.tools import Idemflow, Project, saved_steps, wait_until

pytestmark = pytest.mark.timeout(420)

PEOPLE = 20_000
TRIGGERS = {TRIGGER, REPLAY_TRIGGER}


class Crowd:
    """A pipeline of 20,000 people on the running servers."""

    def __init__(self, idemflow: Idemflow, project: Project, name: str) -> None:
        project.copy_people()
        (project.path / "flows/people.yaml").rename(project.path / f"flows/{name}.yaml")
        project.change(name, "pipeline: people", f"pipeline: {name}")
        project.change(name, "  name: people", f"  name: {name}")
        project.change(name, "records: 1000", f"records: {PEOPLE}")
        self.name = name
        self.command = idemflow.inside(project.path)
        self.command.json("deploy", name)
        self.connect()
        self.ledger = idemflow.ledger()
        self.group = control.group_id(name)
        wait_until(self.saved, "NiFi saves that the steps were started")

    def saved(self) -> bool:
        """Whether a NiFi that is killed now starts the steps again."""
        steps = saved_steps(self.command, self.name)
        states = {step["scheduledState"] for name, step in steps.items() if name not in TRIGGERS}
        return states == {"RUNNING"}

    def connect(self) -> None:
        """Log in again: a restarted NiFi knows no earlier login."""
        client.connect(self.command.runtime().nifi)

    def kill(self, *servers: str) -> None:
        """``kill -9`` of recorded servers, and wait until they are gone."""
        running = read_state(self.command.settings().folders.state).running()
        for server in servers:
            os.kill(running[server].pid, signal.SIGKILL)
        _, alive = psutil.wait_procs([running[server] for server in servers], timeout=30)
        assert not alive

    def documents(self) -> int:
        """How many documents are there."""
        self.ledger.refresh(self.name)
        return self.ledger.count(self.name)

    def collecting(self) -> bool:
        """The generator runs: nothing has come out of it yet."""
        activity = control.activity(self.group)
        return activity.active > 0 and 0 < activity.queued < 10

    def loading(self) -> bool:
        """Some documents are there, most are not."""
        try:
            return 0 < self.documents() < PEOPLE // 2
        except Unreachable:  # the index has just been made
            return False

    def completes(self) -> None:
        """The servers are started again: the run goes on by itself, and a re-run adds nothing."""
        self.command.ok("up")
        self.connect()
        try:
            wait_until(lambda: bool(self.ledger.run_ids(self.name)), "the summary", seconds=120)
        except AssertionError as error:
            now, said = control.activity(self.group), control.bulletins(self.group)
            raise AssertionError(f"{error}; {now}; {said}") from None
        wait_until(lambda: self.documents() == PEOPLE, "all people arrive", seconds=120)
        wait_until(lambda: control.activity(self.group).queued == 0, "the queue empties")
        (run,) = self.ledger.run_ids(self.name)
        assert self.ledger.dead_letters(run) == set()
        self.check()
        report = self.command.json("run", self.name, "--records", "500")
        assert report["documents"] == PEOPLE
        assert report["runs"][0]["overwritten"] == 500
        self.check()

    def check(self) -> None:
        report = self.command.json("verify", self.name)
        assert report["equal"] is True
        assert report["documents"] == report["expected"] == PEOPLE
        assert report["checksum"] == report["expected_checksum"]


@pytest.fixture
def crowd(
    request: pytest.FixtureRequest, idemflow: Idemflow, project: Project
) -> Callable[[], Crowd]:
    """Deploys a pipeline with an index of its own."""
    name = request.node.name.removeprefix("test_").replace("_", "-")
    return lambda: Crowd(idemflow, project, name)


def test_nifi_killed_while_collecting(crowd: Callable[[], Crowd]) -> None:
    people = crowd()
    control.run_once(people.group)
    wait_until(people.collecting, "the generator runs")
    people.kill("nifi")
    assert people.documents() == 0
    people.completes()


def test_nifi_killed_while_queued(crowd: Callable[[], Crowd]) -> None:
    people = crowd()
    put = next(item for item in control.processors(people.group) if item.component.name == PUT)
    nipyapi.canvas.schedule_processor(put, False)
    control.run_once(people.group)
    wait_until(
        lambda: control.activity(people.group).queued > PEOPLE,
        "the people wait before Load",
        seconds=120,
    )
    people.kill("nifi")
    assert people.documents() == 0
    people.command.ok("up")
    people.connect()
    assert control.activity(people.group).queued > PEOPLE
    control.start_steps(people.group)
    people.completes()


def test_nifi_killed_while_loading(crowd: Callable[[], Crowd]) -> None:
    people = crowd()
    control.run_once(people.group)
    wait_until(people.loading, "the first documents arrive", seconds=120)
    people.kill("nifi")
    assert people.documents() < PEOPLE
    people.completes()


def test_elasticsearch_killed_while_loading(crowd: Callable[[], Crowd]) -> None:
    people = crowd()
    control.run_once(people.group)
    wait_until(people.loading, "the first documents arrive", seconds=120)
    people.kill("elasticsearch")
    # The flow notices: what cannot be sent comes back to be tried again, none of it as an error.
    wait_until(
        lambda: any(
            "PutElasticsearchJson" in item.message or item.name == PUT
            for item in control.bulletins(people.group)
        ),
        "NiFi reports the outage",
    )
    assert control.activity(people.group).queued > 0
    people.completes()


def test_both_killed_while_loading(crowd: Callable[[], Crowd]) -> None:
    people = crowd()
    control.run_once(people.group)
    wait_until(people.loading, "the first documents arrive", seconds=120)
    people.kill("elasticsearch", "nifi")
    people.completes()


def test_a_reboot_while_a_command_waits(crowd: Callable[[], Crowd]) -> None:
    """Everything is killed, the command that waits for the run included."""
    people = crowd()
    waiting = people.command.start("run", people.name)
    wait_until(people.loading, "the first documents arrive", seconds=120)
    waiting.kill()
    waiting.communicate(timeout=30)
    people.kill("nifi", "elasticsearch")
    people.completes()


def test_elasticsearch_down_before_a_run(crowd: Callable[[], Crowd]) -> None:
    people = crowd()
    people.kill("elasticsearch")
    refused = people.command.fail("run", people.name)
    assert refused.code == 3
    assert "idemflow up" in refused.stderr
    # On the canvas the operator can start a run all the same: it waits.
    control.run_once(people.group)
    wait_until(
        lambda: control.activity(people.group).queued > PEOPLE, "the people wait", seconds=120
    )
    people.completes()


def test_a_waiting_command_sees_an_outage_through(crowd: Callable[[], Crowd]) -> None:
    """Elasticsearch dies and comes back while ``idemflow run`` waits: it reports as if nothing."""
    people = crowd()
    waiting = people.command.start("run", people.name, "--json")
    wait_until(people.loading, "the first documents arrive", seconds=120)
    people.kill("elasticsearch")
    people.command.ok("up")
    stdout, stderr = waiting.communicate(timeout=180)
    assert waiting.returncode == 0, stderr
    assert '"lost": 0' in stdout
    assert '"duplicates": 0' in stdout
    people.check()
