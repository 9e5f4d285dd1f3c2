"""Find, start, stop and watch a pipeline's process group."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import nipyapi

from idemflow.canvas.client import errors
from idemflow.canvas.replay import REPLAY_TRIGGER
from idemflow.drawing.collect import TRIGGER
from idemflow.errors import CanvasError, UsageError

_DEADLINE = 60.0
_VALID_WITHIN = 20.0
# NiFi looks at components that are not valid every 5 s: one that still is not then, with nothing
# left to wait for, will not be.
_INVALID_AFTER = 8.0
# What starts something: never started with the steps.
_TRIGGERS = (TRIGGER, REPLAY_TRIGGER)


@dataclass(frozen=True)
class Bulletin:
    """A warning or an error of a component, as the canvas shows it."""

    id: int
    level: str
    name: str
    message: str


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
    """

    queued: int
    queued_bytes: int
    active: int
    running: int
    stopped: int
    invalid: int
    queues: dict[str, int]


@dataclass(frozen=True)
class State:
    """What a step remembers from one run to the next.

    Attributes:
        id: the processor's id.
        step: its name.
        entries: keys and values.
    """

    id: str
    step: str
    entries: dict[str, str]


def find_group(pipeline: str) -> nipyapi.nifi.ProcessGroupEntity | None:
    """The process group of that name on the root canvas, if there is one."""
    with errors():
        groups = nipyapi.nifi.ProcessGroupsApi().get_process_groups("root").process_groups
    found = [group for group in groups if group.component.name == pipeline]
    if len(found) > 1:
        raise CanvasError(
            f"the canvas has {len(found)} process groups named {pipeline!r}",
            next_command="rename or delete all but one of them on the canvas",
        )
    return found[0] if found else None


def group_id(pipeline: str) -> str:
    """The id of a deployed pipeline's process group.

    Raises:
        UsageError: it is not deployed.
    """
    group = find_group(pipeline)
    if group is None:
        raise UsageError(
            f"the pipeline {pipeline!r} is not on the canvas",
            next_command=f"idemflow deploy {pipeline}",
        )
    return str(group.id)


def start_steps(group: str, leave: Collection[str] = ()) -> None:
    """Enable the services of a group and start all of it but the triggers.

    Args:
        group: id of the process group.
        leave: ids of components that stay as they are.

    Raises:
        CanvasError: a component is not valid, with what NiFi says of it.
    """
    with errors():
        parts = [*_enable_services(group), *_stopped_ports(group)]
        waiting = [
            part
            for part in parts
            if part.component.name not in _TRIGGERS
            and part.component.state == "STOPPED"
            and part.id not in leave
        ]
        if not waiting:
            return
        nipyapi.canvas.schedule_components(group, True, waiting)
    expected = {part.id for part in waiting}
    _wait(
        lambda: all(
            item.run_status == "Running"
            for item in _snapshots(_status(group), "processor_status_snapshots")
            if item.id in expected
        ),
        "the steps of the pipeline do not start",
    )


def trigger(group: str, name: str = TRIGGER) -> nipyapi.nifi.ProcessorEntity:
    """The processor that starts a run, or of another name.

    Raises:
        CanvasError: an operator took it away.
    """
    with errors():
        for processor in processors(group):
            if processor.component.name == name:
                return processor
    raise CanvasError(
        f"the process group has no processor {name!r}",
        next_command="idemflow deploy the pipeline again",
    )


def run_once(group: str, name: str = TRIGGER) -> None:
    """Start one run, as Run Once on the canvas does.

    Args:
        group: id of the process group.
        name: the processor that starts it.
    """
    processor = trigger(group, name)
    if _is_checked(processor.component):
        # NiFi would drop the request without a word.
        _wait(
            lambda: not _is_checked(trigger(group, name).component),
            f"NiFi does not finish checking {name!r}",
        )
    with errors():
        if not nipyapi.canvas.schedule_processor(processor, "RUN_ONCE"):
            raise CanvasError(f"{name!r} did not run")


def schedule_trigger(group: str, running: bool) -> None:
    """Start or stop the trigger's schedule; nothing where it is so already."""
    processor = trigger(group)
    if (processor.component.state == "RUNNING") != running:
        with errors():
            nipyapi.canvas.schedule_processor(processor, running)


