"""Real ``kill -9`` of NiFi while it commits a version, and restarts of a group with versions.

Afterwards ``idemflow up`` is all that is done: git is whole, the version is there or not at all,
and the next commit works.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from idemflow import repository
from idemflow.canvas import client
from idemflow.canvas.flow import PUT
from idemflow.runtime.state import read_state
from tests.integration.tools import (
    Git,
    Idemflow,
    Project,
    commit_pipeline,
    deployed_from_git,
    in_repository,
    saved_steps,
    set_tasks,
    tasks,
    wait_until,
)

pytestmark = pytest.mark.timeout(900)

NAME = "committed"
FILE = f"flows/pipelines/{NAME}.json"
SCRIPT = """
    def records():
        yield {"id": 1}
"""
# When the kill comes, after git's files say that the commit is under way; in seconds.
PAUSES = (0.0, 0.01)
Watch = Callable[[], bool]


class Versions:
    """A pipeline under version control, and the repository that NiFi works on."""

    def __init__(self, command: Idemflow, git: Git) -> None:
        self.command = command
        self.git = git
        found = repository.needed(command.settings())
        self.path = found.path
        self.folder = found.path / ".git" if (found.path / ".git").is_dir() else found.path
        self.branch = self.folder / "refs/heads" / found.branch

    def connect(self) -> None:
        """Log in again: a restarted NiFi knows no earlier login."""
        client.connect(self.command.runtime().nifi)

    def up(self) -> None:
        self.command.ok("up")
        self.connect()

    def history(self) -> list[str]:
        """The versions in the project, newest first."""
        return self.git("log", "--format=%H", "--", FILE).splitlines()

    def state(self) -> str:
        (found,) = self.command.json("version", "status", NAME)["pipelines"]
        return str(found["state"])

    def commit(self, message: str) -> str:
        return str(self.command.json("version", "commit", NAME, "-m", message)["version"]["id"])

    def locks(self) -> list[Path]:
        return sorted(self.folder.rglob("*.lock"))

    def writes(self) -> Watch:
        """Notices the first object of a commit."""
        objects = self.folder / "objects"
        before = objects.stat().st_mtime_ns
        return lambda: objects.stat().st_mtime_ns != before

    def moves(self) -> Watch:
        """Notices that the branch is moved, or about to be."""
        before = self.branch.stat().st_mtime_ns
        lock = self.branch.with_name(f"{self.branch.name}.lock")
        return lambda: lock.exists() or self.branch.stat().st_mtime_ns != before

    def kill_while_committing(self, message: str, seen: Watch, pause: float) -> bool:
        """Kill NiFi in the middle of ``version commit``; whether that was before its answer."""
        nifi = read_state(self.command.settings().folders.state).running()["nifi"]
        commit = self.command.start("version", "commit", NAME, "-m", message)
        deadline = time.monotonic() + 60
        # Without a pause: what is waited for takes a few milliseconds.
        while not seen():
            assert commit.poll() is None, commit.communicate()
            assert time.monotonic() < deadline, "the commit does not begin"
        due = time.monotonic() + pause
        while time.monotonic() < due:
            pass
        os.kill(nifi.pid, signal.SIGKILL)
        assert not psutil.wait_procs([nifi], timeout=30)[1]
        _, stderr = commit.communicate(timeout=120)
        assert "Traceback" not in stderr
        if commit.returncode:
            assert "idemflow up" in stderr, stderr
        return commit.returncode != 0


@pytest.fixture
def versions(idemflow: Idemflow, project: Project, git: Git) -> Iterator[Versions]:
    commit_pipeline(project, git, NAME, SCRIPT)
    with deployed_from_git(idemflow.inside(project.path), NAME) as command:
        made = Versions(command, git)
        made.commit("Load it")
        yield made


@pytest.mark.parametrize("seen", [Versions.moves, Versions.writes], ids=["moves", "writes"])
def test_nifi_killed_during_a_commit(versions: Versions, seen: Callable[[Versions], Watch]) -> None:
    interrupted = 0
    for number, pause in enumerate(PAUSES, start=2):
        before = versions.history()
        change_tasks(versions, number)
        interrupted += versions.kill_while_committing(f"{number} tasks", seen(versions), pause)
        versions.up()
        assert tasks(NAME) == number
        for repository_of in (versions.git, in_repository(versions.path)):
            assert repository_of("fsck", "--strict", "--no-dangling") == ""

        # It is in git or not at all; each time that what is on the canvas is what is committed.
        again = commit_again(versions, f"{number} tasks again")
        assert versions.history() == [again, *before]
        # One changed property is one changed line, restart or not.
        assert versions.git("diff", "--numstat", before[0], again) == f"1\t1\t{FILE}"
        assert f'"concurrentlySchedulableTaskCount": {number},' in versions.git(
            "show", f"HEAD:{FILE}"
        )
        assert versions.state() == "up to date"
        assert versions.git("status", "--porcelain") == ""
        assert versions.command.run("drift", NAME, "--from", "git").code == 0
        assert versions.locks() == []
    assert interrupted, "no kill hit a commit: this test shows nothing"
    assert versions.command.json("run", NAME)["documents"] == 1


def change_tasks(versions: Versions, count: int) -> None:
    """Change the canvas, and wait until that outlives a kill."""
    set_tasks(NAME, count)

    def saved() -> bool:
        step = saved_steps(versions.command, NAME).get(PUT, {})
        return (step.get("concurrentlySchedulableTaskCount"), step.get("scheduledState")) == (
            count,
            "RUNNING",
        )

    wait_until(saved, "NiFi saves the change")


def commit_again(versions: Versions, message: str) -> str:
    """Commit; a lock that a killed NiFi left is deleted as the message says."""
    locks = versions.locks()
    if not locks:
        return versions.commit(message)
    refused = versions.command.fail("version", "commit", NAME, "-m", message)
    for lock in locks:
        assert str(lock) in refused.stderr.replace("\n", "")
        lock.unlink()
    return versions.commit(message)


def test_a_lock_that_a_killed_nifi_left(versions: Versions) -> None:
    lock = versions.branch.with_name(f"{versions.branch.name}.lock")
    lock.touch()
    set_tasks(NAME, 3)
    before = versions.history()
    refused = versions.command.fail("version", "commit", NAME, "-m", "Three tasks")
    told = " ".join(refused.stderr.split())
    assert "was killed and left" in told
    assert "delete that file" in told
    assert versions.history() == before
    lock.unlink()
    made = versions.commit("Three tasks")
    assert versions.history() == [made, *before]
    assert versions.state() == "up to date"


def test_a_restart_keeps_versions_and_changes(versions: Versions) -> None:
    (first,) = versions.history()
    versions.command.ok("down")
    versions.up()
    assert versions.state() == "up to date"
    set_tasks(NAME, 5)
    versions.command.ok("down")
    versions.up()
    assert versions.state() == "changed on the canvas"
    assert tasks(NAME) == 5
    second = versions.commit("Five tasks")
    assert versions.git("diff", "--numstat", first, second) == f"1\t1\t{FILE}"
    versions.command.json("version", "rollback", NAME)
    versions.command.ok("down")
    versions.up()
    assert versions.state() == "a newer version is in git"
    assert tasks(NAME) == 1
    assert versions.history() == [second, first]
