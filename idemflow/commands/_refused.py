"""Requests of a run that Elasticsearch refuses as a whole: no outage, for they never pass."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

from idemflow.canvas import monitoring
from idemflow.canvas.flow import KEEP, PUT
from idemflow.canvas.monitoring import Activity, Bulletin
from idemflow.errors import RequestRefused

# The status of a whole request, as the bundled PutElasticsearchJson and the official one tell it.
_BAD_REQUEST = re.compile(r"\bHTTP(?:/\d(?:\.\d)?)? 400\b")
# The first such answer may be for a property that is being mended just now.
_AGAIN = 2
_PAUSE = 1.0


@dataclass
class RefusedRequests:
    """Looks at what the steps that write to Elasticsearch say.

    Args:
        name: the pipeline's name.
        group: id of its process group.
        after: id of the last bulletin before the run.
    """

    name: str
    group: str
    after: int
    _next: float = field(default=0.0, init=False)

    def check(self, activity: Activity) -> None:
        """Check that what waits will be taken some day.

        Raises:
            RequestRefused: Elasticsearch refuses each request of a step, again and again.
        """
        if not activity.queued or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _PAUSE
        found = monitoring.bulletins(self.group, after=self.after)
        for step in (PUT, KEEP):
            told = [one for one in found if one.name == step and refuses(one)]
            if len(told) >= _AGAIN:
                raise self._refused(told[-1])

    def _refused(self, told: Bulletin) -> RequestRefused:
        name = self.name
        return RequestRefused(
            f"{name}: Elasticsearch refuses whole requests of {told.name!r}, again and again: "
            f"{told.said}\nThe run waits in NiFi; nothing is lost.",
            next_command=f"mend the properties of {told.name!r} on the canvas (idemflow open "
            f"{name}); the run goes on by itself then: idemflow verify {name}",
        )


def refuses(bulletin: Bulletin) -> bool:
    """Whether it tells of a request that was refused as a whole, whatever is in it."""
    return bulletin.level == "ERROR" and _BAD_REQUEST.search(bulletin.message) is not None
