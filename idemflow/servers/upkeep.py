"""What a supervisor has done beside its servers, as long as they are well."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from idemflow.servers.watching import Event

# Within so many seconds, what is being done has ended once it is told to.
END_SECONDS = 10.0


class Upkeep(Protocol):
    """Something that is to be done now and then, and that never keeps the supervisor waiting."""

    def look(self, now: float, *, well: bool) -> Sequence[Event]:
        """Begin what is due, and tell of what has ended; at once.

        Args:
            now: the time, in seconds of a monotonic clock.
            well: whether all servers answered when they were asked last.
        """

    def end(self) -> None:
        """Break off what is being done, and wait until it has ended."""
