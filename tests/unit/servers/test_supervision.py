"""One supervisor a runtime: who it is, and how it is told to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from idemflow.cli import main
from idemflow.config.paths import Home
from idemflow.errors import IdemflowError
from idemflow.servers import ports, supervision
from idemflow.servers.supervision import end_supervisor, supervisor, supervisor_lock

# What holds the lock until it is told to end.
HOLDER = """
import signal, sys
from pathlib import Path
from idemflow.config.paths import Home
from idemflow.servers.supervision import supervisor_lock
if sys.argv[2] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
assert supervisor_lock(Home(Path(sys.argv[1]))).try_acquire()
print("ready", flush=True)
signal.pause()
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "home").mkdir()
    return Home(tmp_path / "home")


@pytest.fixture
def holder(home: Home, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[bytes]]:
    mode = getattr(request, "param", "obedient")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, home.root, mode], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.kill()


def test_there_is_none(home: Home) -> None:
    assert supervisor(home) is None
    assert end_supervisor(home) is None
    lock = supervisor_lock(home)
    assert lock.try_acquire()
    assert supervisor(home) == os.getpid()
    lock.release()
    assert supervisor(home) is None
    assert end_supervisor(home) is None


def test_it_is_told_to_end(home: Home, holder: subprocess.Popen[bytes]) -> None:
    assert supervisor(home) == holder.pid
    assert end_supervisor(home) == holder.pid
    assert holder.wait() == -signal.SIGTERM
    assert supervisor(home) is None


@pytest.mark.parametrize("holder", ["stubborn"], indirect=True)
def test_one_that_does_not_end_is_named(
    home: Home, holder: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "END_SECONDS", 0.3)
    with pytest.raises(IdemflowError, match=rf"\(pid {holder.pid}\) does not end") as refused:
        end_supervisor(home)
    assert refused.value.next_command == f"kill -KILL {holder.pid}, then: idemflow down"


def test_one_that_is_held_cannot_end(home: Home, holder: subprocess.Popen[bytes]) -> None:
    holder.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, holder.pid, os.WSTOPPED)  # a signal takes its time on a busy machine
    with pytest.raises(IdemflowError, match="somebody has stopped its process") as refused:
        end_supervisor(home)
    assert refused.value.next_command == f"kill -CONT {holder.pid}"


def idemflow(home: Home, *arguments: str) -> tuple[int, str, str]:
    environment = {"IDEMFLOW_HOME": str(home.root), "IDEMFLOW_PROJECT": str(home.root)}
    done = CliRunner().invoke(main, arguments, env=environment)
    return done.exit_code, done.stdout, done.stderr


def test_a_second_one_is_refused_and_says_who_the_first_is(
    home: Home, holder: subprocess.Popen[bytes]
) -> None:
    code, out, err = idemflow(home, "supervise")
    assert (code, out) == (1, "")
    assert f"this runtime has a supervisor already: -c {home.root}" in err
    assert f"(pid {holder.pid}, since" in err
    assert "next: idemflow status; idemflow down ends it and the servers" in err


def test_status_and_down_tell_of_it(home: Home, holder: subprocess.Popen[bytes]) -> None:
    home.lock.touch(0o600)
    assert f"Kept up by idemflow supervise (pid {holder.pid})." in idemflow(home, "status")[1]
    assert json.loads(idemflow(home, "status", "--json")[1])["supervisor"] == holder.pid
    assert f"Ended idemflow supervise (pid {holder.pid})." in idemflow(home, "down")[1]
    assert "supervise" not in idemflow(home, "status")[1]


def test_servers_of_ones_own_are_not_supervised(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDEMFLOW_NIFI_URL", "https://nifi.example.org")
    monkeypatch.setenv("IDEMFLOW_ELASTICSEARCH_URL", "https://elasticsearch.example.org")
    for arguments in (["supervise"], ["supervise", "--systemd"]):
        code, _, err = idemflow(home, *arguments)
        assert code == 2
        assert "idemflow does not start or stop what is yours" in " ".join(err.split())


def test_what_cannot_be_started_at_first_is_said_as_up_says_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDEMFLOW_NARS", str(home.root))
    for name in ("NIFI", "ELASTICSEARCH"):
        monkeypatch.setenv(f"IDEMFLOW_{name}_PORT", str(ports.any_free_port()))
    code, out, err = idemflow(home, "supervise", "--json")
    assert code == 2
    assert "is not a folder with NARs in it" in " ".join(err.split())
    assert [json.loads(line)["event"] for line in out.splitlines()] == ["supervising"]
    assert supervisor(home) is None
