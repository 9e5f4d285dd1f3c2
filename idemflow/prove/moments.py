"""The moments of a run that methods wait for, and what is done to bulk requests then."""

from __future__ import annotations

from random import Random

from idemflow.canvas import process_groups, provenance
from idemflow.prove.lab import Lab
from idemflow.prove.proxy import Rule
from idemflow.prove.servers import NotHappened

FOREVER = 1_000_000
# Of so many steps one event each is replayed.
_REPLAYED = 3


def armed(
    lab: Lab, action: str, *, times: int = 1, status: int = 429, seconds: float = 0.0
) -> Rule | None:
    """Have something done to bulk requests; ``None`` where nothing stands before Elasticsearch."""
    if lab.proxy is None:
        return None
    return lab.arm(Rule(action, times, status, seconds))  # type: ignore[arg-type]


def in_bulk(lab: Lab, action: str) -> Rule:
    """Start a run, and wait until a bulk request with documents is held."""
    rule = armed(lab, action)
    assert rule is not None
    lab.run_once()
    lab.wait(rule.reached.is_set, "a bulk request with documents is on its way")
    return rule


def unanswered(lab: Lab, rule: Rule) -> None:
    """Start what was killed, and check that a request was under way then."""
    answered = rule.answered.is_set()
    lab.arm(None)
    lab.up()
    if answered:
        raise NotHappened("Elasticsearch had answered before it was killed")


def hit(
    lab: Lab, action: str, what: str, *, times: int = 1, status: int = 429, seconds: float = 0.0
) -> None:
    """Do something to bulk requests, and wait until it was done to one."""
    rule = armed(lab, action, times=times, status=status, seconds=seconds)
    assert rule is not None
    lab.run_once()
    lab.wait(rule.reached.is_set, "a bulk request with documents is on its way")
    lab.begun(what)
    lab.settle()
    if not rule.hits:
        raise NotHappened("it was done to no request")
    lab.note(f"done to {rule.hits} requests", "seen")
    lab.arm(None)


def replay_some(group: str, chance: Random) -> list[str]:
    """Replay an event of NiFi's provenance of some steps of a group; the steps' names.

    Raises:
        NotHappened: there is none whose FlowFile NiFi has still.
    """
    found = {
        step.component.name: events
        for step in process_groups.processors(group)
        if (events := provenance.replayable(step.id))
    }
    steps = chance.sample(sorted(found), min(_REPLAYED, len(found)))
    if not steps:
        raise NotHappened("NiFi has no event whose FlowFile is there still")
    for step in steps:
        provenance.replay(chance.choice(found[step]))
    return steps
