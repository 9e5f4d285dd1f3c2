"""``idemflow supervise`` on a runtime of its own: starts it, keeps it up, ends it.

The tests build on each other.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from idemflow.commands._turn import lock
from idemflow.elasticsearch import last_prune
from idemflow.servers.state import read_state
from tests.integration.tools import (
    REFUSED,
    Idemflow,
    Project,
    family,
    kill,
    on_free_ports,
    processes,
    readable_folder,
    wait_until,
)

pytestmark = pytest.mark.timeout(400)


class Supervised:
    """A supervisor that runs, and the events that it told. A context manager."""

    def __init__(self, command: Idemflow) -> None:
        self.process = command.start("supervise", "--json")
        self.events: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read)

    def __enter__(self) -> Supervised:
        self._reader.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        with self.process:  # waits for its end, and closes what it wrote to
            self._reader.join()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def has(self, event: str, *servers: str, since: int = 0) -> bool:
        """Whether it told an event, of each of these servers."""
        told = {one.get("server") for one in self.events[since:] if one["event"] == event}
        return set(servers) <= told if servers else bool(told)

    def names(self, server: str) -> list[str]:
        """What it told of a server."""
        return [one["event"] for one in self.events if one.get("server") == server]


@pytest.fixture(scope="module")
def runtime() -> Iterator[Idemflow]:
    """A runtime of its own that was never started, in a folder with a space in its name."""
    with readable_folder() as folder:
        (folder / "flows").mkdir()
        command = on_free_ports(project=str(folder))
        yield command
        command.run("down", "--delete", "--yes")


@pytest.fixture
def supervised(runtime: Idemflow) -> Iterator[Supervised]:
    """A supervisor of that runtime."""
    with Supervised(runtime) as started:
        yield started


def test_it_can_be_ended_while_it_starts(runtime: Idemflow, supervised: Supervised) -> None:
    wait_until(
        lambda: supervised.has("started", "nifi", "elasticsearch"), "they start", seconds=180
    )
    everything = list(processes(runtime).values())
    supervised.process.send_signal(signal.SIGINT)
    assert supervised.process.wait(timeout=60) == 0
    wait_until(lambda: not any(p.is_running() for p in everything), "all processes end")


@pytest.fixture
def cut_flow(runtime: Idemflow) -> Path:
    """What a NiFi that is killed while it writes its flow leaves of it, before the next start."""
    flow = runtime.settings().folders.nifi / "data" / "flow.json.gz"
    os.truncate(flow, flow.stat().st_size // 2)
    return flow


def test_it_starts_and_restarts_the_servers(
    runtime: Idemflow, cut_flow: Path, supervised: Supervised
) -> None:
    wait_until(
        lambda: supervised.has("ready", "nifi", "elasticsearch"), "both are ready", seconds=180
    )
    pid = supervised.process.pid
    assert runtime.json("status")["supervisor"] == pid
    assert runtime.json("up")["started"] == []
    second = runtime.fail("supervise")
    assert second.code == 1
    assert f"(pid {pid}, since" in second.stderr

    nifi, mark = processes(runtime)["nifi"], len(supervised.events)
    kill(runtime, "elasticsearch")
    wait_until(
        lambda: supervised.has("ready", "elasticsearch", since=mark), "it is back", seconds=120
    )
    # What it asks about pipelines may be cut off as well.
    about = [one for one in supervised.events[mark:] if "server" in one]
    ended, started = [one for one in about if one["event"] != "ready"]
    assert (ended["event"], ended["delay"]) == ("ended", 1)
    assert (started["event"], started["server"]) == ("started", "elasticsearch")
    assert runtime.json("status")["servers"][1]["state"] == "running"
    assert processes(runtime)["nifi"].pid == nifi.pid
    if os.geteuid() == 0:
        users = {process.uids().real for process in processes(runtime).values()}
        assert len(users) == 2
        assert 0 not in users

    assert supervised.names("nifi") == ["started", "ready"]

    # The servers go on without it; the next one, in the next test, takes them over.
    supervised.process.kill()
    supervised.process.wait()
    assert set(processes(runtime)) == {"nifi", "elasticsearch"}
    assert supervised.process.stderr
    (told,) = supervised.process.stderr.read().splitlines()
    (aside,) = cut_flow.parent.glob("flow.json.gz.damaged-*")
    assert f"NiFi's flow could not be read after a crash, and is kept as {aside}" in told


@pytest.fixture
def refusing(runtime: Idemflow) -> str:
    """A pipeline with three dead letters, of which its YAML keeps one from now on."""
    project = Project(runtime.settings().project)
    name = project.pipeline("daily", REFUSED)
    runtime.ok("run", name, code=7)
    rules = "prune: {every: 1 day, dead_letters: {number: 1}}"
    project.change(name, "identity: id", f"identity: id\n{rules}")
    return name


def test_it_prunes_what_is_due_and_breaks_that_off_when_it_ends(
    runtime: Idemflow, refusing: str
) -> None:
    with Supervised(runtime) as first:
        wait_until(lambda: first.has("pruned"), "it is pruned")
        first.process.kill()
    assert first.names("nifi") == ["found", "ready"]
    (pruned,) = [one for one in first.events if one["event"] == "pruned"]
    assert pruned["pipeline"] == refusing
    assert pruned["text"] == f"{refusing} is pruned: 2 dead letters deleted"
    assert len(runtime.json("dead-letters", "list", refusing)["letters"]) == 1

    settings, ledger = runtime.settings(), runtime.ledger()
    # What waits in its queues cannot go in.
    ledger.client.indices.put_settings(index=refusing, settings={"blocks.write": True})
    runtime.ok("start", refusing, "--every", "1 day")
    wait_until(lambda: runtime.json("stop", refusing)["queued"] > 0, "records are on their way")
    last_prune.note(ledger, refusing, datetime.now(UTC) - timedelta(days=2))
    ledger.close()
    own = lock(settings, refusing)
    with Supervised(runtime) as second:
        wait_until(lambda: own.holder_pid() is not None, "it waits until nothing is on its way")
        (child,) = psutil.Process(second.process.pid).children()
        assert own.holder_pid() == child.pid
        everything = [*family(runtime), child]
        result = runtime.json("down")
        assert (set(result["stopped"]), result["killed"]) == ({"nifi", "elasticsearch"}, [])
        assert result["supervisor"] == second.process.pid
        assert second.process.wait(timeout=10) == 0
        assert second.process.stderr
        assert second.process.stderr.read() == ""
    # Left alone, it would wait a minute for a server that has gone.
    wait_until(lambda: not any(p.is_running() for p in everything), "all end", seconds=10)
    assert [one["event"] for one in second.events[-3:]] == ["stopping", "stopped", "stopped"]
    assert [one["server"] for one in second.events[-2:]] == ["nifi", "elasticsearch"]
    assert not {"pruned", "unpruned"} & {one["event"] for one in second.events}
    assert read_state(settings.folders.state).servers == {}
    assert [one.name for one in settings.folders.scratch.iterdir()] == ["lock"]
