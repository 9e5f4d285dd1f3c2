"""``idemflow cancel``: drop what is on its way in a pipeline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from idemflow import servers
from idemflow.canvas import control, monitoring, process_groups
from idemflow.canvas.monitoring import Activity
from idemflow.commands._session import session
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
    with session(settings, pipeline) as opened:
        group = process_groups.find_id(pipeline)
        activity = monitoring.activity(group)
        remembers = opened.pipeline.collect.remembers
        if activity.idle or not confirm(pipeline, activity):
            return Cancelled(pipeline, 0, 0, done=False, source_reset=remembers)
        dropped, size = control.empty(group)
        return Cancelled(pipeline, dropped, size, done=True, source_reset=remembers)


def _pipeline(settings: Settings, name: str) -> str:
    """The pipeline of that name, or that a run of that id belongs to."""
    if name in spec.names(settings.project):
        return name
    ledger = Ledger(servers.connect(settings).elasticsearch)
    try:
        found = ledger.pipeline_of(name)
    finally:
        ledger.close()
    if found is None:
        raise UsageError(
            f"there is no run and no pipeline {name!r}; the ledger has a run once the first of "
            "its records is identified",
            next_command="idemflow status lists the pipelines; idemflow cancel PIPELINE",
        )
    return found