def set_schedule(group: str, period: str, *, cron: bool = False) -> None:
    """Set how often, or when, the trigger runs; nothing where it is so already.

    Args:
        group: id of the process group.
        period: a period such as ``5 min``, or
        cron: six fields of a cron expression, in the zone of NiFi's own clock.

    Raises:
        CanvasError: NiFi does not take it.
    """
    strategy = "CRON_DRIVEN" if cron else "TIMER_DRIVEN"
    with errors():
        processor = trigger(group)
        config = processor.component.config
        if (config.scheduling_strategy, config.scheduling_period) != (strategy, period):
            wanted = nipyapi.nifi.ProcessorConfigDTO(
                scheduling_strategy=strategy, scheduling_period=period
            )
            try:
                nipyapi.canvas.update_processor(processor, wanted, auto_stop=True)
            finally:
                # It was stopped for that; where NiFi refused, it goes on as it was.
                schedule_trigger(group, processor.component.state == "RUNNING")


def clock() -> str:
    """What NiFi calls the zone of its own clock just now, such as ``UTC`` or ``CEST``."""
    with errors():
        return str(nipyapi.nifi.FlowApi().get_about_info().about.timezone)


def stop(group: str) -> None:
    """Stop all components of a group; what is queued stays queued."""
    with errors():
        nipyapi.canvas.schedule_components(group, False)
    _wait(
        lambda: activity(group).active == 0,
        "a step of the pipeline does not stop",
    )


def activity(group: str) -> Activity:
    """What a group is doing now."""
    with errors():
        aggregate = _status(group)
    states = [
        item.run_status
        for item in _snapshots(aggregate, "processor_status_snapshots")
        if item.name not in _TRIGGERS
    ]
    queues: dict[str, int] = {}
    for item in _snapshots(aggregate, "connection_status_snapshots"):
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
    )


def last_bulletin() -> int:
    """The id of NiFi's newest bulletin; -1 where there is none."""
    return max((item.id for item in _board()), default=-1)


def bulletins(group: str, after: int = -1) -> list[Bulletin]:
    """The bulletins of a group's components, oldest first.

    Args:
        group: id of the process group.
        after: only those with a higher id.
    """
    new = [item for item in _board() if item.bulletin and item.id > after]
    inside = {part.id for part in processors(group)} if new else set()
    return sorted(
        (
            Bulletin(item.id, item.bulletin.level, item.bulletin.source_name, item.bulletin.message)
            for item in new
            if item.source_id in inside
        ),
        key=lambda bulletin: bulletin.id,
    )


def _board() -> list[Any]:
    with errors():
        board = nipyapi.nifi.FlowApi().get_bulletin_board().bulletin_board
    return list(board.bulletins or ())


def processors(group: str) -> list[nipyapi.nifi.ProcessorEntity]:
    """All processors of a group and of the groups in it."""
    api = nipyapi.nifi.ProcessGroupsApi()
    with errors():
        return list(api.get_processors(group, include_descendant_groups=True).processors)


def controller_services(group: str) -> list[nipyapi.nifi.ControllerServiceEntity]:
    """All controller services of a group and of the groups in it."""
    with errors():
        found = nipyapi.nifi.FlowApi().get_controller_services_from_group(
            group, include_ancestor_groups=False, include_descendant_groups=True
        )
    return list(found.controller_services)


def _stopped_ports(group: str) -> list[Any]:
    aggregate = _status(group)
    reads: dict[str, Callable[[str], Any]] = {
        "input": nipyapi.nifi.InputPortsApi().get_input_port,
        "output": nipyapi.nifi.OutputPortsApi().get_output_port,
    }
    return [
        read(item.id)
        for kind, read in reads.items()
        for item in _snapshots(aggregate, f"{kind}_port_status_snapshots")
        if item.run_status == "Stopped"
    ]


def _status(group: str) -> Any:
    """The status of a group and of all that is in it."""
    status = nipyapi.nifi.FlowApi().get_process_group_status(group, recursive=True)
    return status.process_group_status.aggregate_snapshot


def problems(group: str) -> list[str]:
    """What NiFi finds wrong with the steps of a group, a line each: step and reason."""
    _wait(
        lambda: (
            not any(
                _is_checked(part.component)
                for part in [*controller_services(group), *processors(group)]
            )
        ),
        "NiFi does not finish checking the pipeline's components, or enabling its services",
    )
    return [
        text
        for part in processors(group)
        if part.component.validation_status == "INVALID"
        for text in _problems(part.component)
    ]


