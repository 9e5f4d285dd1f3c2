"""Start, stop and schedule what is in a pipeline's process group."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from typing import Any

import nipyapi

from idemflow.canvas.client import errors
from idemflow.canvas.monitoring import activity, bulletins, last_bulletin, snapshots, status
from idemflow.canvas.process_groups import TRIGGERS, controller_services, processors, trigger
from idemflow.drawing.collect import TRIGGER
from idemflow.errors import CanvasError

_DEADLINE = 60.0
_VALID_WITHIN = 20.0
# How long a stopped step may take to end what it does, before it is interrupted.
_END_OF_TASKS = 15.0
# NiFi looks at components that are not valid every 5 s: one that still is not then, with nothing
# left to wait for, will not be.
_INVALID_AFTER = 8.0
# In NiFi's words of a service that threw when it was to be enabled.
_NOT_ENABLED = "@OnEnabled"

_log = logging.getLogger(__name__)


def start_steps(group: str, leave: Collection[str] = ()) -> None:
    """Enable the services of a group and start all of it but the triggers.

    Args:
        group: id of the process group.
        leave: ids of components that stay as they are.

    Raises:
        CanvasError: a component is not valid, with what NiFi says of it.
    """
    with errors():
        parts = [*enable_services(group), *_stopped_ports(group)]
        waiting = [
            part
            for part in parts
            if part.component.name not in TRIGGERS
            and part.component.state == "STOPPED"
            and part.id not in leave
        ]
        if not waiting:
            return
        _log.info("starting %d components of group %s", len(waiting), group)
        nipyapi.canvas.schedule_components(group, True, waiting)
    expected = {part.id for part in waiting}
    _wait(
        lambda: all(
            item.run_status == "Running"
            for item in snapshots(status(group), "processor_status_snapshots")
            if item.id in expected
        ),
        "the steps of the pipeline do not start",
    )


def run_once(group: str, name: str = TRIGGER) -> None:
    """Start one run, as Run Once on the canvas does.

    Args:
        group: id of the process group.
        name: the processor that starts it.
    """
    _log.info("running %r of group %s once", name, group)
    processor = trigger(group, name)
    if _is_checked(processor.component):
        # NiFi would drop the request without a word.
        _wait(
            lambda: not _is_checked(trigger(group, name).component),
            f"NiFi does not finish checking {name!r}",
        )
    if processor.component.state == "RUNNING":
        # NiFi's Start of the whole group starts it, too, to wait for ever.
        with errors():
            nipyapi.canvas.schedule_processor(processor, False)
        processor = trigger(group, name)
    with errors():
        if not nipyapi.canvas.schedule_processor(processor, "RUN_ONCE"):
            raise CanvasError(f"{name!r} did not run")


def clock() -> str:
    """What NiFi calls the zone of its own clock just now, such as ``UTC`` or ``CEST``."""
    with errors():
        return str(nipyapi.nifi.FlowApi().get_about_info().about.timezone)


def stop(group: str) -> None:
    """Stop all components of a group; what is queued stays queued."""
    _log.info("stopping group %s", group)
    with errors():
        nipyapi.canvas.schedule_components(group, False)
    _wait(
        lambda: activity(group).active == 0,
        "a step of the pipeline does not stop",
    )


def empty(group: str) -> tuple[int, int]:
    """Drop all that is on its way in a group; what ran before runs again afterwards.

    A task that does not end by itself is interrupted: what it did not commit is undone.

    Returns:
        How many FlowFiles were dropped, and their contents' size in bytes.
    """
    running, _ = steps(group)
    api = nipyapi.nifi.ProcessGroupsApi()
    with errors():
        for part in processors(group):
            if part.id in running:
                nipyapi.canvas.schedule_processor(part, False)
        _end_tasks(group)
        before = activity(group)
        started = api.create_empty_all_connections_request(group)
        request = started.drop_request.id
        _wait(
            lambda: bool(api.get_drop_all_flowfiles_request(group, request).drop_request.finished),
            "NiFi does not empty the queues",
        )
        api.remove_drop_request1(group, request)
        _wait(lambda: activity(group).queued == 0, "the queues are not empty")
    if running:
        start_steps(group, leave=steps(group)[1] - running)
    return before.queued, before.queued_bytes


def _end_tasks(group: str) -> None:
    """Wait for tasks to end, and interrupt those that do not."""
    deadline = time.monotonic() + _END_OF_TASKS
    while activity(group).active and time.monotonic() < deadline:
        time.sleep(0.2)
    api = nipyapi.nifi.ProcessorsApi()
    for item in snapshots(status(group), "processor_status_snapshots"):
        if item.active_thread_count:
            _log.warning("interrupting %r", item.name)
            api.terminate_processor(item.id)


def disable_services(group: str) -> None:
    """Disable the services of a group, whose steps must be stopped."""
    disabled = nipyapi.nifi.ActivateControllerServicesEntity(id=group, state="DISABLED")
    with errors():
        nipyapi.nifi.FlowApi().activate_controller_services(id=group, body=disabled)
    _wait(
        lambda: all(one.component.state == "DISABLED" for one in controller_services(group)),
        "a controller service of the pipeline is not disabled",
    )


def _stopped_ports(group: str) -> list[Any]:
    aggregate = status(group)
    reads: dict[str, Callable[[str], Any]] = {
        "input": nipyapi.nifi.InputPortsApi().get_input_port,
        "output": nipyapi.nifi.OutputPortsApi().get_output_port,
    }
    return [
        read(item.id)
        for kind, read in reads.items()
        for item in snapshots(aggregate, f"{kind}_port_status_snapshots")
        if item.run_status == "Stopped"
    ]


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
    found = [part for part in processors(group) if part.component.name not in TRIGGERS]
    running = {str(part.id) for part in found if part.component.state == "RUNNING"}
    return running, {str(part.id) for part in found} - running


def enable_services(group: str) -> list[nipyapi.nifi.ProcessorEntity]:
    """Enable the services of a group, and wait until NiFi finds its components valid.

    NiFi passes over services that it still checks when it is asked to enable all: it is asked
    again. A step is checked anew some time after a service that it needs was enabled; what NiFi
    says of it before that is of the past.

    Returns:
        The group's processors.

    Raises:
        CanvasError: it goes on finding components not valid, or could not enable a service; with
            what is said of them.
    """
    before = last_bulletin()
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
        refused = _refusals(group, services, before)
        if refused or now > min(deadline, settled + _INVALID_AFTER):
            raise CanvasError("NiFi finds components not valid: " + "; ".join(refused or found))
        time.sleep(0.2)


def _problems(component: Any) -> list[str]:
    """What keeps a step or a service from being used just now."""
    if component.validation_status == "INVALID":
        return [f"{component.name}: {text}" for text in component.validation_errors]
    if component.state == "ENABLING":
        return [f"{component.name}: it is not enabled yet"]
    if _is_checked(component):
        return [f"{component.name}: NiFi still checks it"]
    return [f"{component.name}: it is disabled"] if component.state == "DISABLED" else []


def _refusals(group: str, services: Collection[Any], after: int) -> list[str]:
    """What services say that NiFi could not enable since a bulletin; it tries again after a pause.

    A driver that is not there is noticed only then: no validation finds it.
    """
    tried = {service.id for service in services if service.component.state == "ENABLING"}
    said = bulletins(group, after, among=tried) if tried else []
    return [f"{one.name}: {one.said}" for one in said if _NOT_ENABLED in one.message]


def _is_checked(component: Any) -> bool:
    """Whether NiFi has not come to an end yet with a step or a service."""
    return bool(component.validation_status == "VALIDATING" or component.state == "ENABLING")


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
