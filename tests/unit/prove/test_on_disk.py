"""The disk of a server that is full, and the state of NiFi that is gone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from idemflow.config.paths import Home
from idemflow.prove import on_disk

# Writes a line to a file for each that it reads, and says whether it could.
WRITER = """
import sys
for line in sys.stdin:
    try:
        with open(sys.argv[1], "a") as file:
            file.write(line)
        print("written", flush=True)
    except OSError as error:
        print("full", flush=True)
"""


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="util-linux is not installed")
def test_a_process_can_write_to_no_file_until_it_may_again(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(file)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdin
        assert process.stdout

        def says() -> str:
            assert process.stdin
            assert process.stdout
            process.stdin.write("a line\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        assert says() == "written"
        before = on_disk.limit(process.pid, "0", {})
        assert says() == "full"
        on_disk.limit(process.pid, before, {})
        assert says() == "written"
        process.stdin.close()
    assert file.read_text() == "a line\n" * 2


def test_a_process_that_is_gone_is_an_error() -> None:
    with pytest.raises((OSError, subprocess.SubprocessError)):
        on_disk.limit(2**22 + 1, "0", {})


def test_state_comes_back_in_the_place_of_what_came_meanwhile(tmp_path: Path) -> None:
    home = Home(tmp_path)
    state = home.nifi / "data" / "state"
    state.mkdir(parents=True)
    (state / "old").write_text("what steps remember")
    assert not on_disk.state_is_taken(home)
    on_disk.take_state(home)
    assert (state.exists(), on_disk.state_is_taken(home)) == (False, True)
    state.mkdir()
    (state / "new").write_text("of the proof")
    on_disk.return_state(home)
    assert [one.name for one in state.iterdir()] == ["old"]
    assert not on_disk.state_is_taken(home)
