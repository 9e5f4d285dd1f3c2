"""What is done to a pipeline by those who look after it: other versions, replays by hand, a disk
that is full, a queue that is, a state that is lost."""

from __future__ import annotations

import time

from idemflow.canvas import monitoring
from idemflow.config.combinations import ServerName
from idemflow.prove.lab import Lab
from idemflow.prove.moments import armed, in_bulk, replay_some
from idemflow.prove.servers import NotForThis, NotHappened

# How long a disk is full, in seconds.
_FULL = (3.0, 6.0)
# By how many minutes a clock is set back.
_JUMP = (15.0, 45.0)
# How long NiFi may take until it goes on once there is room, in seconds.
_GOES_ON = 60.0
# What a step says whose NiFi met the full disk in the middle of a commit: see docs/operating.md.
_TWICE = "a FlowFile with that ID already exists in the session"
# FlowFiles at which a queue is full: the least that a pipeline may have.
_QUEUE = 100


def next_version(lab: Lab) -> None:
    lab.wait(lab.saved, "NiFi has saved its canvas")
    in_bulk(lab, "hold")
    lab.kill("nifi")
    armed(lab, "slow", seconds=2.0, times=3)  # so that records are on their way still
    lab.copy.next_version(f"The next version ({lab.chance.random():.6f})")
    lab.up()
    lab.deploy()
    lab.note("the next version is deployed")
    lab.arm(None)


def clock_jump(lab: Lab) -> None:
    # NiFi is started anew in any case: a step that has paused does nothing until a time of day,
    # which a clock that is set back moves away.
    lab.need_clock()
    lab.forget()
    rule = in_bulk(lab, "hold")
    lab.move_clock(lab.chance.uniform(*_JUMP))
    rule.go.set()
    lab.arm(None)
    *_, newest = lab.settle()
    # A whole run, whose id begins with a time that is before that of the run before it.
    lab.forget()
    lab.start_run()
    if lab.settle()[-1] != newest:
        raise NotHappened("NiFi's clock was not set back")
    lab.forget()
    rule = in_bulk(lab, "hold")
    lab.move_clock(0)
    rule.go.set()
    lab.arm(None)
    # What is started from now on has the machine's.
    lab.faketime = None


def stale_replay(lab: Lab) -> None:
    version = lab.opened.pipeline.version
    if version is None:
        raise NotForThis(
            "the pipeline has no version: of two states the one that comes last counts"
        )
    lab.run_once()
    lab.settle()
    try:
        with lab.copy.older(version):
            lab.deploy()
            lab.forget()
            lab.begun("each record is sent again, with an older version")
            lab.run_once()
            runs = lab.settle()
    finally:
        lab.deploy()
    if not lab.opened.ledger.records(runs[-1]):
        raise NotHappened("the second run has sent nothing")


def replay_events(lab: Lab) -> None:
    lab.run_once()
    lab.settle()
    for step in replay_some(lab.group, lab.chance):
        lab.begun(f"an event of {step} is replayed")
    lab.settle()


def lose_state(lab: Lab) -> None:
    lab.run_once()
    lab.settle()
    if not lab.remembers():
        raise NotForThis("the source remembers nothing from one run to the next")
    lab.wait(lab.saved, "NiFi has saved its canvas")
    lab.kill("nifi")
    lab.take_state()
    lab.up()
    lab.run_once()
    lab.settle()


def full_queue(lab: Lab) -> None:
    if lab.records < 2 * _QUEUE:
        raise NotForThis(f"{lab.records:,} records do not fill a queue of {_QUEUE}")
    with lab.copy.small_queues(_QUEUE):
        try:
            lab.deploy()
            lab.kill("elasticsearch")
            lab.run_once()
            lab.wait(
                lambda: lab.activity().longest >= _QUEUE,
                f"a queue is full with {_QUEUE} FlowFiles, and holds back what is before it",
            )
            lab.up()
            lab.settle()
        except BaseException:
            lab.mend()
            raise
    lab.deploy()


def full_disk_nifi(lab: Lab) -> None:
    before = monitoring.last_bulletin()
    _full_disk(lab, "nifi")
    deadline = time.monotonic() + _GOES_ON
    while not lab.activity().idle and time.monotonic() < deadline:
        if any(_TWICE in one.message for one in monitoring.bulletins(lab.group, after=before)):
            lab.note("NiFi has a FlowFile twice in a queue of its memory", "seen")
            lab.restart("nifi")
            return
        time.sleep(0.5)


def full_disk_elasticsearch(lab: Lab) -> None:
    _full_disk(lab, "elasticsearch")


def _full_disk(lab: Lab, name: ServerName) -> None:
    rule = in_bulk(lab, "hold")
    before = lab.documents()
    lab.fill_disk(name)
    rule.go.set()
    lab.arm(None)
    time.sleep(lab.chance.uniform(*_FULL))
    idle = lab.activity().idle
    lab.free_disk()
    if idle:
        raise NotHappened(f"all had come to its end, {lab.documents() - before:,} documents")
