"""Real ``kill -9`` of the recorded processes, at every stage of a run of thousands of people.

Afterwards the servers are started again with ``idemflow up``: the run completes by itself. Exactly
as many documents, contents as sent, no dead letter.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import nipyapi
import pytest

from idemflow.canvas import client, control, monitoring, process_groups
from idemflow.canvas.flow import PUT
from idemflow.canvas.replay import REPLAY_TRIGGER
from idemflow.commands import _patience, _session
from idemflow.commands import run as runs
from idemflow.commands._session import session
from idemflow.commands._watch import Silent, Watch
from idemflow.drawing.collect import SCHEDULE, TRIGGER
from idemflow.elasticsearch import verify as verification
from idemflow.elasticsearch.ledger import DEAD_LETTERS
from idemflow.errors import Unreachable
from idemflow.prove import on_disk
from idemflow.security.owner import servers_user
from tests.integration.tools import (
    COUNTING,
    ROOT,
    Idemflow,
    Project,
    kill,
    processes,
    saved_steps,
    wait_until,
)

pytestmark = pytest.mark.timeout(420)

# A kill is to hit while they are loaded: that takes a second or two.
PEOPLE = 20_000
# Those that only wait, or are slow to come.
FEWER = 5_000
TRIGGERS = {TRIGGER, SCHEDULE, REPLAY_TRIGGER}
SCRIPT = (ROOT / "scripts/people.py").read_text()
DELETING = """
    def records(count, gone):
        for number in range(count):
            yield {"id": number, "gone": number < gone}
"""


class Crowd:
    """A pipeline of that many people on the running servers."""

    def __init__(
        self, idemflow: Idemflow, project: Project, name: str, script: str, count: int
    ) -> None:
        project.copy_people(name, script)
        project.change(name, "records: 1000", f"records: {count}")
        self.count = count
        self.name = name
        self.command = idemflow.inside(project.path)
        self.command.json("deploy", name)
        self.connect()
        self.ledger = idemflow.ledger()
        self.group = process_groups.find_id(name)
        wait_until(self.saved, "NiFi saves that the steps were started")

    def saved(self) -> bool:
        """Whether a NiFi that is killed now starts the steps again."""
        steps = saved_steps(self.command, self.name)
        states = {step["scheduledState"] for name, step in steps.items() if name not in TRIGGERS}
        return states == {"RUNNING"}

    def connect(self) -> None:
        """Log in again: a restarted NiFi knows no earlier login."""
        client.connect(self.command.target().nifi)

    def documents(self) -> int:
        """How many documents are there."""
        self.ledger.refresh(self.name)
        return self.ledger.count(self.name)

    def collecting(self) -> bool:
        """The generator runs: nothing has come out of it yet."""
        activity = monitoring.activity(self.group)
        return activity.active > 0 and 0 < activity.queued < 10

    def loading(self) -> bool:
        """Some documents are there, most are not."""
        try:
            return 0 < self.documents() < self.count // 2
        except Unreachable:  # the index has just been made
            return False

    def waits(self) -> bool:
        """All people wait before Load."""
        return monitoring.activity(self.group).queued > self.count

    def completes(self) -> None:
        """The run goes on by itself, and a re-run adds nothing."""
        try:
            wait_until(lambda: bool(self.ledger.run_ids(self.name)), "the summary", seconds=120)
        except AssertionError as error:
            now, said = monitoring.activity(self.group), monitoring.bulletins(self.group)
            raise AssertionError(f"{error}; {now}; {said}") from None
        wait_until(lambda: self.documents() == self.count, "all people arrive", seconds=120)
        wait_until(lambda: monitoring.activity(self.group).queued == 0, "the queue empties")
        (run,) = self.ledger.run_ids(self.name)
        assert self.ledger.count(DEAD_LETTERS, {"term": {"run": run}}) == 0
        self.check()
        report = self.command.json("run", self.name, "--records", "500")
        assert report["documents"] == self.count
        assert report["runs"][0]["overwritten"] == 500
        self.check()

    def check(self) -> None:
        report = self.command.json("verify", self.name)
        assert report["equal"] is True
        assert report["documents"] == report["expected"] == self.count
        assert report["checksum"] == report["expected_checksum"]


@pytest.fixture
def crowd(idemflow: Idemflow, project: Project) -> Callable[..., Crowd]:
    """Deploys a pipeline of that name with an index of its own."""
    return lambda name, script=SCRIPT, count=PEOPLE: Crowd(idemflow, project, name, script, count)


def test_nifi_killed_while_collecting_while_queued_and_while_loading(
    idemflow: Idemflow, crowd: Callable[..., Crowd], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One kill hits three pipelines, each at another stage."""
    queued, loading = crowd("killed-while-queued", count=FEWER), crowd("killed-while-loading")
    # A slower source: it still collects when the other one loads.
    slow = SCRIPT.replace("yield {", "import time; time.sleep(0.002)\n        yield {")
    assert slow != SCRIPT
    collecting = crowd("killed-while-collecting", slow, FEWER)
    nipyapi.canvas.schedule_processor(process_groups.trigger(queued.group, PUT), False)
    control.run_once(queued.group)
    wait_until(queued.waits, "the people wait before Load", seconds=120)
    control.run_once(loading.group)
    wait_until(lambda: monitoring.activity(loading.group).queued > 10, "they are collected")
    control.run_once(collecting.group)
    wait_until(collecting.collecting, "the generator runs")
    wait_until(loading.loading, "the first documents arrive")
    assert collecting.collecting()
    with session(queued.command.settings(), queued.name) as opened:
        watch = Watch(opened, queued.group, [], 1, Silent())
        assert watch.until(lambda activity: activity.queued > FEWER)
        kill(idemflow, "nifi")
        assert queued.documents() == collecting.documents() == 0
        assert loading.documents() < PEOPLE

        idemflow.ok("up")
        # Where a login dies with its NiFi, a command logs in again before it loses patience.
        nipyapi.nifi.AccessApi().log_out()
        with monkeypatch.context() as patch:
            patch.setattr(_patience, "PATIENCE", 0.0)
            assert watch.until(lambda activity: activity.queued > FEWER)
    control.start_steps(queued.group)
    for people in (collecting, queued, loading):
        people.completes()


