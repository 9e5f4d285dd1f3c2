"""Real ``kill -9`` of NiFi while it commits a version, next to other groups that have versions.

Afterwards ``idemflow up`` is all that is done: git is whole, the version is there or not at all,
the next commit works, and the other groups keep their versions and changes.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from idemflow.canvas import client
from idemflow.canvas.flow import PUT
from idemflow.versions import repository
from tests.integration.tools import (
    Git,
    Idemflow,
    Project,
    commit_pipeline,
    in_repository,
    processes,
    saved_steps,
    set_tasks,
    tasks,
    wait_until,
)

pytestmark = pytest.mark.timeout(900)

SCRIPT = """
    def records():
        yield {"id": 1}
"""
Watch = Callable[[], bool]


class Versions:
    """A pipeline under version control, and the repository that NiFi works on."""

    def __init__(self, idemflow: Idemflow, project: Project, git: Git, name: str) -> None:
        self.name = name
        self.file = f"flows/pipelines/{name}.json"
        self.git = git
        commit_pipeline(project, git, name, SCRIPT)
        self.command = command = idemflow.inside(project.path)
        command.json("deploy", name)
        self.connect()
        self.commit("Load it")
        found = repository.needed(command.settings())
        self.path = found.path
        self.folder = found.path / ".git" if (found.path / ".git").is_dir() else found.path
        self.branch = self.folder / "refs/heads" / found.branch

    def connect(self) -> None:
        """Log in again: a restarted NiFi knows no earlier login."""
        client.connect(self.command.target().nifi)

    def history(self) -> list[str]:
        """The versions in the project, newest first."""
        return self.git("log", "--format=%H", "--", self.file).splitlines()

    def state(self) -> str:
        (found,) = self.command.json("flow", "status", self.name)["pipelines"]
        return str(found["state"])

    def commit(self, message: str) -> str:
        done = self.command.json("flow", "commit", self.name, "-m", message)
        return str(done["version"]["id"])

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

    def kill_while_committing(self, message: str, seen: Watch) -> bool:
        """Kill NiFi in the middle of ``flow commit``; whether that was before its answer."""
        nifi = processes(self.command)["nifi"]
        commit = self.command.start("flow", "commit", self.name, "-m", message)
        deadline = time.monotonic() + 60
        # Without a pause: what is waited for takes a few milliseconds.
        while not seen():
            assert commit.poll() is None, commit.communicate()
            assert time.monotonic() < deadline, "the commit does not begin"
        os.kill(nifi.pid, signal.SIGKILL)
        assert not psutil.wait_procs([nifi], timeout=30)[1]
        _, stderr = commit.communicate(timeout=120)
        assert "Traceback" not in stderr
        if commit.returncode:
            assert "idemflow up" in stderr, stderr
        return commit.returncode != 0


@pytest.fixture
def versions(idemflow: Idemflow, project: Project, git: Git) -> Callable[[str], Versions]:
    """Deploys a pipeline of that name and commits it."""
    return lambda name: Versions(idemflow, project, git, name)


def test_nifi_killed_during_a_commit(
    idemflow: Idemflow, versions: Callable[[str], Versions]
) -> None:
    """Once as the commit's objects are written, and once as the branch moves."""
    killed = versions("killed-commit")
    kept, changed, stale = map(versions, ("kept", "changed", "stale"))
    set_tasks(stale.name, 5)
    newer = stale.commit("Five tasks")
    stale.command.json("flow", "rollback", stale.name)
    change_tasks(changed, 5)
    interrupted, until = 0, time.monotonic() + 400
    for number in range(2, 8):
        # On a busy machine a kill may come too late: then both are done again, for some minutes.
        if number > 3 and (interrupted or time.monotonic() > until):
            break
        seen = (killed.writes, killed.moves)[number % 2]
        before = killed.history()
        change_tasks(killed, number)
        interrupted += killed.kill_while_committing(f"{number} tasks", seen())
        idemflow.ok("up")
        killed.connect()
        assert tasks(killed.name) == number
        for repository_of in (killed.git, in_repository(killed.path)):
            assert repository_of("fsck", "--strict", "--no-dangling") == ""

        # It is in git or not at all; each time that what is on the canvas is what is committed.
        again = commit_again(killed, f"{number} tasks again")
        assert killed.history() == [again, *before]
        # One changed property is one changed line, restart or not.
        lines = killed.git("diff", "--numstat", before[0], again, "--", killed.file)
        assert lines == f"1\t1\t{killed.file}"
        assert f'"concurrentlySchedulableTaskCount": {number},' in killed.git(
            "show", f"HEAD:{killed.file}"
        )
        assert killed.state() == "up to date"
        assert killed.git("status", "--porcelain") == ""
        assert killed.command.run("drift", killed.name, "--from", "git").code == 0
        assert killed.locks() == []
    assert interrupted, "no kill hit a commit: this test shows nothing"
    assert killed.command.json("run", killed.name)["documents"] == 1

    assert kept.state() == "up to date"
    assert (changed.state(), tasks(changed.name)) == ("changed on the canvas", 5)
    (first,) = changed.history()
    second = changed.commit("Five tasks")
    lines = changed.git("diff", "--numstat", first, second, "--", changed.file)
    assert lines == f"1\t1\t{changed.file}"
    assert (stale.state(), tasks(stale.name)) == ("a newer version is in git", 1)
    assert stale.history()[0] == newer
    assert [len(one.history()) for one in (kept, changed, stale)] == [1, 2, 2]


def change_tasks(versions: Versions, count: int) -> None:
    """Change the canvas, and wait until that outlives a kill."""
    set_tasks(versions.name, count)

    def saved() -> bool:
        step = saved_steps(versions.command, versions.name).get(PUT, {})
        return (step.get("concurrentlySchedulableTaskCount"), step.get("scheduledState")) == (
            count,
            "RUNNING",
        )

    wait_until(saved, "NiFi saves the change")


def commit_again(versions: Versions, message: str) -> str:
    """Commit; the locks that a killed NiFi left are deleted as the messages say."""
    while locks := versions.locks():
        refused = versions.command.fail("flow", "commit", versions.name, "-m", message)
        told = refused.stderr.replace("\n", "")
        named = [lock for lock in locks if str(lock) in told]
        assert named, f"{told} names none of {locks}"
        for lock in named:
            lock.unlink()
    return versions.commit(message)


def test_a_lock_that_a_killed_nifi_left(versions: Callable[[str], Versions]) -> None:
    locked = versions("locked-commit")
    lock = locked.branch.with_name(f"{locked.branch.name}.lock")
    lock.touch()
    set_tasks(locked.name, 3)
    before = locked.history()
    refused = locked.command.fail("flow", "commit", locked.name, "-m", "Three tasks")
    told = " ".join(refused.stderr.split())
    assert "was killed and left" in told
    assert "delete that file" in told
    assert locked.history() == before
    lock.unlink()
    made = locked.commit("Three tasks")
    assert locked.history() == [made, *before]
    assert locked.state() == "up to date"
