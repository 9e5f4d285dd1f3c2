"""What a supervisor prunes: when it asks, what it tells, how it ends. The command is made up."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from idemflow.commands import _due_prunes
from idemflow.commands._due_prunes import LOOK_SECONDS, DuePrunes
from idemflow.config import settings
from idemflow.servers.watching import Event

COUNTED = {"folded": 12, "forgotten": 1, "dead_letters": 0, "indices": ["a", "b"], "busy": False}
STUBBORN = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN)"


class Asked:
    """What a supervisor prunes of a project, by a command that does what it is told to."""

    def __init__(self, project: Path) -> None:
        (project / "flows").mkdir()
        self.flow = project / "flows" / "people.yaml"
        self.flow.write_text("pipeline: people\nprune: {every: 1 day}\n")
        self._code, self._calls = project / "code.py", project / "calls"
        self._calls.touch()
        self.prunes = DuePrunes(
            settings.resolve({"project": str(project)}), (sys.executable, str(self._code))
        )

    def does(self, code: str) -> None:
        """Say what the command does from now on."""
        self._code.write_text(f"open({str(self._calls)!r}, 'a').write('x')\n{code}\n")

    def prints(self, *pipelines: dict[str, Any], left: tuple[dict[str, Any], ...] = ()) -> None:
        """Say what it prints from now on."""
        self.does(f"print({json.dumps({'pipelines': pipelines, 'left': left})!r})")

    @property
    def calls(self) -> int:
        """How often it was called."""
        return len(self._calls.read_text())

    @property
    def child(self) -> psutil.Process | None:
        """The command, if it is at work."""
        return next(iter(psutil.Process().children()), None)

    def look(self, now: float, *, well: bool = True) -> list[Event]:
        """Look, and where that begins something, wait until it has ended."""
        events = [*self.prunes.look(now, well=well)]
        deadline = time.monotonic() + 30
        while self.child and self.child.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        return [*events, *self.prunes.look(now, well=well)]


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    made = Asked(tmp_path)
    yield made
    made.prunes.end()


def texts(events: list[Event]) -> list[str]:
    return [one.text for one in events]


def test_what_was_done_is_told(asked: Asked) -> None:
    asked.prints({"pipeline": "people", **COUNTED}, {"pipeline": "orders"})
    people, orders = asked.look(0)
    assert (people.event, people.pipeline) == ("pruned", "people")
    assert people.text == "people is pruned: 12 runs folded, 1 run forgotten, 2 indices deleted"
    assert orders.text == "orders is pruned: nothing had to go"


def test_it_asks_when_the_servers_are_well_and_then_now_and_then(asked: Asked) -> None:
    asked.prints()
    assert asked.look(0, well=False) == []
    assert asked.calls == 0
    assert asked.look(10) == []
    assert asked.calls == 1
    asked.look(9 + LOOK_SECONDS)
    assert asked.calls == 1
    asked.look(10 + LOOK_SECONDS)
    assert asked.calls == 2
    # A server was away: whoever counted on the next five minutes need not wait.
    asked.look(11 + LOOK_SECONDS, well=False)
    asked.look(12 + LOOK_SECONDS)
    assert asked.calls == 3


def test_where_no_file_wants_it_nothing_is_asked(asked: Asked) -> None:
    asked.prints()
    for number, text in enumerate(("prune: {runs: 3}", "prune: {every: 1 day}", "", "")):
        asked.flow.write_text(text)
        asked.look(number * LOOK_SECONDS)
    # At first, and after it has gone from the file, it may be what is wrong.
    assert asked.calls == 3
    asked.flow.unlink()
    asked.flow.symlink_to("/etc/hostname")
    asked.look(5 * LOOK_SECONDS)
    assert asked.calls == 4


def test_what_is_wrong_is_told_once(asked: Asked) -> None:
    wrong = {"pipeline": "people", "reason": "is not YAML", "next_command": "idemflow check"}
    busy = {"pipeline": "orders", **COUNTED, "busy": True}
    asked.prints(busy, left=(wrong,))
    told = asked.look(0)
    assert {one.event for one in told} == {"unpruned"}
    assert texts(told) == [
        "orders is not pruned: records are on their way",
        "people is not pruned: is not YAML",
    ]
    assert [one.next_command for one in told] == ["idemflow status", "idemflow check"]
    assert asked.look(LOOK_SECONDS) == []
    asked.prints(busy, left=(wrong | {"reason": "is empty"},))
    assert texts(asked.look(2 * LOOK_SECONDS)) == ["people is not pruned: is empty"]
    asked.prints({"pipeline": "orders", **COUNTED, "busy": False})
    assert len(asked.look(3 * LOOK_SECONDS)) == 1
    asked.prints(busy, left=(wrong,))
    assert len(asked.look(4 * LOOK_SECONDS)) == 2


def test_a_command_that_fails(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    asked.does("import sys; sys.exit('waiting\\nerror: it is\\ndown\\nnext: idemflow up')")
    (event,) = asked.look(0)
    assert event.text == "What is due is not pruned: it is\ndown"
    assert (event.next_command, event.pipeline) == ("idemflow up", None)
    assert asked.look(LOOK_SECONDS) == []
    asked.does("import os; os.kill(os.getpid(), 9)")
    (event,) = asked.look(2 * LOOK_SECONDS)
    assert event.text == "What is due is not pruned: idemflow prune has ended with -9"
    monkeypatch.setattr(asked.prunes, "_command", ("/nowhere/python",))
    (event,) = asked.look(3 * LOOK_SECONDS)
    assert "cannot be started" in event.text
    assert event.next_command == "idemflow prune --due"


@pytest.fixture
def interruptible() -> Iterator[None]:
    """As in the supervisor, SIGINT is not ignored: a child would inherit that, as of `make &`."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(
    ("code", "ended"), [("import time", -signal.SIGINT), (STUBBORN, -signal.SIGKILL)]
)
def test_it_ends(
    asked: Asked, tmp_path: Path, code: str, ended: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = tmp_path / "ready"
    asked.does(f"{code}; open({str(ready)!r}, 'w').close(); time.sleep(100)")
    assert asked.prunes.look(0, well=True) == []
    child = asked.child
    assert child
    deadline = time.monotonic() + 30
    while not ready.exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert asked.prunes.look(1, well=True) == []
    monkeypatch.setattr(_due_prunes, "END_SECONDS", 0.3 if ended == -signal.SIGKILL else 30)
    process = asked.prunes._child
    assert process
    asked.prunes.end()
    assert process.process.returncode == ended
    assert not child.is_running()
