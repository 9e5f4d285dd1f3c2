"""Asking servers that may be away for a while, never for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from idemflow.errors import LoginRefused, Unreachable

# How long a server may be silent before a command gives up waiting, in seconds.
PATIENCE = 60.0
_PAUSE = 0.5

Answer = TypeVar("Answer")


def patiently(ask: Callable[[], Answer], told: Callable[[str], None]) -> Answer:
    """Ask, and where a server is away meanwhile, ask again from the beginning.

    Args:
        ask: what may be done again, however far it came.
        told: what is wrong, each time.

    Raises:
        Unreachable: a server stayed away.
        LoginRefused: it refused the login although it was not away.
    """
    since: float | None = None
    while True:
        try:
            return ask()
        except (Unreachable, LoginRefused) as error:
            now = time.monotonic()
            if since is None:
                # A server that has just come back may need a moment until it knows a login.
                if isinstance(error, LoginRefused):
                    raise
                since = now
            if now - since > PATIENCE:
                raise
            told(error.message)
        time.sleep(_PAUSE)
