"""``idemflow runs``: which runs there were, and what became of them."""

from __future__ import annotations

import logging
from dataclasses import replace

from idemflow import servers
from idemflow.canvas import client, monitoring, process_groups
from idemflow.config.project_id import project_id
from idemflow.config.settings import Settings
from idemflow.elasticsearch.history import PastRun, all_runs
from idemflow.elasticsearch.ledger import opened
from idemflow.elasticsearch.ownership import names_of
from idemflow.errors import IdemflowError, UsageError
from idemflow.servers import Target

_log = logging.getLogger(__name__)

# Seconds that NiFi may take to say whether records are on their way.
_WITHIN = 10.0


def runs(settings: Settings, pipeline: str | None, limit: int) -> list[PastRun]:
    """The newest runs of a pipeline, or of all of the project, whether their YAML is there or not.

    Args:
        settings: the resolved settings.
        pipeline: the pipeline's name; ``None`` for all.
        limit: how many runs at most.

    Returns:
        These, newest first.

    Raises:
        UsageError: the project has deployed no such pipeline.
    """
    target = servers.connect(settings)
    with opened(target.elasticsearch) as ledger:
        names = names_of(ledger, project_id(settings))
        if pipeline is not None and pipeline not in names:
            raise UsageError(
                f"the ledger knows no pipeline {pipeline!r} of this project",
                next_command=_known(names) or f"idemflow run {pipeline}",
            )
        wanted = names if pipeline is None else [pipeline]
        found = all_runs(ledger, wanted, limit)
        idle = _idle(settings, target, found)
        again = all_runs(ledger, wanted, limit) if any(idle.values()) else found
        return _judged(found, again, idle)


def show(settings: Settings, run: str) -> PastRun:
    """One run.

    Args:
        settings: the resolved settings.
        run: its id.

    Raises:
        UsageError: the project has no such run.
    """
    target = servers.connect(settings)
    with opened(target.elasticsearch) as ledger:
        names = names_of(ledger, project_id(settings))
        found = all_runs(ledger, names, 1, run=run)
        idle = _idle(settings, target, found)
        again = all_runs(ledger, names, 1, run=run) if any(idle.values()) else found
    if not found:
        raise UsageError(
            f"the ledger knows no run {run!r} of this project; runs older than the YAML's "
            "ledger.keep are forgotten",
            next_command="idemflow runs",
        )
    return _judged(found, again, idle)[0]


def _idle(settings: Settings, target: Target, runs: list[PastRun]) -> dict[str, bool]:
    """Whether nothing is on its way in each pipeline that has a run which has not ended; of none
    where NiFi does not answer."""
    names = {one.pipeline for one in runs if not one.ended and not one.report}
    found: dict[str, bool] = {}
    try:
        if names:
            client.connect(target.nifi, project_id(settings), within=_WITHIN)
        for name in names:
            group = process_groups.find(name)
            found[name] = group is None or monitoring.activity(group.id).idle
    except IdemflowError as error:
        _log.info("NiFi does not tell whether records are on their way: %s", error.message)
    return found


def _judged(found: list[PastRun], again: list[PastRun], idle: dict[str, bool]) -> list[PastRun]:
    """What has not ended although all that was on its way has come to an end, is cut off.

    Args:
        found: the runs, before NiFi was asked.
        again: the runs, after that: by then the ledger has what NiFi no longer had.
        idle: what NiFi said.
    """
    before = {one.run for one in found}
    return [
        replace(one, moving=not (idle[one.pipeline] and one.run in before))
        if one.pipeline in idle
        else one
        for one in again
    ]


def _known(names: list[str]) -> str:
    return f"idemflow runs list {names[0]}" if names else ""