def test_elasticsearch_killed_while_loading(
    idemflow: Idemflow, crowd: Callable[..., Crowd], project: Project
) -> None:
    """Elasticsearch dies and comes back while ``idemflow run`` waits: it reports as if nothing."""
    people = crowd("elasticsearch-killed")
    # Another one waits with deletes, to be told of what was there before.
    deletes = project.pipeline(
        "deletes-interrupted", DELETING, "delete: gone\nload: {retry_after: 1 s}"
    )
    project.change(deletes, "records\n", "records\n  arguments: {count: 40, gone: 0}\n")
    people.command.json("run", deletes)
    elasticsearch = idemflow.elasticsearch()
    elasticsearch.indices.put_settings(index=deletes, settings={"index.blocks.write": True})
    deleting = people.command.start(
        "run", deletes, "--set", "count=60", "--set", "gone=10", "--json"
    )
    wait_until(lambda: len(people.ledger.run_ids(deletes)) == 2, "it sends its records")
    waiting = people.command.start("run", people.name, "--json")
    wait_until(people.loading, "the first documents arrive", seconds=120)
    kill(idemflow, "elasticsearch")
    # The flow notices: what cannot be sent comes back to be tried again, none of it as an error.
    wait_until(
        lambda: any(
            "PutElasticsearchJson" in item.message or item.name == PUT
            for item in monitoring.bulletins(people.group)
        ),
        "NiFi reports the outage",
    )
    assert monitoring.activity(people.group).queued > 0
    idemflow.ok("up")
    stdout, stderr = waiting.communicate(timeout=180)
    assert waiting.returncode == 0, stderr
    assert '"lost": 0' in stdout
    assert '"duplicates": 0' in stdout
    people.completes()
    elasticsearch.indices.put_settings(index=deletes, settings={"index.blocks.write": None})
    stdout, stderr = deleting.communicate(timeout=180)
    assert deleting.returncode == 0, stderr
    (run,) = json.loads(stdout)["runs"]
    counts = ("sent", "created", "overwritten", "deleted", "lost", "duplicates")
    assert [run[name] for name in counts] == [60, 20, 30, 10, 0, 0]


def test_a_full_disk_and_a_reboot_while_a_command_waits(
    idemflow: Idemflow, crowd: Callable[..., Crowd]
) -> None:
    """While they load, both servers can write no more; then they are killed, and the command that
    waits for the run as well."""
    people = crowd("rebooted")
    waiting = people.command.start("run", people.name)
    wait_until(people.loading, "the first documents arrive", seconds=120)
    for server, process in processes(idemflow).items():
        user = servers_user(idemflow.settings().home, None, server).identity()
        on_disk.limit(process.pid, "0", user)
    wait_until(lambda: bool(monitoring.bulletins(people.group)), "a step says so", seconds=60)
    waiting.kill()
    waiting.communicate(timeout=30)
    kill(idemflow, "nifi", "elasticsearch")
    idemflow.ok("up")
    people.connect()
    people.completes()


def test_elasticsearch_down_before_a_run(idemflow: Idemflow, crowd: Callable[..., Crowd]) -> None:
    people = crowd("elasticsearch-down", count=2_000)
    kill(idemflow, "elasticsearch")
    refused = people.command.fail("run", people.name)
    assert refused.code == 3
    assert "idemflow up" in refused.stderr
    # On the canvas the operator can start a run all the same: it waits.
    control.run_once(people.group)
    wait_until(people.waits, "the people wait", seconds=120)
    idemflow.ok("up")
    people.completes()


def test_elasticsearch_killed_at_the_end_of_commands(
    idemflow: Idemflow, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The records have come to their end: the report, and what ``verify`` finds, wait as well."""
    script = COUNTING + "        yield {'name': 'no id'}\n"
    name = project.pipeline("killed-at-the-end", script)
    project.change(name, "records\n", "records\n  arguments: {count: 6000}\n")
    command = idemflow.inside(project.path)
    ups: list[subprocess.Popen[str]] = []

    def away() -> None:
        came_up()
        kill(idemflow, "elasticsearch")
        ups.append(idemflow.start("up"))

    def came_up() -> None:
        for one in ups:
            _, stderr = one.communicate(timeout=120)
            assert one.returncode == 0, stderr
        ups.clear()

    def forgetful() -> None:
        kill(idemflow, "elasticsearch")
        idemflow.ok("up")

    def once(module: object, attribute: str, hit: Callable[[], None]) -> list[Callable[[], None]]:
        """Let a fault hit just before a function is called for the first time.

        Returns:
            The fault, until it has hit.
        """
        real = getattr(module, attribute)

        def called(*given: Any) -> Any:
            if hits:
                hits.pop()()
            return real(*given)

        hits = [hit]
        monkeypatch.setattr(module, attribute, called)
        return hits

    left = [once(_session, "reconcile", away), once(runs, "compact_if_due", away)]
    report = command.json("run", name, "--max-dead-letters", "1")
    assert left == [[], []]
    came_up()
    assert (report["documents"], report["runs"][0]["dead_letters"]) == (6000, 1)
    # Of the documents some are read already.
    left = [once(verification, "_kind", forgetful)]
    assert command.json("verify", name)["equal"] is True
    assert left == [[]]
