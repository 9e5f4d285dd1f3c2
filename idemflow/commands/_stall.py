"""Whether a run makes progress: records come to their end. FlowFiles that move are none."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from idemflow.canvas.monitoring import Activity, Bulletin
from idemflow.elasticsearch.ended import Ended

# How long no record may come to its end before a run is given up, in seconds, beside the pause
# before something is tried again.
PATIENCE = 120.0
# How often what has come to its end is counted, in seconds: each count costs a refresh.
COUNT_EVERY = 3.0


@dataclass
class Stall:
    """For how long no record has come to its end.

    Args:
        patience: for how long that may be so, in seconds.
        makers: names of the steps that make documents of what is collected, the source's own
            among them. A task of one of these may take hours before the first record is there: a
            query, a file, a function that asks others.
        clock: seconds, which go forward only.
    """

    patience: float
    makers: Collection[str]
    clock: Callable[[], float] = time.monotonic
    ended: Ended = field(default_factory=Ended)
    _at_work: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._since = self._counted = self.clock()

    @property
    def due(self) -> bool:
        """Whether it is time to count."""
        return self.clock() - self._counted >= min(COUNT_EVERY, self.patience / 4)

    @property
    def standing(self) -> bool:
        """Whether nothing had changed when it was last counted."""
        return self._since < self._counted

    def look(self, activity: Activity) -> None:
        """Note which steps are at work."""
        for name in activity.at_work.intersection(self.makers):
            self._at_work[name] = self.clock()

    def count(self, ended: Ended) -> None:
        """Note what has come to its end by now."""
        self._counted = self.clock()
        if ended != self.ended:
            self.ended = ended
            self._since = self._counted

    def wait(self) -> None:
        """Begin anew: a server is away, which has a patience of its own."""
        self._since = self.clock()
        self._at_work.clear()

    def over(self, failures: Callable[[], Collection[Bulletin]]) -> bool:
        """Whether the run is to be given up.

        Args:
            failures: gives the errors that steps have told of since the run began; a step that
                fails again and again is not at work.
        """
        early = self.clock() - self.patience
        if self._since > early:
            return False
        working = {name for name, last in self._at_work.items() if last > early}
        return not (working and working - {one.name for one in failures()})
