"""When the pipeline on the canvas runs by itself: the step *On schedule*.

The YAML's schedule is what ``deploy`` draws. What is set on the canvas afterwards, by ``idemflow
start`` or by hand, is the operator's: it is no drift, and a deployment leaves it until the YAML
itself says something else.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import nipyapi

from idemflow.canvas import flow_file
from idemflow.canvas.client import errors
from idemflow.canvas.process_groups import processors, trigger
from idemflow.drawing.boxes import Json
from idemflow.drawing.collect import OF_YAML, SCHEDULE, TRIGGER, Timing
from idemflow.pipeline.schedule import Schedule
from idemflow.steps.schedule import CRON, TIMEZONE

_STARTS = (SCHEDULE, TRIGGER)
_PROPERTIES = (CRON, TIMEZONE)
_FIELDS = ("schedulingStrategy", "schedulingPeriod")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OnCanvas:
    """The schedule that a pipeline has on the canvas.

    Attributes:
        schedule: that; false where it runs by hand only.
        of_yaml: whether it is the one that the YAML had when it was deployed.
        started: whether it is followed.
    """

    schedule: Schedule
    of_yaml: bool
    started: bool

    @property
    def runs(self) -> bool:
        """Whether runs start by themselves."""
        return self.started and bool(self.schedule)


def find(group: str) -> OnCanvas:
    """The schedule of a pipeline's process group.

    Raises:
        CanvasError: an operator took the step away, or an older idemflow drew the group.
    """
    return _read(trigger(group, SCHEDULE).component)


def runs(group: str) -> OnCanvas | None:
    """The schedule by which runs start by themselves, if they do.

    It is that of *Start a run* where an operator gave it one, or an older idemflow drew it so.
    """
    every = (_read(part.component) for part in processors(group) if part.component.name in _STARTS)
    return next((found for found in every if found.runs), None)


def put(group: str, schedule: Schedule) -> None:
    """Set it; nothing where it is so already.

    Raises:
        CanvasError: NiFi does not take it; the one before goes on.
    """
    timing = schedule.timing()
    with errors():
        step = trigger(group, SCHEDULE)
        if _timing(step.component) == timing:
            return
        _log.info("group %s runs %s", group, schedule)
        wanted = nipyapi.nifi.ProcessorConfigDTO(
            scheduling_strategy=timing.strategy,
            scheduling_period=timing.period,
            properties={name: timing.properties.get(name) for name in _PROPERTIES},
        )
        try:
            nipyapi.canvas.update_processor(step, wanted, auto_stop=True)
        finally:
            # It was stopped for that; where NiFi refused, it goes on as it was.
            follow(group, started=step.component.state == "RUNNING")


def follow(group: str, *, started: bool) -> None:
    """Start or stop to follow it; nothing where it is so already."""
    step = trigger(group, SCHEDULE)
    if (step.component.state == "RUNNING") != started:
        _log.info("%s the schedule of group %s", "starting" if started else "stopping", group)
        with errors():
            nipyapi.canvas.schedule_processor(step, started)


def stop(group: str) -> None:
    """Stop whatever starts runs by itself."""
    with errors():
        for part in processors(group):
            if part.component.name in _STARTS and part.component.state == "RUNNING":
                _log.info("stopping %r of group %s", part.component.name, group)
                nipyapi.canvas.schedule_processor(part, False)


def keep(definition: Json, live: Mapping[str, Any]) -> Json:
    """A flow definition with the schedule that the canvas has, if the YAML says what it said.

    Args:
        definition: the flow definition that is wanted.
        live: the one that NiFi exports.
    """
    kept = copy.deepcopy(definition)
    wanted, there = _step(kept), _step(live)
    if wanted is None or there is None:
        return kept
    if wanted["properties"].get(OF_YAML) == there["properties"].get(OF_YAML):
        wanted.update({name: there[name] for name in _FIELDS})
        for name in _PROPERTIES:
            wanted["properties"].pop(name, None)
            if name in there["properties"]:
                wanted["properties"][name] = there["properties"][name]
    return kept


def without(definition: Json) -> Json:
    """A flow definition without what an operator may set."""
    left = copy.deepcopy(definition)
    if (step := _step(left)) is not None:
        for name in _FIELDS:
            step.pop(name, None)
        for name in _PROPERTIES:
            step["properties"].pop(name, None)
    return left


def _step(definition: Mapping[str, Any]) -> Any:
    parts = flow_file.parts(definition["flowContents"])
    return next((part for part in parts if part["name"] == SCHEDULE), None)


def _read(step: nipyapi.nifi.ProcessorDTO) -> OnCanvas:
    schedule = Schedule.of(_timing(step))
    of_yaml = str(schedule) == step.config.properties.get(OF_YAML)
    return OnCanvas(schedule, of_yaml, step.state == "RUNNING")


def _timing(step: nipyapi.nifi.ProcessorDTO) -> Timing:
    config = step.config
    found = {name: config.properties.get(name) for name in _PROPERTIES}
    return Timing(
        config.scheduling_strategy,
        config.scheduling_period,
        {name: value for name, value in found.items() if value is not None},
    )
