"""Commands that run, replay or compact a pipeline on this machine take turns."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from idemflow.config.settings import Settings
from idemflow.security.locks import LockFile

_log = logging.getLogger(__name__)


def lock(settings: Settings, name: str) -> LockFile:
    """The lock of a pipeline's turn, not yet held."""
    file = settings.folders.turn(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    return LockFile(file, f"another command on {name}")


@contextmanager
def turn(settings: Settings, name: str) -> Iterator[None]:
    """Wait until no other command runs or replays a pipeline on this machine."""
    with lock(settings, name):
        yield


@contextmanager
def canvas_turn(settings: Settings) -> Iterator[None]:
    """Wait until no other command of this runtime changes the canvas.

    A command on another machine is told by the pipeline's parameter context: NiFi has no two of
    one name, and takes no change of one that was changed meanwhile.
    """
    file = settings.folders.canvas_lock
    file.parent.mkdir(parents=True, exist_ok=True)
    with LockFile(file, "another deployment"):
        yield


@contextmanager
def turn_if_free(settings: Settings, name: str) -> Iterator[bool]:
    """The turn of a pipeline, where no other command has it: whether it was had is given."""
    own = lock(settings, name)
    if not own.try_acquire():
        _log.info("%s is left to another command: %s", name, own.holder())
        yield False
        return
    try:
        yield True
    finally:
        own.release()
