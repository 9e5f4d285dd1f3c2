"""``idemflow runs``: which runs there were, and what became of them."""

from __future__ import annotations

from idemflow import servers
from idemflow.config.project_id import project_id
from idemflow.config.settings import Settings
from idemflow.elasticsearch.history import PastRun, past_runs
from idemflow.elasticsearch.ledger import opened
from idemflow.elasticsearch.ownership import names_of
from idemflow.errors import UsageError


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
    with opened(servers.connect(settings).elasticsearch) as ledger:
        names = names_of(ledger, project_id(settings))
        if pipeline is not None and pipeline not in names:
            raise UsageError(
                f"the ledger knows no pipeline {pipeline!r} of this project",
                next_command=_known(names) or f"idemflow run {pipeline}",
            )
        wanted = names if pipeline is None else [pipeline]
        return past_runs(ledger, {"terms": {"pipeline": wanted}}, limit)


def show(settings: Settings, run: str) -> PastRun:
    """One run.

    Args:
        settings: the resolved settings.
        run: its id.

    Raises:
        UsageError: the project has no such run.
    """
    with opened(servers.connect(settings).elasticsearch) as ledger:
        names = names_of(ledger, project_id(settings))
        found = past_runs(ledger, {"ids": {"values": [run]}}, 1)
    if not found or found[0].pipeline not in names:
        raise UsageError(
            f"the ledger knows no run {run!r} of this project; runs older than the YAML's "
            "ledger.keep are forgotten",
            next_command="idemflow runs",
        )
    return found[0]


def _known(names: list[str]) -> str:
    return f"idemflow runs list {names[0]}" if names else ""
