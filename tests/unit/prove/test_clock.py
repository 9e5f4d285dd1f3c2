"""A clock for the servers alone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from idemflow.config.paths import Home
from idemflow.prove import clock

LIBRARY = clock.library()
pytestmark = pytest.mark.skipif(LIBRARY is None, reason="libfaketime is for Linux alone")

# Says what time it is, and how much of it has gone by, each time that it is asked.
SAYS = """
import sys, time
for _ in sys.stdin:
    print(time.time(), time.monotonic(), flush=True)
"""


def test_it_moves_the_time_of_day_and_no_duration(tmp_path: Path) -> None:
    assert LIBRARY is not None
    home = Home(tmp_path / "a path with a space")
    home.proofs.mkdir(parents=True)
    clock.move(home, timedelta())
    with subprocess.Popen(
        [sys.executable, "-c", SAYS],
        env={**os.environ, **clock.variables(home, LIBRARY)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None

        given, said = child.stdin, child.stdout

        def asked() -> tuple[float, float]:
            """By how much its time of day, and its other clock, are ahead of the machine's."""
            given.write("\n")
            given.flush()
            day, other = map(float, said.readline().split())
            return day - time.time(), other - time.monotonic()

        assert clock.has_one(psutil.Process(child.pid))
        assert asked() == pytest.approx((0, 0), abs=1)
        for hours in (-1, 2):
            clock.move(home, timedelta(hours=hours))
            time.sleep(clock.READ_WITHIN)
            assert asked() == pytest.approx((hours * 3600, 0), abs=1.5)
        given.close()
    assert not clock.has_one(psutil.Process())


def test_without_the_package_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert clock.library() is None
