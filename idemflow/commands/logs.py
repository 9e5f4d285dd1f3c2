"""``idemflow logs``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from idemflow.commands.up import refuse_external
from idemflow.config.combinations import SERVERS
from idemflow.config.settings import Settings
from idemflow.errors import UsageError
from idemflow.servers.further import further
from idemflow.servers.logs import tail

POLL_SECONDS = 0.3


def log_file(settings: Settings, server: str) -> Path:
    """The main log of ``nifi``, ``elasticsearch``, or a further server.

    Raises:
        UsageError: there is none yet, or the server is the user's own.
    """
    other = further().get(server)
    for name in SERVERS:
        if name == server:
            refuse_external(settings, name)
    file = other.log(settings) if other else settings.folders.log(server)
    if file.exists():
        return file
    console = file.with_name("console.log")
    if console.exists():
        return console
    start = other.start if other else "idemflow up"
    raise UsageError(f"there is no log of {server} yet ({file})", next_command=start)


def follow(file: Path) -> Iterator[str]:
    """New text of the log as it comes, for ever; goes on with the new file when it is rotated."""
    with file.open("rb") as stream:
        stream.seek(0, 2)
        inode, rest = file.stat().st_ino, b""
        while True:
            piece = stream.read()
            if piece:
                *complete, rest = (rest + piece).split(b"\n")
                if complete:
                    yield b"\n".join(complete).decode("utf-8", "replace")
                continue
            if file.exists() and file.stat().st_ino != inode:
                break
            time.sleep(POLL_SECONDS)
    yield tail(file, 1000)
    yield from follow(file)
