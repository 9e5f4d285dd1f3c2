"""What is deleted only after a question, asked on a real terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest


def answered(home: Path, answer: str, *options: str) -> tuple[int, str]:
    """What ``down --delete`` prints on a terminal where that is typed, and its exit code."""
    master, slave = pty.openpty()
    os.write(master, f"{answer}\n".encode())
    done = subprocess.run(
        [sys.executable, "-m", "idemflow", "down", "--delete", *options],
        env={**os.environ, "IDEMFLOW_HOME": str(home), "IDEMFLOW_PROJECT": str(home.parent)},
        stdin=slave, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    os.close(slave)
    os.close(master)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A runtime's folder whose servers do not run."""
    home = tmp_path / "runtime"
    for name in ("nifi/data", "elasticsearch/data", "secrets"):
        (home / name).mkdir(parents=True)
    (home / "nifi/data/flow").write_bytes(b"x" * (3 * 1024**2))
    (home / "lock").touch()
    (home / "project-id").write_text("0a1b2c3d4e5f\n")
    return home


def test_down_deletes_after_a_yes_and_nothing_after_a_no(home: Path) -> None:
    code, told = answered(home, "n")
    assert code == 130
    assert f"This deletes from {home}:" in told
    assert "3 MiB the canvas, what is queued" in told
    assert (home / "nifi/data/flow").exists()
    code, told = answered(home, "y")
    assert code == 0, told
    assert f"Deleted {home}" in told
    assert not home.exists()
    # There is nothing left to ask about.
    assert answered(home, "n")[0] == 0


def test_yes_is_an_answer_given_before(home: Path) -> None:
    code, told = answered(home, "n", "--yes")
    assert (code, "This deletes" in told) == (0, False)
    assert not home.exists()
