"""What a proof will do, and whether it may: decided before anything is touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from idemflow.canvas import monitoring, process_groups, schedule
from idemflow.commands import verify
from idemflow.commands._session import session
from idemflow.config.settings import Settings
from idemflow.errors import NotIdempotent, UsageError
from idemflow.prove import copy
from idemflow.prove.methods import BY_NAME, METHODS, Method
from idemflow.servers.supervision import supervisor


@dataclass(frozen=True)
class Plan:
    """What a proof will do.

    Attributes:
        pipeline: the pipeline's name.
        methods: what is done, in this order.
        not_tried: what is not, and why.
        kills: whether servers are killed or stopped.
        embedded: whether both servers are those that idemflow started.
    """

    pipeline: str
    methods: tuple[Method, ...]
    not_tried: dict[str, str]
    kills: bool
    embedded: bool


def plan(
    settings: Settings, name: str, chosen: Sequence[str], *, quick: bool, may_kill: bool
) -> Plan:
    """Choose the methods, and check that the pipeline is steady.

    Args:
        settings: the resolved settings.
        name: the pipeline's name.
        chosen: names of methods; none for all.
        quick: only those of a quick proof, where none is chosen.
        may_kill: whether servers may be killed.

    Raises:
        UsageError: there is no such pipeline or method, the pipeline cannot be proved, runs just
            now, or nothing is left to do.
        NotIdempotent: its index is not what its runs sent.
        IdemflowError: see :func:`idemflow.commands._session.session`.
    """
    wanted = _wanted(chosen, quick=quick)
    embedded = settings.runtime == "embedded"
    not_tried: dict[str, str] = {}
    for one in wanted:
        if one.kills and not embedded:
            not_tried[one.name] = "idemflow has not started both servers, and so kills none"
        elif one.kills and not may_kill:
            not_tried[one.name] = "--no-kill"
        elif one.proxied and not embedded:
            not_tried[one.name] = "nothing can stand between servers that idemflow has not started"
    methods = tuple(one for one in wanted if one.name not in not_tried)
    if not methods:
        first, why = next(iter(not_tried.items()))
        raise UsageError(
            f"nothing is left to try: {first}: {why}", next_command=f"idemflow prove {name}"
        )
    kills = any(one.kills for one in methods)
    if kills:
        refuse_supervised(settings, f"idemflow prove {name} --no-kill")
    _check_steady(settings, name)
    return Plan(name, methods, not_tried, kills, embedded)


def refuse_supervised(settings: Settings, without: str) -> None:
    """Refuse to kill servers that a supervisor keeps up.

    Args:
        settings: the resolved settings.
        without: the command that kills none.

    Raises:
        UsageError: they are supervised.
    """
    if (pid := supervisor(settings.folders)) is not None:
        raise UsageError(
            f"these servers are supervised (process {pid}), and a supervisor gives up where "
            "servers die again and again",
            next_command=f"idemflow down && idemflow up, and prove then; or {without}",
        )


def _wanted(chosen: Sequence[str], *, quick: bool) -> list[Method]:
    for name in chosen:
        if name not in BY_NAME:
            raise UsageError(
                f"there is no method {name!r}; there are {', '.join(BY_NAME)}",
                next_command="idemflow prove methods",
            )
    if chosen:
        return [one for one in METHODS if one.name in chosen]
    return [one for one in METHODS if one.quick or not quick]


def _check_steady(settings: Settings, name: str) -> None:
    """Check that the pipeline itself is at rest, and that its index is what its runs sent."""
    with session(settings, name) as opened:
        copy.name_of(opened.pipeline)
        found = process_groups.find(name)
        if found is not None:
            if schedule.runs(found.id):
                raise UsageError(
                    f"the pipeline {name!r} runs on a schedule, and a proof disturbs its servers",
                    next_command=f"idemflow stop {name}",
                )
            if not monitoring.activity(found.id).idle:
                raise UsageError(
                    f"a run of the pipeline {name!r} is under way",
                    next_command="idemflow status, to follow it",
                )
    if found is None:
        return
    state = verify.verify(settings, name)
    if state.ran and not state.equal:
        raise NotIdempotent(
            f"{name}: before anything is done to it, the index {state.index} is not what its runs "
            "sent: there is no steady state to begin with",
            next_command=f"idemflow verify {name}",
        )
