"""How busy a process group is, and what its components said: status and bulletins."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import nipyapi
from nipyapi.nifi.rest import ApiException

from idemflow.canvas.client import errors
from idemflow.canvas.flow import AGAIN, NOT_KEPT, OUTAGE
from idemflow.canvas.process_groups import TRIGGERS, processors

# How the queues are called of what is tried again.
_RETRIED = (OUTAGE, AGAIN, NOT_KEPT)
# NiFi's answer where something is not there.
_GONE = 404
# What a bulletin begins with: of a service, the type and id of what it wraps are within its own.
_WHOSE = re.compile(r"^\w+\[(?=id=|service=\w+\[id=)(?:[^][]|\[[^][]*])*]\s*")
# Of a bulletin, so many letters are shown.
_LETTERS = 700


@dataclass(frozen=True)
class Bulletin:
    """A warning or an error of a component, as the canvas shows it.

    Attributes:
        id: NiFi's number of it.
        level: ``INFO``, ``WARNING``, ``ERROR``.
        name: the component's name.
        message: what it says.
        time: when, by NiFi's clock: ``08:04:41 UTC``.
        component: the component's id.
    """

    id: int
    level: str
    name: str
    message: str
    time: str = ""
    component: str = ""

    @property
    def said(self) -> str:
        """The message on one line, without what NiFi puts first: the component's type and id."""
        text = _WHOSE.sub("", " ".join(self.message.split()))
        return text if len(text) <= _LETTERS else f"{text[:_LETTERS]}..."


@dataclass(frozen=True)
class Activity:
    """How busy a pipeline is.

    Attributes:
        queued: FlowFiles in its queues.
        queued_bytes: their contents' size in bytes.
        active: tasks that run just now.
        running: steps that are started; what starts a run does not count as a step.
        stopped: steps that are stopped.
        invalid: steps that cannot be started.
        queues: name of each queue that is not empty, and its FlowFiles.
        at_work: names of the steps that have a task just now.
        halted: names of the steps that are stopped or cannot be started.
    """

    queued: int
    queued_bytes: int
    active: int
    running: int
    stopped: int
    invalid: int
    queues: dict[str, int]
    at_work: frozenset[str] = frozenset()
    halted: tuple[str, ...] = ()

    @property
    def idle(self) -> bool:
        """Whether nothing is on its way."""
        return not (self.queued or self.active)

    @property
    def retried(self) -> int:
        """FlowFiles that wait to be tried again."""
        return sum(count for name, count in self.queues.items() if name.startswith(_RETRIED))

    @property
    def longest(self) -> int:
        """FlowFiles in the longest queue of those that wait for their first try."""
        waiting = (count for name, count in self.queues.items() if not name.startswith(_RETRIED))
        return max(waiting, default=0)


class GroupStatus(Protocol):
    """What :func:`activity` needs of nipyapi's FlowApi."""

    def get_process_group_status(
        self, group: str, /, *, recursive: bool
    ) -> nipyapi.nifi.ProcessGroupStatusEntity: ...


def activity(group: str, nifi: GroupStatus | None = None) -> Activity:
    """What a group is doing now.

    Args:
        group: id of the process group.
        nifi: whom to ask; by default the NiFi that is connected to.
    """
    with errors():
        return _activity(status(group, nifi))


def look(groups: Iterable[str]) -> dict[str, tuple[Activity, list[Bulletin]]]:
    """What groups are doing now, and what their components said: as long as NiFi keeps it, which
    is five minutes.

    Args:
        groups: ids of process groups.

    Returns:
        Both of each that is there, the bulletins oldest first.
    """
    board = sorted((one for one in _board() if one.bulletin), key=lambda one: int(one.id))
    found = {}
    for group in groups:
        with errors():
            try:
                aggregate = status(group)
            except ApiException as error:
                if error.status != _GONE:
                    raise
                continue
        inside = {one.id for one in each_group(aggregate)}
        said = [_bulletin(one) for one in board if one.group_id in inside]
        found[group] = (_activity(aggregate), said)
    return found


def _activity(aggregate: Any) -> Activity:
    steps = [
        item
        for item in snapshots(aggregate, "processor_status_snapshots")
        if item.name not in TRIGGERS
    ]
    states = [item.run_status for item in steps]
    queues: dict[str, int] = {}
    for item in snapshots(aggregate, "connection_status_snapshots"):
        if item.flow_files_queued:
            name = item.name or item.source_name
            queues[f"{name} → {item.destination_name}"] = item.flow_files_queued
    return Activity(
        queued=int(aggregate.flow_files_queued),
        queued_bytes=int(aggregate.bytes_queued),
        active=int(aggregate.active_thread_count),
        running=states.count("Running"),
        stopped=states.count("Stopped"),
        invalid=states.count("Invalid"),
        queues=queues,
        at_work=frozenset(item.name for item in steps if item.active_thread_count),
        halted=tuple(item.name for item in steps if item.run_status in ("Stopped", "Invalid")),
    )


def last_bulletin() -> int:
    """The id of NiFi's newest bulletin; -1 where there is none."""
    return max((item.id for item in _board()), default=-1)


def bulletins(
    group: str, after: int = -1, *, among: Collection[str] | None = None
) -> list[Bulletin]:
    """The bulletins of a group's components, oldest first.

    Args:
        group: id of the process group.
        after: only those with a higher id.
        among: ids of the components; by default those of the group's processors.
    """
    new = [item for item in _board() if item.bulletin and item.id > after]
    inside: Collection[str] = among or ()
    if among is None and new:
        inside = {part.id for part in processors(group)}
    return sorted(
        (_bulletin(item) for item in new if item.source_id in inside),
        key=lambda bulletin: bulletin.id,
    )


def failure(group: str, steps: Collection[str], *, after: int) -> Bulletin | None:
    """The first error that one of some steps of a group has told of after a bulletin."""
    found = bulletins(group, after=after)
    return next((one for one in found if one.level == "ERROR" and one.name in steps), None)


def _bulletin(item: Any) -> Bulletin:
    told = item.bulletin
    return Bulletin(
        item.id, told.level, told.source_name, told.message, told.timestamp or "", item.source_id
    )


def each_group(aggregate: Any) -> Iterator[Any]:
    """The status of a group, and of those in it."""
    yield aggregate
    for child in aggregate.process_group_status_snapshots or ():
        yield from each_group(child.process_group_status_snapshot)


def _board() -> list[Any]:
    with errors():
        board = nipyapi.nifi.FlowApi().get_bulletin_board().bulletin_board
    return list(board.bulletins or ())


def status(group: str, nifi: GroupStatus | None = None) -> Any:
    """The status of a group and of all that is in it."""
    found = (nifi or nipyapi.nifi.FlowApi()).get_process_group_status(group, recursive=True)
    return found.process_group_status.aggregate_snapshot


def snapshots(aggregate: Any, kind: str) -> Iterator[Any]:
    part = kind.removesuffix("s").removeprefix("input_").removeprefix("output_")
    for entity in getattr(aggregate, kind) or ():
        snapshot = getattr(entity, part)
        if snapshot is not None:
            yield snapshot
    for child in aggregate.process_group_status_snapshots or ():
        yield from snapshots(child.process_group_status_snapshot, kind)
