"""Lock files: one holder, named to those who wait, and nobody else's to hold."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from idemflow.commands._turn import canvas_turn, turn
from idemflow.config.settings import resolve
from idemflow.elasticsearch.spill import scratch
from idemflow.errors import IdemflowError
from idemflow.security import locks
from idemflow.security.locks import LockFile
from idemflow.servers.exclusive import locked, make_home

_HOLDS = """
import sys
from pathlib import Path
from idemflow.security.locks import LockFile
sys.argv = ["/usr/bin/idemflow", "run", "people"]
with LockFile(Path({file!r})):
    print("held", flush=True)
    sys.stdin.read()
"""
_FLOCK = """
import fcntl, sys
file = open({file!r})
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_by(program: str, file: Path) -> Iterator[int]:
    """A process that holds a lock; its id."""
    process = subprocess.Popen(
        [sys.executable, "-c", program.format(file=str(file))],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process.pid
    process.communicate(timeout=30)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_one_holds_it_and_the_next_waits(tmp_path: Path) -> None:
    own, other = LockFile(tmp_path / "lock"), LockFile(tmp_path / "lock")
    with own:
        assert not other.try_acquire()
        threading.Timer(0.2, own.release).start()
        other.acquire(seconds=20)
    assert not own.try_acquire()
    other.release()
    assert own.try_acquire()
    own.release()


@pytest.mark.parametrize("umask", [0, 0o077])
def test_a_lock_file_is_private(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with LockFile(tmp_path / "lock"):
            assert mode(tmp_path / "lock") == 0o600
    finally:
        os.umask(before)


def test_one_of_an_earlier_version_is_tightened_even_by_who_waits(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    file.touch()
    file.chmod(0o644)
    with file.open() as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert not LockFile(file).try_acquire()
        assert mode(file) == 0o600


def test_every_lock_of_a_runtime_is_private(tmp_path: Path) -> None:
    settings = resolve({"project": tmp_path, "home": tmp_path / "home"})
    make_home(settings)
    home = settings.folders
    with (
        turn(settings, "people"),
        canvas_turn(settings),
        locked(home),
        scratch(home.scratch, 1 << 20) as room,
    ):
        found = [home.turn("people"), home.canvas_lock, home.lock, home.scratch / "lock"]
        found.append(room.folder / "held")
        assert {file: mode(file) for file in found} == dict.fromkeys(found, 0o600)


def test_who_waits_is_told_for_whom_at_once_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(locks, "TOLD_AFTER", 0.1)
    monkeypatch.setattr(locks, "TOLD_EVERY", 0.2)
    file = tmp_path / "lock"
    with held_by(_HOLDS, file) as pid:
        with pytest.raises(IdemflowError, match="goes on for too long") as caught:
            LockFile(file, "another command on people").acquire(seconds=0.8)
        assert f"idemflow run people (pid {pid}, since {time.localtime().tm_year}-" in (
            caught.value.message
        )
        assert str(file) in caught.value.message
    said = [record.getMessage() for record in caplog.records]
    assert len(said) >= 2
    assert all(one.startswith("waiting until another command on people has ended") for one in said)
    assert all(f"idemflow run people (pid {pid}, since" in one for one in said)


def test_a_holder_that_is_no_command_is_named_by_the_system(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    with LockFile(file):
        pass
    signed = json.loads(file.read_text())
    assert signed["pid"] == os.getpid()
    with held_by(_FLOCK, file) as pid:
        # The signature of who had it before says nothing of who has it now.
        assert f"(pid {pid} of " in LockFile(file).holder()


def test_what_ends_without_a_word_frees_it(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    with held_by(_HOLDS, file) as pid:
        os.kill(pid, 9)
        LockFile(file).acquire(seconds=20)


def test_a_lock_whose_file_was_deleted_is_not_the_next_ones(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    old = LockFile(file)
    old.acquire()
    file.unlink()
    with LockFile(file):
        old.release()
        assert not LockFile(file).try_acquire()


def test_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("precious")
    (tmp_path / "lock").symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="symbolic link"):
        LockFile(tmp_path / "lock").try_acquire()
    assert (tmp_path / "other").read_text() == "precious"
