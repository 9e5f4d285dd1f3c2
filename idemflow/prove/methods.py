"""What is done to a pipeline while it runs: a function a method, and the table of them all.

A method brings its moment about, does its fault, and takes it back. Where the moment does not come
or the fault hits nothing, it raises :class:`idemflow.prove.lab.NotHappened`.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from idemflow.prove import upkeep
from idemflow.prove.lab import Lab
from idemflow.prove.moments import FOREVER, armed, hit, in_bulk, unanswered
from idemflow.prove.servers import NoMoment, NotHappened

# How long a server that is stopped stays so, in seconds.
_STOPPED = (3.0, 6.0)
# How probable it is that the next method of a mix begins in peace.
_SETTLED = 0.5


@dataclass(frozen=True)
class Method:
    """A method.

    Attributes:
        name: its name on the command line.
        what: what it does, in words.
        act: does it.
        kills: whether it kills or stops a server, which idemflow must have started.
        proxied: whether it needs what stands between NiFi and Elasticsearch.
        quick: whether `--quick` has it.
    """

    name: str
    what: str
    act: Callable[[Lab], None]
    kills: bool = False
    proxied: bool = False
    quick: bool = False


def rerun(lab: Lab) -> None:
    lab.run_once()
    lab.settle()
    lab.run_once()


def at_once(lab: Lab) -> None:
    for _ in range(3):
        lab.start_run()


def run_once(lab: Lab) -> None:
    rule = armed(lab, "hold")
    lab.run_once()
    if rule is not None:
        lab.wait(rule.reached.is_set, "documents are on their way")
    if lab.activity().idle:
        raise NotHappened("the run had ended before the second one was started")
    before = lab.activity().queued
    lab.begun("a second run begins during the first")
    lab.run_once()
    if rule is not None:
        lab.wait(lambda: lab.activity().queued != before, "the second run is in the flow", within=5)
    lab.arm(None)


def redeploy(lab: Lab) -> None:
    rule = armed(lab, "slow", seconds=2.0, times=3)
    lab.run_once()
    if rule is not None:
        lab.wait(rule.reached.is_set, "documents are on their way")
    if lab.activity().idle:
        raise NotHappened("the run had ended before the deployment began")
    lab.copy.describe(f"Deployed during a run ({lab.chance.random():.6f})")
    lab.begun("a deployment during the run")
    lab.deploy()
    lab.note("deployed", "mended")
    lab.arm(None)


def kill_run(lab: Lab) -> None:
    process = lab.start_run(expected=0)
    started = time.monotonic()
    try:
        process.wait(lab.chance.uniform(0.2, 0.95) * lab.run_seconds)
    except subprocess.TimeoutExpired:
        lab.begun("kill -9 of the command")
    else:
        # The first run of servers that were just started takes twice as long as a later one.
        lab.run_seconds = time.monotonic() - started
        raise NotHappened("the command had ended by itself")
    process.kill()
    process.wait()
    lab.start_run()


def kill_nifi_collecting(lab: Lab) -> None:
    lab.wait(lab.saved, "NiFi has saved its canvas")
    steps = set(lab.opened.pipeline.collect.steps)
    before = lab.documents()
    lab.run_once()
    deadline = time.monotonic() + 10
    # Without a pause: a small source gives all it has within a moment.
    while not steps & (now := lab.activity()).at_work:
        if time.monotonic() > deadline or (now.idle and lab.accounted()):
            raise NoMoment("the source has given all its records before it is seen at work")
    lab.note("the source is at work", "seen")
    lab.kill("nifi")
    if lab.documents() != before:
        lab.up()
        raise NotHappened("documents had arrived by then")
    lab.up()


def kill_nifi_queued(lab: Lab) -> None:
    lab.wait(lab.saved, "NiFi has saved its canvas")
    rule = armed(lab, "hold", times=FOREVER)
    assert rule is not None
    steps = set(lab.opened.pipeline.collect.steps)
    before = lab.documents()
    lab.run_once()
    lab.wait(rule.reached.is_set, "documents are on their way")
    lab.wait(lambda: not steps & lab.activity().at_work, "the source has given all its records")
    queued = lab.activity().queued
    if not queued or lab.documents() != before:
        raise NotHappened("nothing waited in the queues")
    lab.note(f"{queued:,} FlowFiles wait", "seen")
    lab.kill("nifi")
    lab.arm(None)
    lab.up()


def kill_nifi_bulk(lab: Lab) -> None:
    lab.wait(lab.saved, "NiFi has saved its canvas")
    rule = in_bulk(lab, "hold")
    lab.kill("nifi")
    # The request is on the line still: Elasticsearch gets it from a sender that is dead.
    rule.go.set()
    lab.arm(None)
    lab.up()


def kill_nifi_commit(lab: Lab) -> None:
    lab.wait(lab.saved, "NiFi has saved its canvas")
    in_bulk(lab, "hold reply")
    lab.kill("nifi")
    lab.arm(None)
    lab.up()


def kill_elasticsearch_bulk(lab: Lab) -> None:
    rule = in_bulk(lab, "hold")
    rule.go.set()
    time.sleep(lab.chance.uniform(0, 0.01))
    lab.kill("elasticsearch")
    unanswered(lab, rule)


def kill_both_bulk(lab: Lab) -> None:
    lab.wait(lab.saved, "NiFi has saved its canvas")
    rule = in_bulk(lab, "hold")
    rule.go.set()
    time.sleep(lab.chance.uniform(0, 0.01))
    lab.kill("nifi", "elasticsearch")
    unanswered(lab, rule)


def stop_nifi(lab: Lab) -> None:
    rule = in_bulk(lab, "hold")
    lab.freeze("nifi")
    rule.go.set()
    time.sleep(lab.chance.uniform(*_STOPPED))
    lab.thaw()
    lab.arm(None)


def stop_elasticsearch(lab: Lab) -> None:
    rule = in_bulk(lab, "hold")
    lab.freeze("elasticsearch")
    rule.go.set()
    time.sleep(lab.chance.uniform(*_STOPPED))
    answered = rule.answered.is_set()
    lab.thaw()
    lab.arm(None)
    if answered:
        raise NotHappened("Elasticsearch had answered before it was stopped")


def lose_replies(lab: Lab) -> None:
    hit(lab, "lose reply", "the reply to a bulk request is lost")


def refuse_429(lab: Lab) -> None:
    hit(lab, "refuse", "bulk requests are answered with 429", times=2, status=429)


def refuse_503(lab: Lab) -> None:
    hit(lab, "refuse", "bulk requests are answered with 503", times=2, status=503)


def refuse_half(lab: Lab) -> None:
    hit(lab, "refuse half", "every second document of a bulk request is refused", times=2)


def slow_link(lab: Lab) -> None:
    hit(lab, "slow", "bulk requests take 3 s longer", times=3, seconds=3.0)


CLOCK_JUMP = Method(
    "clock-jump", "the servers' clock is set back during a bulk request, and ahead during another",
    upkeep.clock_jump, kills=True, proxied=True,
)  # fmt: skip
METHODS = (
    Method("rerun", "a second run", rerun, quick=True),
    Method("at-once", "three runs started at once", at_once),
    Method("run-once", "an operator's Run Once during a run", run_once, quick=True),
    Method("redeploy", "a deployment during a run", redeploy),
    Method("kill-run", "kill -9 of the command that runs it, and another one", kill_run,
           quick=True),
    # Both are started then, with a clock of their own where the next method is to come.
    Method("kill-both-bulk", "kill -9 of both during a bulk request",
           kill_both_bulk, kills=True, proxied=True),
    CLOCK_JUMP,
    Method("kill-nifi-collecting", "kill -9 of NiFi while the source gives its records",
           kill_nifi_collecting, kills=True),
    Method("kill-nifi-queued", "kill -9 of NiFi while all documents wait in its queues",
           kill_nifi_queued, kills=True, proxied=True),
    Method("kill-nifi-bulk", "kill -9 of NiFi during a bulk request, which arrives later",
           kill_nifi_bulk, kills=True, proxied=True),
    Method("kill-nifi-commit",
           "kill -9 of NiFi once Elasticsearch has taken a bulk request, before NiFi knows",
           kill_nifi_commit, kills=True, proxied=True, quick=True),
    Method("kill-elasticsearch-bulk", "kill -9 of Elasticsearch during a bulk request",
           kill_elasticsearch_bulk, kills=True, proxied=True, quick=True),
    Method("stop-nifi", "NiFi stands still for some seconds during a bulk request (SIGSTOP)",
           stop_nifi, kills=True, proxied=True),
    Method("stop-elasticsearch",
           "Elasticsearch stands still for some seconds during a bulk request (SIGSTOP)",
           stop_elasticsearch, kills=True, proxied=True),
    Method("lose-replies", "the reply to a bulk request is lost on its way", lose_replies,
           proxied=True, quick=True),
    Method("refuse-429", "Elasticsearch has too much to do (429)", refuse_429, proxied=True),
    Method("refuse-503", "Elasticsearch is not ready (503)", refuse_503, proxied=True),
    Method("refuse-half", "half of a bulk request is refused (429 of documents)", refuse_half,
           proxied=True, quick=True),
    Method("slow-link", "a slow link to Elasticsearch", slow_link, proxied=True),
    Method("full-disk-nifi", "NiFi can write to no file for some seconds during a bulk request",
           upkeep.full_disk_nifi, kills=True, proxied=True),
    Method("full-disk-elasticsearch",
           "Elasticsearch can write to no file for some seconds during a bulk request",
           upkeep.full_disk_elasticsearch, kills=True, proxied=True),
    Method("full-queue", "a queue is full while Elasticsearch is away", upkeep.full_queue,
           kills=True),
    Method("next-version", "kill -9 of NiFi, which comes back to the next version of the flow",
           upkeep.next_version, kills=True, proxied=True),
    Method("lose-state", "NiFi loses all that its steps remember", upkeep.lose_state, kills=True),
    Method("stale-replay", "each record is sent again with an older version",
           upkeep.stale_replay),
    Method("replay-events", "events of NiFi's provenance are replayed by hand",
           upkeep.replay_events),
)  # fmt: skip
# How many methods a mix has.
_MIXED = (2, 3)


def mix(number: int, among: Sequence[Method], chance: Random) -> Method:
    """Some methods in one try: one after another, without an empty index between them.

    Args:
        number: from 1, for its name.
        among: what is chosen from; the same one may come twice.
        chance: chooses.
    """
    chosen = chance.choices(among, k=chance.randint(*_MIXED))

    def act(lab: Lab) -> None:
        missed: list[NotHappened] = []
        for one in chosen:
            lab.note(one.name)
            try:
                one.act(lab)
            except NotHappened as error:
                missed.append(error)
                lab.note(f"{one.name} did not come to pass: {error}", "seen")
                lab.mend()
            if chance.random() < _SETTLED:
                lab.settle()
        if len(missed) == len(chosen):
            raise missed[0]

    return Method(f"mix-{number}", ", then ".join(one.name for one in chosen), act)


BY_NAME = {one.name: one for one in METHODS}
