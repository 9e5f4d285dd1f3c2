"""A proof of a flow that idemflow did not draw: its index after one run is what all others leave.

The flow itself runs, in its own index, which is neither emptied nor written to by the proof. What
one quiet run leaves is the reference. Where documents were there before, one that a later run loses
is still there: so each run has also to write as many documents as a quiet one does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from idemflow.canvas import control, monitoring
from idemflow.canvas.monitoring import Activity
from idemflow.elasticsearch.documents import Checkpoints
from idemflow.elasticsearch.ledger import Ledger
from idemflow.elasticsearch.verify import digest_of
from idemflow.errors import IdemflowError
from idemflow.prove.journal import Sample
from idemflow.prove.lab import Stuck
from idemflow.prove.moments import replay_some
from idemflow.prove.servers import NotHappened, Servers

# How long nothing may move until a run has come to its end, and how long that may take, in
# seconds.
_STILL, _END = 4.0, 300.0
_POLL = 0.05
_SAMPLE_EVERY = 0.25


@dataclass
class GroupLab(Servers):
    """A process group of the user's own, and what is done to it.

    Attributes:
        group: its id.
        trigger: the processor that starts a run.
        index: the index that it writes to.
        ledger: the connection to Elasticsearch.
        since: how far the index had been written when the try began.
    """

    group: str
    trigger: str
    index: str
    ledger: Ledger
    chance: Random = field(default_factory=Random)
    since: Checkpoints = field(default_factory=dict)

    def begin(self, chance: Random) -> None:
        """Begin a try."""
        self.chance, self.fault = chance, None
        self.events, self.samples = [], []
        self.since = self.ledger.seq_no_checkpoints(self.index)
        self._began = time.monotonic()

    def run_once(self) -> None:
        """Run Once of the trigger."""
        self.note(f"Run Once of {self.trigger}")
        control.run_once(self.group, self.trigger)

    def activity(self) -> Activity:
        """What the group is doing now."""
        return monitoring.activity(self.group)

    def written(self) -> int:
        """How many documents were written since the try began."""
        self.ledger.refresh(self.index)
        return self.ledger.count_written(self.index, self.since)

    def documents(self) -> Iterator[tuple[str, str]]:
        """The documents' ids, and digests of their contents."""
        return ((key, digest_of(source)) for key, source in self.ledger.documents(self.index))

    def settle(self) -> None:
        """Wait until nothing moves.

        Raises:
            Stuck: it does not come to rest.
        """
        deadline, still, last = time.monotonic() + _END, time.monotonic(), -1
        while True:
            with suppress(IdemflowError):
                queued = self.activity()
                documents = self.ledger.count(self.index)
                if not self.samples or self.elapsed - self.samples[-1].at > _SAMPLE_EVERY:
                    self.samples.append(Sample(self.elapsed, queued.queued, documents))
                if not queued.idle or documents != last:
                    still, last = time.monotonic(), documents
                elif time.monotonic() - still > _STILL:
                    self.note("nothing moves", "seen")
                    return
            if time.monotonic() > deadline:
                raise Stuck(f"it has not come to rest {_END:.0f} s later")
            time.sleep(_POLL)

    def moment(self, run_seconds: float) -> None:
        """Start a run, and wait for a moment by chance in it.

        Raises:
            NotHappened: the run has ended by then.
        """
        self.run_once()
        time.sleep(self.chance.uniform(0, run_seconds))
        if self.activity().idle:
            raise NotHappened("the run had ended before anything was done to it")


def rerun(lab: GroupLab, run_seconds: float) -> None:  # noqa: ARG001 (as all others)
    lab.run_once()


def run_once(lab: GroupLab, run_seconds: float) -> None:
    lab.moment(run_seconds)
    lab.begun("a second run begins during the first")
    lab.run_once()


def replay_events(lab: GroupLab, run_seconds: float) -> None:
    rerun(lab, run_seconds)
    lab.settle()
    for step in replay_some(lab.group, lab.chance):
        lab.begun(f"an event of {step} is replayed")


@dataclass(frozen=True)
class GroupMethod:
    """A method for a group of the user's own.

    Attributes:
        name: its name on the command line.
        what: what it does, in words.
        act: does it, given how long a run takes in seconds.
    """

    name: str
    what: str
    act: Callable[[GroupLab, float], None]


METHODS = (
    GroupMethod("rerun", "a second run", rerun),
    GroupMethod("run-once", "an operator's Run Once during a run", run_once),
    GroupMethod("replay-events", "events of NiFi's provenance are replayed by hand", replay_events),
)
