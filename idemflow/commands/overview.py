"""``idemflow`` alone: what is the case in a project, and what to run next."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from idemflow import servers
from idemflow.config import paths
from idemflow.config.project_id import project_id
from idemflow.config.settings import Settings
from idemflow.errors import IdemflowError
from idemflow.pipeline.names import names as names_of
from idemflow.servers import ServerStatus

if TYPE_CHECKING:
    from idemflow.commands.status import PipelineStatus


@dataclass(frozen=True)
class Overview:
    """What is the case.

    Attributes:
        project: the project's folder; ``None`` outside a project.
        runtime: ``embedded``, ``external``, or ``mixed`` where one server is the user's own.
        servers: NiFi and Elasticsearch.
        names: the project's pipelines.
        pipelines: these on the canvas; ``None`` unless both servers answer.
        dead_letters: how many open ones a pipeline has, those with none left out.
        problem: what kept this from being found out.
        next_command: what to run next.
    """

    project: Path | None
    runtime: str | None = None
    servers: tuple[ServerStatus, ...] = ()
    names: tuple[str, ...] = ()
    pipelines: tuple[PipelineStatus, ...] | None = None
    dead_letters: dict[str, int] | None = None
    problem: str | None = None
    next_command: str | None = None


def overview(settings: Settings) -> Overview:
    """Look; nothing is asked of servers that do not run.

    Raises:
        IdemflowError: a setting of the user's own servers is missing.
    """
    if not paths.is_project(settings.project):
        return Overview(None)
    names = tuple(names_of(settings.project))
    found = tuple(servers.status(settings))
    pipelines, letters, problem = None, None, None
    if names and all(server.state == "running" for server in found):
        # Slow to import, and not needed where the servers are down.
        from idemflow.commands import status  # noqa: PLC0415

        there = status.pipelines(settings)
        pipelines = None if there is None else tuple(there)
        try:
            letters = _dead_letters(settings, names)
        except IdemflowError as error:
            problem = error.message
    return Overview(
        project=settings.project,
        runtime=settings.runtime,
        servers=found,
        names=names,
        pipelines=pipelines,
        dead_letters=letters,
        problem=problem,
        next_command=_next(settings, found, names, pipelines, letters or {}),
    )


def _dead_letters(settings: Settings, names: tuple[str, ...]) -> dict[str, int]:
    from idemflow.dead_letters.store import Filters  # noqa: PLC0415
    from idemflow.elasticsearch.ledger import DEAD_LETTERS, Ledger  # noqa: PLC0415
    from idemflow.elasticsearch.ownership import Owner, other_project  # noqa: PLC0415

    ledger = Ledger(servers.connect(settings).elasticsearch)
    try:
        project = project_id(settings)
        counts = {
            name: ledger.count(DEAD_LETTERS, Filters().query(name))
            for name in names
            if other_project(ledger, Owner(project, name)) is None
        }
    finally:
        ledger.close()
    return {name: count for name, count in counts.items() if count}


def _next(
    settings: Settings,
    found: tuple[ServerStatus, ...],
    names: tuple[str, ...],
    pipelines: tuple[PipelineStatus, ...] | None,
    letters: dict[str, int],
) -> str:
    if not names:
        return "idemflow new NAME --from FILE"
    if away := next((server.next_command for server in found if server.next_command), None):
        return away
    if pipelines is None:
        return "idemflow doctor" if settings.embedded else "idemflow status"
    if any(one.state == "invalid" or one.reasons or one.problem for one in pipelines):
        return "idemflow status"
    if letters:
        return f"idemflow dead-letters list {next(iter(letters))}"
    absent = [pipeline.name for pipeline in pipelines if pipeline.state == "not deployed"]
    by_hand = [one.name for one in pipelines if not (one.every or one.cron)]
    name = next(iter([*absent, *by_hand]), None)
    return f"idemflow run {name}" if name else "idemflow status"
