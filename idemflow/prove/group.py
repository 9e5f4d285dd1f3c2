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

from idemflow import servers
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

# How long nothing may move until a run has come to its end, and how long that may take; how long a
# moment is waited for; in seconds.
_STILL, _END, _MOMENT = 4.0, 300.0, 30.0
_POLL = 0.05
_SAMPLE_EVERY = 0.25
_STOPPED = (3.0, 6.0)
# How long a run goes on before something is done to it, in seconds.
_WAITING = (0.5, 2.0)


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

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a moment.

        Raises:
            NotHappened: it does not come.
        """
        deadline = time.monotonic() + _MOMENT
        while not condition():
            if time.monotonic() > deadline:
                raise NotHappened(f"not within {_MOMENT:.0f} s: {what}")
            time.sleep(_POLL)
        self.note(what, "seen")

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

    def mend(self) -> None:
        """Take back whatever was done, so that the servers are as they were before."""
        self.thaw()
        settings = self.copy.settings
        if self.fault is not None and settings.embedded:
            servers.up(self.copy.servers, servers.Silent())


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


def kill_nifi(lab: GroupLab, run_seconds: float) -> None:  # noqa: ARG001
    _held(lab)
    lab.kill("nifi")
    lab.thaw()
    _up(lab)


def kill_elasticsearch(lab: GroupLab, run_seconds: float) -> None:  # noqa: ARG001
    _held(lab)
    lab.kill("elasticsearch")
    _up(lab)


def stop_nifi(lab: GroupLab, run_seconds: float) -> None:  # noqa: ARG001
    _held(lab)
    lab.freeze("nifi")
    time.sleep(lab.chance.uniform(*_STOPPED))
    lab.thaw()


def stop_elasticsearch(lab: GroupLab, run_seconds: float) -> None:  # noqa: ARG001
    _held(lab)
    time.sleep(lab.chance.uniform(*_STOPPED))
    lab.thaw()


def _held(lab: GroupLab) -> None:
    """A run whose documents wait for Elasticsearch, which is stopped: nothing else holds them."""
    lab.freeze("elasticsearch")
    lab.run_once()
    lab.wait(lambda: not lab.activity().idle, "records are on their way")
    time.sleep(lab.chance.uniform(*_WAITING))
    if lab.activity().idle:
        raise NotHappened("no record waited for Elasticsearch")


def _up(lab: GroupLab) -> None:
    servers.up(lab.copy.servers, servers.Silent())
    lab.note("idemflow up", "mended")


@dataclass(frozen=True)
class GroupMethod:
    """A method for a group of the user's own.

    Attributes:
        name: its name on the command line.
        what: what it does, in words.
        act: does it, given how long a run takes in seconds.
        kills: whether it kills or stops a server.
    """

    name: str
    what: str
    act: Callable[[GroupLab, float], None]
    kills: bool = False


METHODS = (
    GroupMethod("rerun", "a second run", rerun),
    GroupMethod("run-once", "an operator's Run Once during a run", run_once),
    GroupMethod("replay-events", "events of NiFi's provenance are replayed by hand", replay_events),
    GroupMethod("kill-nifi", "kill -9 of NiFi during a run", kill_nifi, kills=True),
    GroupMethod("kill-elasticsearch", "kill -9 of Elasticsearch during a run", kill_elasticsearch,
                kills=True),
    GroupMethod("stop-nifi", "NiFi stands still for some seconds during a run (SIGSTOP)",
                stop_nifi, kills=True),
    GroupMethod("stop-elasticsearch",
                "Elasticsearch stands still for some seconds during a run (SIGSTOP)",
                stop_elasticsearch, kills=True),
)  # fmt: skip
