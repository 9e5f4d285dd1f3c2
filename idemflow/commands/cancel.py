"""``idemflow cancel``: drop what is on its way in a pipeline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from idemflow import servers
from idemflow.canvas import client, component_state, control, monitoring, ownership, process_groups
from idemflow.canvas.monitoring import Activity
from idemflow.commands._session import connection
from idemflow.config.project_id import project_id
from idemflow.config.settings import Settings
from idemflow.elasticsearch.ledger import Ledger
from idemflow.errors import UsageError
from idemflow.pipeline import spec


@dataclass(frozen=True)
class Cancelled:
    """What was dropped.

    Attributes:
        pipeline: the pipeline's name.
        flow_files: how many FlowFiles; each is one record or many.
        bytes: their size.
        done: whether anything was dropped.
        source_reset: whether the source remembers that it has read what was dropped.
    """

    pipeline: str
    flow_files: int
    bytes: int
    done: bool
    source_reset: bool


def cancel(settings: Settings, name: str, confirm: Callable[[str, Activity], bool]) -> Cancelled:
    """Drop all that is on its way in a pipeline: the records of every run of it.

    What is in the index stays there. The steps go on afterwards.

    Args:
        settings: the resolved settings.
        name: a run's id, or a pipeline's name.
        confirm: asked with the pipeline's name and what is on its way before it is dropped.

    Raises:
        UsageError: there is no such run and no such pipeline, or it is not on the canvas.
        CanvasError: NiFi does not do it.
    """
    pipeline = _pipeline(settings, name)
    with connection(settings, pipeline):
        group = process_groups.find_id(pipeline)
        activity = monitoring.activity(group)
        remembers = _remembers(settings, pipeline, group)
        if activity.idle or not confirm(pipeline, activity):
            return Cancelled(pipeline, 0, 0, done=False, source_reset=remembers)
        dropped, size = control.empty(group)
        return Cancelled(pipeline, dropped, size, done=True, source_reset=remembers)


def _remembers(settings: Settings, name: str, group: str) -> bool:
    """Whether a later run may leave out what this one has read."""
    try:
        return spec.load(settings.project, name).collect.remembers
    except UsageError:  # the canvas knows it as well, once something was read
        return bool(component_state.read(group))


def _pipeline(settings: Settings, name: str) -> str:
    """The pipeline of that name, or that a run of that id belongs to."""
    if name in spec.names(settings.project):
        return name
    target = servers.connect(settings)
    ledger = Ledger(target.elasticsearch)
    try:
        found = ledger.pipeline_of(name)
    finally:
        ledger.close()
    client.connect(target.nifi, project_id(settings))
    if found is None and ownership.find(name).group is not None:
        return name  # its file is gone
    if found is None:
        raise UsageError(
            f"there is no run and no pipeline {name!r}; the ledger has a run once the first of "
            "its records is identified",
            next_command="idemflow status lists the pipelines; idemflow cancel PIPELINE",
        )
    return found
