"""Commands that run, replay or compact a pipeline on this machine take turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from idemflow.commands._watch import RunDisplay
from idemflow.config.settings import Settings


def lock(settings: Settings, name: str) -> FileLock:
    """The lock of a pipeline's turn, not yet held."""
    file = settings.folders.turn(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(file)


@contextmanager
def turn(settings: Settings, name: str, progress: RunDisplay) -> Iterator[None]:
    """Wait until no other command runs or replays a pipeline on this machine."""
    own = lock(settings, name)
    try:
        own.acquire(blocking=False)
    except Timeout:
        progress.step(f"wait until another run of {name} has ended")
        own.acquire()
    try:
        yield
    finally:
        own.release()


@contextmanager
def canvas_turn(settings: Settings, progress: Callable[[str], None]) -> Iterator[None]:
    """Wait until no other command of this runtime changes the canvas.

    A command on another machine is told by the pipeline's parameter context: NiFi has no two of
    one name, and takes no change of one that was changed meanwhile.
    """
    file = settings.folders.canvas_lock
    file.parent.mkdir(parents=True, exist_ok=True)
    own = FileLock(file)
    try:
        own.acquire(timeout=1)
    except Timeout:
        progress("wait until another deployment has ended")
        own.acquire()
    try:
        yield
    finally:
        own.release()
