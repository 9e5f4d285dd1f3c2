"""``idemflow supervise`` on a runtime of its own: starts it, keeps it up, ends it.

The tests build on each other.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from idemflow.servers.state import read_state
from tests.integration.tools import (
    Idemflow,
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


def test_it_starts_restarts_and_stops_the_servers(
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
    ended, started = [one for one in supervised.events[mark:] if one["event"] != "ready"]
    assert (ended["event"], ended["delay"]) == ("ended", 1)
    assert (started["event"], started["server"]) == ("started", "elasticsearch")
    assert runtime.json("status")["servers"][1]["state"] == "running"
    assert processes(runtime)["nifi"].pid == nifi.pid
    if os.geteuid() == 0:
        users = {process.uids().real for process in processes(runtime).values()}
        assert len(users) == 2
        assert 0 not in users

    everything = family(runtime)
    result = runtime.json("down")
    assert (set(result["stopped"]), result["killed"]) == ({"nifi", "elasticsearch"}, [])
    assert result["supervisor"] == pid
    assert supervised.process.wait(timeout=10) == 0
    wait_until(lambda: not any(p.is_running() for p in everything), "all processes end")
    assert supervised.names("nifi") == ["started", "ready", "stopped"]
    assert [one["server"] for one in supervised.events if one["event"] == "stopped"] == [
        "nifi",
        "elasticsearch",
    ]
    assert read_state(runtime.settings().folders.state).servers == {}
    assert supervised.process.stderr
    (told,) = supervised.process.stderr.read().splitlines()
    (aside,) = cut_flow.parent.glob("flow.json.gz.damaged-*")
    assert f"NiFi's flow could not be read after a crash, and is kept as {aside}" in told
