"""What runs: recorded processes, and numbers that belong to others by now."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from idemflow.security.owner import Owner
from idemflow.servers import launch
from idemflow.servers.state import Recorded, State, read_state, write_state


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def record(process: subprocess.Popen[bytes]) -> Recorded:
    return Recorded(process.pid, psutil.Process(process.pid).create_time(), 8443, "2.3.0")


def test_survives_on_disk(tmp_path: Path, child: subprocess.Popen[bytes]) -> None:
    state = State({"nifi": record(child)}, ("people", "logs-*"))
    write_state(tmp_path / "state.json", state)
    assert read_state(tmp_path / "state.json") == state
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600
    assert set(state.running()) == {"nifi"}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"servers": {"nifi": {}}, "grants": []}'])
def test_a_damaged_file_means_that_nothing_is_known(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text, encoding="utf-8")
    assert read_state(tmp_path / "state.json") == State()


def test_a_later_process_with_the_same_number_is_another(child: subprocess.Popen[bytes]) -> None:
    stale = dataclasses.replace(record(child), create_time=record(child).create_time - 60)
    assert stale.process() is None


def test_a_dead_process_is_noticed_before_it_is_reaped(child: subprocess.Popen[bytes]) -> None:
    recorded = record(child)
    child.send_signal(signal.SIGKILL)
    psutil.wait_procs([psutil.Process(child.pid)], timeout=5)
    assert recorded.process() is None


# Nobody waits for a server: it outlives the command that starts it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_process_that_ends_at_once_is_found_and_known_as_dead(tmp_path: Path) -> None:
    owner = Owner(os.geteuid(), os.getegid(), is_self=True)
    command = launch.Command("nifi", ["true"], dict(os.environ), tmp_path, tmp_path / "o", tmp_path)
    for _ in range(20):
        process = launch.start(command, owner)
        psutil.wait_procs([process], timeout=10)
        assert Recorded(process.pid, process.create_time(), 8443, "2.3.0").process() is None


def test_stop_ends_children_too() -> None:
    program = (
        "import subprocess, sys, time;"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        "print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"ready\n"
        process = psutil.Process(parent.pid)
        (grandchild,) = process.children()
        assert launch.stop([process]) == []
        assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE


def test_stop_has_one_that_is_held_end_by_itself(child: subprocess.Popen[bytes]) -> None:
    process = psutil.Process(child.pid)
    process.suspend()
    assert launch.stop([process]) == []
    assert child.wait() in (0, -signal.SIGTERM)  # psutil may have waited for it


def test_stop_kills_what_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "TERMINATE_SECONDS", 0.3)
    program = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as stubborn:
        assert stubborn.stdout
        assert stubborn.stdout.readline() == b"ready\n"
        assert launch.stop([psutil.Process(stubborn.pid)]) == [stubborn.pid]
        assert not psutil.pid_exists(stubborn.pid)