def steps(group: str) -> tuple[set[str], set[str]]:
    """The ids of the steps of a group that run, and of those that do not.

    What starts a run does not count.
    """
    found = [part for part in processors(group) if part.component.name not in _TRIGGERS]
    running = {str(part.id) for part in found if part.component.state == "RUNNING"}
    return running, {str(part.id) for part in found} - running


def _enable_services(group: str) -> list[nipyapi.nifi.ProcessorEntity]:
    """Enable the services of a group, and wait until NiFi finds its components valid.

    NiFi passes over services that it still checks when it is asked to enable all: it is asked
    again. A step is checked anew some time after a service that it needs was enabled; what NiFi
    says of it before that is of the past.

    Returns:
        The group's processors.

    Raises:
        CanvasError: it goes on finding components not valid, with what it says of them.
    """
    settled = time.monotonic()
    deadline = settled + _VALID_WITHIN
    enabled = nipyapi.nifi.ActivateControllerServicesEntity(id=group, state="ENABLED")
    while True:
        services = controller_services(group)
        if any(service.component.state == "DISABLED" for service in services):
            nipyapi.nifi.FlowApi().activate_controller_services(id=group, body=enabled)
        used = services
        found = [text for service in services for text in _problems(service.component)]
        if not found:
            # Steps wait for the services that they need: they are asked for when these are there.
            steps = processors(group)
            # An operator may have disabled a step on purpose: then nothing is asked of it.
            used = [part for part in steps if part.component.state != "DISABLED"]
            found = [text for part in used for text in _problems(part.component)]
            if not found:
                return steps
        now = time.monotonic()
        if any(_is_checked(part.component) for part in used):
            settled = now
        if now > min(deadline, settled + _INVALID_AFTER):
            raise CanvasError("NiFi finds components not valid: " + "; ".join(found))
        time.sleep(0.2)


def _problems(component: Any) -> list[str]:
    """What keeps a step or a service from being used just now."""
    if component.validation_status == "INVALID":
        return [f"{component.name}: {text}" for text in component.validation_errors]
    if _is_checked(component):
        return [f"{component.name}: NiFi still checks it"]
    return [f"{component.name}: it is disabled"] if component.state == "DISABLED" else []


def _is_checked(component: Any) -> bool:
    """Whether NiFi has not come to an end yet with a step or a service."""
    return bool(component.validation_status == "VALIDATING" or component.state == "ENABLING")


def _snapshots(aggregate: Any, kind: str) -> Iterator[Any]:
    part = kind.removesuffix("s").removeprefix("input_").removeprefix("output_")
    for entity in getattr(aggregate, kind) or ():
        snapshot = getattr(entity, part)
        if snapshot is not None:
            yield snapshot
    for child in aggregate.process_group_status_snapshots or ():
        yield from _snapshots(child.process_group_status_snapshot, kind)


def _wait(condition: Callable[[], bool], problem: str) -> None:
    """Wait until a condition on the canvas holds.

    Raises:
        CanvasError: it does not before the deadline.
    """
    deadline = time.monotonic() + _DEADLINE
    pause = 0.05
    with errors():
        while not condition():
            if time.monotonic() > deadline:
                raise CanvasError(
                    f"{problem} within {_DEADLINE:.0f} s", next_command="idemflow status"
                )
            time.sleep(pause)
            pause = min(pause * 1.5, 1.0)


def states(group: str) -> list[State]:
    """The state that the steps of a group keep, those with none left out.

    Args:
        group: id of the process group.
    """
    api = nipyapi.nifi.ProcessorsApi()
    found = []
    with errors():
        for part in processors(group):
            if not part.component.persists_state:
                continue
            state = api.get_state2(part.id).component_state
            entries = {
                entry.key: entry.value
                for scope in (state.local_state, state.cluster_state)
                if scope is not None
                for entry in scope.state or ()
            }
            if entries:
                found.append(State(part.id, part.component.name, entries))
    return found


def clear_state(state: State) -> None:
    """Forget what a step keeps; it is stopped for that, and started again if it ran.

    Raises:
        CanvasError: NiFi refused.
    """
    with errors():
        step = nipyapi.canvas.get_processor(state.id, "id")
        running = step.component.state == "RUNNING"
        if running:
            nipyapi.canvas.schedule_processor(step, False)
        try:
            nipyapi.nifi.ProcessorsApi().clear_state3(state.id)
        finally:
            if running:
                nipyapi.canvas.schedule_processor(
                    nipyapi.canvas.get_processor(state.id, "id"), True
                )
